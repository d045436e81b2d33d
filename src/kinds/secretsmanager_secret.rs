//! `AWS::SecretsManager::Secret`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{
    self, Filter, FilterNameStringType, ReplicaRegionType, SecretListEntry, StatusType,
};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::prefix;
use super::reply::{collect, gone};
use super::secretsmanager::describe;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, ADDRESS_TAG, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Loss, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Secret;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generate_secret_string: Option<Recipe>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replica_regions: Option<BTreeSet<Replica>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

/// How a value is made. It holds no secret.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Recipe {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclude_characters: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclude_lowercase: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclude_numbers: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclude_punctuation: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclude_uppercase: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generate_string_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    include_space: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_length: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    require_each_included_type: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_string_template: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Replica {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    region: String,
}

/// A secret as it was told of.
#[derive(Debug)]
pub struct Live {
    secret: DescribeSecretOutput,
    by: By,
}

#[derive(Debug)]
enum By {
    /// Maybe not of now, and without replicas.
    List,
    Itself,
}

/// A secret value on its way from one call into the next. Nothing can show it.
struct Generated(String);

impl Kind for Secret {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::SecretsManager::Secret";
    const DOC: &'static str = "A secret whose value Secrets Manager generates. \
        It is there at once; with replicas it waits until they are in sync. \
        `SecretString` is not supported: a plain value may not stand in a blueprint. Without `GenerateSecretString` the \
        secret is made without a value, for something else to put it in. The value itself is never read; what is \
        compared is the recorded recipe, and another recipe makes another value. \
        The deletion policy `Snapshot` schedules the deletion in 30 days, `Delete` leaves nothing to recover; nothing \
        blocks it. A scheduled secret counts as absent. If its name is asked for again by the same owner it is \
        restored and gets a new value; the value that it had stays its version `AWSPREVIOUS`.";
    const FIELDS: &'static [Field] = &[
        Field::updates("Description", "What the secret is for."),
        Field::updates("GenerateSecretString", "How its value is generated.").write_only(),
        Field::updates(
            "KmsKeyId",
            "The ARN of the key that encrypts it; `aws/secretsmanager` without.",
        ),
        Field::replaces("Name", "Its name, unique in the account and region."),
        Field::updates("ReplicaRegions", "The regions that hold a copy.").set(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Id", "The ARN of the secret, as `Fn::GetAtt` names it."),
        Output::with_id("Name", "The name of the secret."),
        Output::with_id("SecretArn", "The ARN of the secret."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const LOSS: Loss = Loss::Data;
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.secret.name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let live = &live.secret;
        Spec {
            description: Some(live.description().unwrap_or_default().into()),
            generate_secret_string: None,
            kms_key_id: live.kms_key_id.clone(),
            name: live.name().unwrap_or_default().into(),
            replica_regions: Some(replicas(live)),
            tags: Some(tags_of(live.tags())),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let Live { secret, .. } = live;
        outputs([("Id", secret.arn()), ("Name", secret.name()), ("SecretArn", secret.arn())])
    }

    fn readiness(live: &Live) -> Readiness {
        // A replica that failed does not make the secret fail, which would mean to replace it.
        let behind = live
            .secret
            .replication_status()
            .iter()
            .find(|replica| replica.status() != Some(&StatusType::InSync));
        match behind {
            None => Readiness::Ready,
            Some(replica) => {
                let status = replica.status().map_or("InProgress", StatusType::as_str);
                let region = replica.region().unwrap_or_default();
                let message = replica.status_message().unwrap_or_default();
                let text = format!("replica in {region} is {status} {message}");
                Readiness::Pending(text.trim_end().to_owned().into())
            }
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        owner_of(&live.secret)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut names = owned(cx, wanted).await?;
        names.extend(wanted.iter().filter_map(Lookup::id).map(str::to_owned));
        let listed = listed(cx, &names).await?;
        let unlisted = names.iter().filter(|name| !listed.contains_key(*name));
        let asked: Vec<_> = unlisted.map(|name| describe(cx, name)).collect();
        let found: Vec<_> = stream::iter(asked).buffer_unordered(READS_MAX).try_collect().await?;
        let found = found.into_iter().flatten().filter(|secret| secret.deleted_date.is_none());
        let told = |secret, by| Live { secret, by };
        let listed = listed.into_values().map(|secret| told(secret, By::List));
        Ok(listed.chain(found.map(|secret| told(secret, By::Itself))).collect())
    }

    /// `ListSecrets` may be five minutes behind, says its documentation, and tells no replicas: it may confirm what is
    /// known. All else takes a call for each secret, which has no such lag and a limit of 10,000 a second.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let seen = Self::spec(&live);
        let confirmed = !compared.has("ReplicaRegions")
            && compared.confirms("Description", &seen.description)
            && compared.confirms("KmsKeyId", &seen.kms_key_id)
            && compared.confirms("Tags", &seen.tags);
        match live.by {
            By::List if !confirmed => {
                let secret = describe(cx, &seen.name).await?;
                let there = secret.filter(|secret| secret.deleted_date.is_none());
                Ok(there.map(|secret| Live { secret, by: By::Itself }))
            }
            By::List | By::Itself => Ok(Some(live)),
        }
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let value = generated(cx, spec.generate_secret_string.as_ref()).await?;
        let tags = spec.tags.as_ref().map(|tags| tags.0.iter().map(tag).collect());
        let replicas = spec.replica_regions.as_ref().filter(|replicas| !replicas.is_empty());
        let made = cx
            .secrets
            .create_secret()
            .name(&spec.name)
            .client_request_token(&token.0)
            .set_description(spec.description.clone())
            .set_kms_key_id(spec.kms_key_id.clone())
            .set_secret_string(value.as_ref().map(Generated::reveal))
            .set_tags(tags)
            .set_add_replica_regions(replicas.map(|all| all.iter().map(replica).collect()))
            .send()
            .await
            .map_err(Fault::from);
        match made {
            // A name that waits for its deletion is refused; whether as taken or as busy depends on how far it is.
            Err(fault) if fault.is(Class::Busy) || fault.is(Class::Exists) => {
                restore(cx, spec, token, value, fault).await?;
            }
            made => drop(made?),
        }
        Ok(PhysicalId::new(&spec.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        if ["Description", "GenerateSecretString", "KmsKeyId"].iter().any(|row| update.has(row)) {
            let recipe = to.generate_secret_string.as_ref();
            let recipe = recipe.filter(|_| update.has("GenerateSecretString"));
            let value = generated(cx, recipe).await?;
            cx.secrets
                .update_secret()
                .secret_id(id.as_str())
                .set_description(to.description.clone())
                .set_kms_key_id(to.kms_key_id.clone())
                .set_secret_string(value.as_ref().map(Generated::reveal))
                .send()
                .await?;
        }
        if update.has("ReplicaRegions") {
            replicate(cx, id, to.replica_regions.as_ref().unwrap_or(&BTreeSet::new())).await?;
        }
        if update.has("Tags") {
            let change = tags::change_of(&update.from.tags, &to.tags);
            if !change.set.is_empty() {
                let set = change.set.iter().map(tag).collect();
                let ask = cx.secrets.tag_resource().secret_id(id.as_str());
                ask.set_tags(Some(set)).send().await?;
            }
            if !change.remove.is_empty() {
                let ask = cx.secrets.untag_resource().secret_id(id.as_str());
                ask.set_tag_keys(Some(change.remove)).send().await?;
            }
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        _: &Spec,
        policy: DeletionPolicy,
    ) -> Result<(), Fault> {
        let live = match describe(cx, id.as_str()).await? {
            Some(live) if live.deleted_date.is_none() => live,
            _ => return Ok(()),
        };
        // A secret with copies elsewhere cannot be deleted.
        if !live.replication_status().is_empty() {
            replicate(cx, id, &BTreeSet::new()).await?;
        }
        let ask = cx.secrets.delete_secret().secret_id(id.as_str());
        let ask = match policy {
            DeletionPolicy::Delete => ask.force_delete_without_recovery(true),
            DeletionPolicy::Snapshot | DeletionPolicy::Retain => {
                ask.recovery_window_in_days(RECOVERY_WINDOW_DAYS)
            }
        };
        gone(ask.send().await)
    }
}

/// The longest that Secrets Manager offers, and its default.
const RECOVERY_WINDOW_DAYS: i64 = 30;
/// A filter of `ListSecrets` takes ten values.
const FILTER_VALUES_MAX: usize = 10;
/// Its largest page.
const PAGE_MAX: i32 = 100;
/// Secrets that are read at once.
const READS_MAX: usize = 16;
/// The name of the key that is used where none is named.
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

impl Generated {
    fn reveal(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Debug for Generated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Generated(..)")
    }
}

/// Those of the names that the list knows. Its filter matches beginnings: of up to ten names, or else the one that all
/// of them have, such as the stack's. A single name is spared a call.
async fn listed(
    cx: &Cx,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, DescribeSecretOutput>, Fault> {
    let beginnings = match names.len() {
        0 | 1 => return Ok(BTreeMap::new()),
        2..=FILTER_VALUES_MAX => names.iter().cloned().collect(),
        _ => prefix::common(names.iter().map(String::as_str)).into_iter().collect(),
    };
    let filter = Filter::builder().key(FilterNameStringType::Name);
    let filter = filter.set_values(Some(beginnings)).build();
    let filters = (!filter.values().is_empty()).then(|| vec![filter]);
    let pages = cx.secrets.list_secrets().set_filters(filters).into_paginator();
    let pages = collect(pages.page_size(PAGE_MAX).send()).await?.into_iter();
    let listed = pages.flat_map(|page| page.secret_list.unwrap_or_default());
    let wanted = listed.filter_map(|entry| {
        let name = entry.name.clone().filter(|name| names.contains(name))?;
        Some((name, of_list(entry)))
    });
    Ok(wanted.collect())
}

fn of_list(entry: SecretListEntry) -> DescribeSecretOutput {
    DescribeSecretOutput::builder()
        .set_arn(entry.arn)
        .set_name(entry.name)
        .set_description(entry.description)
        .set_kms_key_id(entry.kms_key_id)
        .set_tags(entry.tags)
        .build()
}

/// The names of the secrets that carry the tags of an owner in `wanted`.
async fn owned(cx: &Cx, wanted: &[Lookup]) -> Result<BTreeSet<String>, Fault> {
    let owners: Vec<&Owner> = wanted
        .iter()
        .filter_map(|lookup| match lookup {
            Lookup::Id(_) => None,
            Lookup::Owner { owner, .. } => Some(owner),
        })
        .collect();
    let asked = owners.chunks(FILTER_VALUES_MAX).map(|owners| {
        let addresses = owners.iter().map(|owner| owner.address.as_str().to_owned()).collect();
        let filter = |key, values| Filter::builder().key(key).set_values(Some(values)).build();
        let ask = cx
            .secrets
            .list_secrets()
            .filters(filter(FilterNameStringType::TagKey, vec![ADDRESS_TAG.into()]))
            .filters(filter(FilterNameStringType::TagValue, addresses));
        collect(ask.into_paginator().send())
    });
    let pages = try_join_all(asked).await?.into_iter().flatten();
    let found = pages.flat_map(|page| page.secret_list.unwrap_or_default());
    // The filters match prefixes.
    let ours = found.filter(|secret| {
        tags::owner(&tags_of(secret.tags()).0).is_some_and(|owner| owners.contains(&&owner))
    });
    Ok(ours.filter_map(|secret| secret.name).collect())
}

/// A new value by this recipe; `None` without one.
async fn generated(cx: &Cx, recipe: Option<&Recipe>) -> Result<Option<Generated>, Fault> {
    let Some(recipe) = recipe else { return Ok(None) };
    let reply = cx
        .secrets
        .get_random_password()
        .set_exclude_characters(recipe.exclude_characters.clone())
        .set_exclude_lowercase(recipe.exclude_lowercase)
        .set_exclude_numbers(recipe.exclude_numbers)
        .set_exclude_punctuation(recipe.exclude_punctuation)
        .set_exclude_uppercase(recipe.exclude_uppercase)
        .set_include_space(recipe.include_space)
        .set_password_length(recipe.password_length)
        .set_require_each_included_type(recipe.require_each_included_type)
        .send()
        .await?;
    let password = Generated(reply.random_password.required("random password")?);
    filled(recipe, password).map(Some).map_err(|wrong| Fault::new(Class::Invalid, wrong))
}

/// The recipe's template with the password in it, or the password alone.
fn filled(recipe: &Recipe, password: Generated) -> Result<Generated, &'static str> {
    let (template, key) = match (&recipe.secret_string_template, &recipe.generate_string_key) {
        (None, None) => return Ok(password),
        (Some(template), Some(key)) => (template, key),
        _ => return Err("`SecretStringTemplate` and `GenerateStringKey` need each other"),
    };
    let mut members: Map<String, Value> = serde_json::from_str(template)
        .map_err(|_| "`SecretStringTemplate` is not the text of a JSON object")?;
    members.insert(key.clone(), Value::String(password.0));
    Ok(Generated(Value::Object(members).to_string()))
}

/// Brings a secret of ours back that waits for its deletion, as `spec` wants it. Anything else stays `refused`.
async fn restore(
    cx: &Cx,
    spec: &Spec,
    token: &Token,
    value: Option<Generated>,
    refused: Fault,
) -> Result<(), Fault> {
    let id = PhysicalId::new(&spec.name);
    let none = Tags::default();
    let wanted = spec.tags.as_ref().unwrap_or(&none);
    let Some(live) = describe(cx, &spec.name).await? else { return Err(refused) };
    if live.deleted_date.is_none() {
        return Err(refused);
    }
    let owner = tags::owner(&wanted.0);
    if owner.is_none() || owner != owner_of(&live) {
        // Waiting would be for up to 30 days.
        let message = format!(
            "{}: a secret `{}` that is not of this address waits for its deletion; restore it \
             (`aws secretsmanager restore-secret`), delete it for good, or choose another name",
            refused.message, spec.name
        );
        return Err(Fault { class: Class::Exists, message, ..refused });
    }
    let restored = cx.secrets.restore_secret().secret_id(id.as_str()).send().await;
    restored.map_err(Fault::from)?;
    let rest = async {
        cx.secrets
            .update_secret()
            .secret_id(id.as_str())
            .client_request_token(&token.0)
            .set_description(spec.description.clone())
            .set_kms_key_id(spec.kms_key_id.clone())
            .set_secret_string(value.as_ref().map(Generated::reveal))
            .send()
            .await?;
        let set = wanted.0.iter().map(tag).collect();
        cx.secrets.tag_resource().secret_id(id.as_str()).set_tags(Some(set)).send().await?;
        match &spec.replica_regions {
            Some(replicas) => replicate(cx, &id, replicas).await,
            None => Ok(()),
        }
    };
    rest.await.map_err(|fault: Fault| fault.leaving(&id))
}

/// Keeps copies in exactly these regions, starting from what is now.
async fn replicate(cx: &Cx, id: &PhysicalId, to: &BTreeSet<Replica>) -> Result<(), Fault> {
    let now = describe(cx, id.as_str()).await?.map(|live| replicas(&live)).unwrap_or_default();
    let (add, remove) = replication(&now, to);
    if !remove.is_empty() {
        let ask = cx.secrets.remove_regions_from_replication().secret_id(id.as_str());
        ask.set_remove_replica_regions(Some(remove)).send().await?;
    }
    if !add.is_empty() {
        let ask = cx.secrets.replicate_secret_to_regions().secret_id(id.as_str());
        ask.set_add_replica_regions(Some(add)).send().await?;
    }
    Ok(())
}

/// What to add and what to remove; a replica's key changes by both.
fn replication(
    now: &BTreeSet<Replica>,
    to: &BTreeSet<Replica>,
) -> (Vec<ReplicaRegionType>, Vec<String>) {
    let add = to.difference(now).map(replica).collect();
    let remove = now.difference(to).map(|replica| replica.region.clone()).collect();
    (add, remove)
}

fn replicas(live: &DescribeSecretOutput) -> BTreeSet<Replica> {
    let replica = |status: &types::ReplicationStatusType| Replica {
        kms_key_id: status.kms_key_id.clone().filter(|key| key != DEFAULT_KEY),
        region: status.region().unwrap_or_default().into(),
    };
    live.replication_status().iter().map(replica).collect()
}

fn replica(replica: &Replica) -> ReplicaRegionType {
    ReplicaRegionType::builder()
        .region(&replica.region)
        .set_kms_key_id(replica.kms_key_id.clone())
        .build()
}

fn owner_of(secret: &DescribeSecretOutput) -> Option<Owner> {
    tags::owner(&tags_of(secret.tags()).0)
}

fn tags_of(tags: &[types::Tag]) -> Tags {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Tags::read(tags.iter().map(|tag| (text(tag.key()), text(tag.value()))))
}

fn tag((key, value): (&String, &String)) -> types::Tag {
    types::Tag::builder().key(key).value(value).build()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_live_secret_is_seen_without_its_value() {
        let live = DescribeSecretOutput::builder()
            .arn("arn:secret")
            .name("orders/db")
            .kms_key_id("arn:key")
            .tags(tag((&"a".into(), &"1".into())))
            .build();
        let live = Live { secret: live, by: By::Itself };
        assert_eq!(Secret::readiness(&live), Readiness::Ready);
        assert_eq!(Secret::outputs(&live)["SecretArn"], "arn:secret");
        assert_eq!(
            serde_json::to_value(Secret::spec(&live)).unwrap(),
            json!({
                "Description": "", "KmsKeyId": "arn:key", "Name": "orders/db",
                "ReplicaRegions": [], "Tags": [{"Key": "a", "Value": "1"}],
            })
        );
    }

    #[test]
    fn a_secret_waits_for_its_replicas() {
        let replica = types::ReplicationStatusType::builder()
            .region("eu-central-1")
            .kms_key_id(DEFAULT_KEY)
            .status(StatusType::InProgress);
        let live =
            DescribeSecretOutput::builder().name("s").replication_status(replica.build()).build();
        let live = Live { secret: live, by: By::Itself };
        let waiting = Readiness::Pending("replica in eu-central-1 is InProgress".into());
        assert_eq!(Secret::readiness(&live), waiting);
        assert_eq!(
            serde_json::to_value(Secret::spec(&live)).unwrap()["ReplicaRegions"],
            json!([{"Region": "eu-central-1"}])
        );
    }

    #[test]
    fn a_template_gets_the_password_and_nothing_shows_it() {
        let recipe = |value| serde_json::from_value::<Recipe>(value).unwrap();
        let fill = |value| filled(&recipe(value), Generated("p".into()));
        assert_eq!(fill(json!({"PasswordLength": 40})).unwrap().reveal(), "p");
        let whole = json!({
            "SecretStringTemplate": "{\"username\": \"app\"}", "GenerateStringKey": "password",
        });
        let secret = fill(whole).unwrap();
        assert_eq!(secret.reveal(), r#"{"password":"p","username":"app"}"#);
        assert_eq!(format!("{secret:?}"), "Generated(..)");
        assert!(fill(json!({"GenerateStringKey": "password"})).is_err());
        let list = json!({"SecretStringTemplate": "[]", "GenerateStringKey": "password"});
        assert!(fill(list).is_err());
    }

    #[test]
    fn replicas_change_by_what_differs() {
        let replicas = |value| serde_json::from_value::<BTreeSet<Replica>>(value).unwrap();
        let now = replicas(json!([{"Region": "a"}, {"Region": "b"}]));
        let to = replicas(json!([{"Region": "b", "KmsKeyId": "k"}, {"Region": "c"}]));
        let (add, remove) = replication(&now, &to);
        let regions: Vec<_> = add.iter().map(|replica| replica.region().unwrap()).collect();
        assert_eq!(regions, ["c", "b"]);
        assert_eq!(remove, ["a", "b"]);
    }
}
