//! `AWS::IAM::ManagedPolicy`

use std::collections::BTreeSet;
use std::fmt::Display;

use aws_sdk_iam::types::{self, EntityType, ManagedPolicyDetail, PolicyVersion};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ec2::{collect, gone};
use super::{document, iam};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault, Required, found};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Scope,
    TAGS, Tagging, Token, Typical, Update, outputs,
};

pub struct ManagedPolicy;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    managed_policy_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(deserialize_with = "document::deserialize")]
    policy_document: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    roles: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    users: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    policy: types::Policy,
    /// Of the default version, once it is known.
    document: Option<String>,
    /// `None` if nobody asked.
    attached: Option<Attached>,
}

/// Names of those that a policy is attached to.
#[derive(Debug, Default)]
struct Attached {
    groups: BTreeSet<String>,
    roles: BTreeSet<String>,
    users: BTreeSet<String>,
}

/// IAM keeps this many versions of a policy and refuses another.
const VERSIONS_MAX: usize = 5;
/// How many policies are read at a time; the rate limit holds the calls back, this the memory.
const READS_AT_ONCE: usize = 16;

impl Kind for ManagedPolicy {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::IAM::ManagedPolicy";
    const DOC: &'static str = "A customer managed IAM policy, which roles, users and groups attach. It is there at once. \
        A changed document becomes a new default version; of the five versions that IAM keeps, the oldest gives way. \
        Unlike CloudFormation's type it has `Tags`, because IAM's policies have: they tell whose it is. \
        Deletion removes its versions, and detaches it from those that its own spec named; it is refused while anybody else has it attached.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("ManagedPolicyName", "The name, unique in the account."),
        Field::replaces("Path", "The path, `/` unless given: a part of the ARN."),
        Field::replaces("Description", "A description."),
        Field::updates("PolicyDocument", "What the policy allows and denies.").document(),
        Field::updates("Groups", "Names of the groups that the policy is attached to.")
            .set()
            .late(),
        Field::updates("Roles", "Names of the roles that the policy is attached to.").set().late(),
        Field::updates("Users", "Names of the users that the policy is attached to.").set().late(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("PolicyArn", "The policy's ARN."),
        Output::with_id("PolicyId", "The stable and unique id of the policy (`ANPA…`)."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const SCOPE: Scope = Scope::Account;
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        let arn = live.policy.arn().unwrap_or_default();
        PhysicalId::new(arn.split_once(":policy/").map_or(arn, |(_, id)| id))
    }

    fn spec(live: &Live) -> Spec {
        let Live { policy, document, attached } = live;
        let names = |of: fn(&Attached) -> &BTreeSet<String>| attached.as_ref().map(of).cloned();
        Spec {
            managed_policy_name: policy.policy_name.clone().unwrap_or_default(),
            path: policy.path.clone(),
            description: policy.description.clone(),
            policy_document: iam::document(document.as_deref().unwrap_or_default()),
            groups: names(|attached| &attached.groups),
            roles: names(|attached| &attached.roles),
            users: names(|attached| &attached.users),
            tags: Some(iam::tags(policy.tags())),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("PolicyArn", live.policy.arn()), ("PolicyId", live.policy.policy_id())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&iam::tags(live.policy.tags()).0)
    }

    /// Path and name, as they end the ARN; only the account before them takes a call.
    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        let path = spec.path.as_deref().unwrap_or("/").trim_start_matches('/');
        Some(PhysicalId::new(format!("{path}{}", spec.managed_policy_name)))
    }

    /// The ARNs are known; a list of all policies of the account has their documents, which spares a call for each.
    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut arns = BTreeSet::new();
        for id in wanted.iter().filter_map(Lookup::id) {
            arns.insert(arn(cx, id).await?);
        }
        let by_owner = wanted.iter().any(|lookup| lookup.id().is_none());
        if !by_owner && arns.len() <= iam::ONE_BY_ONE_MAX {
            return Ok(arns.iter().map(|arn| Live::named(arn)).collect());
        }
        let listed = all(cx).await?;
        if !by_owner {
            let wanted = |live: &Live| live.policy.arn().is_some_and(|arn| arns.contains(arn));
            return Ok(listed.into_iter().filter(wanted).collect());
        }
        // A name that is not known yet: any of them may be it, and the list has no tags.
        let asked = listed.into_iter().map(|live| async move { told(cx, live).await });
        let found = stream::iter(asked).buffer_unordered(READS_AT_ONCE);
        found.try_filter_map(|live| async { Ok(live) }).try_collect().await
    }

    /// No list has tags, and none tells of a policy what it is attached to: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Some(live) = told(cx, live).await? else { return Ok(None) };
        let asked = ["Groups", "Roles", "Users"].iter().any(|row| compared.has(row));
        let attached = async { if asked { attached(cx, &live.policy).await } else { Ok(None) } };
        let (document, attached) = futures::try_join!(document_of(cx, &live), attached)?;
        // Between two calls another version may have become the default: the next read sees it.
        Ok(document.map(|document| Live { document: Some(document), attached, ..live }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.iam
            .create_policy()
            .policy_name(&spec.managed_policy_name)
            .set_path(spec.path.clone())
            .set_description(spec.description.clone())
            .policy_document(document::to_text(&spec.policy_document))
            .set_tags(spec.tags.as_ref().map(|tags| iam::tag_list(&tags.0)))
            .send()
            .await?;
        Ok(Self::natural_id(spec).expect("a name gives an id"))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Update { from, to, .. } = update;
        let arn = &arn(cx, id).await?;
        if update.has("PolicyDocument") {
            make_room(cx, arn).await?;
            cx.iam
                .create_policy_version()
                .policy_arn(arn)
                .policy_document(document::to_text(&to.policy_document))
                .set_as_default(true)
                .send()
                .await?;
        }
        let present = Attached::named(from).managed_by(to);
        let wanted = Attached::named(to);
        let attach = Attached::beyond(&wanted, &present);
        for name in &attach.groups {
            cx.iam.attach_group_policy().group_name(name).policy_arn(arn).send().await?;
        }
        for name in &attach.roles {
            cx.iam.attach_role_policy().role_name(name).policy_arn(arn).send().await?;
        }
        for name in &attach.users {
            cx.iam.attach_user_policy().user_name(name).policy_arn(arn).send().await?;
        }
        detach(cx, arn, &Attached::beyond(&present, &wanted)).await?;
        if update.has("Tags") {
            let change = tags::change_of(&from.tags, &to.tags);
            if !change.set.is_empty() {
                let tags = iam::tag_list(&change.set);
                cx.iam.tag_policy().policy_arn(arn).set_tags(Some(tags)).send().await?;
            }
            if !change.remove.is_empty() {
                let call = cx.iam.untag_policy().policy_arn(arn);
                call.set_tag_keys(Some(change.remove)).send().await?;
            }
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let arn = &arn(cx, id).await?;
        detach(cx, arn, &Attached::named(recorded)).await?;
        let Some(versions) = found(versions(cx, arn).await)? else { return Ok(()) };
        for version in versions.iter().filter(|version| !version.is_default_version) {
            delete_version(cx, arn, version).await?;
        }
        gone(cx.iam.delete_policy().policy_arn(arn).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let arn = arn(cx, id).await?;
        let pages = cx.iam.list_entities_for_policy().policy_arn(arn).into_paginator();
        let mut found = Vec::new();
        for page in collect(pages.send()).await? {
            let why = "has it attached";
            let is = |name: Option<&str>, kind| Blocker::stays(name.unwrap_or_default(), kind, why);
            let (roles, users) = (page.policy_roles().iter(), page.policy_users().iter());
            found.extend(roles.map(|it| is(it.role_name(), "AWS::IAM::Role")));
            found.extend(users.map(|it| is(it.user_name(), "AWS::IAM::User")));
            let groups = page.policy_groups().iter();
            found.extend(groups.map(|it| is(it.group_name(), "AWS::IAM::Group")));
        }
        Ok(found)
    }
}

impl Attached {
    /// Those that a spec names.
    fn named(spec: &Spec) -> Self {
        let names = |names: &Option<BTreeSet<String>>| names.clone().unwrap_or_default();
        Self { groups: names(&spec.groups), roles: names(&spec.roles), users: names(&spec.users) }
    }

    /// Those that `ours` names and `theirs` does not.
    fn beyond(ours: &Self, theirs: &Self) -> Self {
        Self {
            groups: &ours.groups - &theirs.groups,
            roles: &ours.roles - &theirs.roles,
            users: &ours.users - &theirs.users,
        }
    }

    /// Without the properties that `spec` leaves unmanaged.
    fn managed_by(self, spec: &Spec) -> Self {
        let only = |names, managed: bool| if managed { names } else { BTreeSet::new() };
        Self {
            groups: only(self.groups, spec.groups.is_some()),
            roles: only(self.roles, spec.roles.is_some()),
            users: only(self.users, spec.users.is_some()),
        }
    }
}

impl Live {
    /// A policy of which nothing but the ARN is known.
    fn named(arn: &str) -> Self {
        Self { policy: types::Policy::builder().arn(arn).build(), document: None, attached: None }
    }
}

async fn arn(cx: &Cx, id: impl Display) -> Result<String, Fault> {
    Ok(cx.account().await?.arn("iam", "", format_args!("policy/{id}")))
}

/// All policies of the account's own, with the documents of their default versions.
async fn all(cx: &Cx) -> Result<Vec<Live>, Fault> {
    let list = cx.iam.get_account_authorization_details().filter(EntityType::LocalManagedPolicy);
    let pages = collect(list.max_items(iam::PAGE_MAX).into_paginator().send()).await?;
    let policies = pages.into_iter().flat_map(|page| page.policies.unwrap_or_default());
    let live = |detail: ManagedPolicyDetail| {
        let mut versions = detail.policy_version_list.into_iter().flatten();
        let default = versions.find(|version| version.is_default_version);
        let policy = types::Policy::builder()
            .set_arn(detail.arn)
            .set_default_version_id(detail.default_version_id);
        let document = default.and_then(|version| version.document);
        Live { policy: policy.build(), document, attached: None }
    };
    Ok(policies.map(live).collect())
}

/// The policy with its tags and its description; `None` if it is gone.
async fn told(cx: &Cx, live: Live) -> Result<Option<Live>, Fault> {
    let call = cx.iam.get_policy().set_policy_arn(live.policy.arn.clone());
    let Some(answer) = found(call.send().await)? else { return Ok(None) };
    let policy = answer.policy.required("policy")?;
    let same = policy.default_version_id == live.policy.default_version_id;
    Ok(Some(Live { document: live.document.filter(|_| same), policy, ..live }))
}

/// The document of its default version: the list had it, or a call tells it.
async fn document_of(cx: &Cx, live: &Live) -> Result<Option<String>, Fault> {
    if live.document.is_some() {
        return Ok(live.document.clone());
    }
    let call = cx.iam.get_policy_version().set_policy_arn(live.policy.arn.clone());
    let call = call.set_version_id(live.policy.default_version_id.clone());
    let version = found(call.send().await)?.and_then(|answer| answer.policy_version);
    Ok(version.and_then(|version| version.document))
}

async fn attached(cx: &Cx, policy: &types::Policy) -> Result<Option<Attached>, Fault> {
    let mut attached = Attached::default();
    if policy.attachment_count() == Some(0) {
        return Ok(Some(attached));
    }
    let call = cx.iam.list_entities_for_policy().set_policy_arn(policy.arn.clone());
    for page in collect(call.into_paginator().send()).await? {
        let groups = page.policy_groups.into_iter().flatten();
        let roles = page.policy_roles.into_iter().flatten();
        let users = page.policy_users.into_iter().flatten();
        attached.groups.extend(groups.filter_map(|group| group.group_name));
        attached.roles.extend(roles.filter_map(|role| role.role_name));
        attached.users.extend(users.filter_map(|user| user.user_name));
    }
    Ok(Some(attached))
}

async fn detach(cx: &Cx, arn: &str, from: &Attached) -> Result<(), Fault> {
    for name in &from.groups {
        gone(cx.iam.detach_group_policy().group_name(name).policy_arn(arn).send().await)?;
    }
    for name in &from.roles {
        gone(cx.iam.detach_role_policy().role_name(name).policy_arn(arn).send().await)?;
    }
    for name in &from.users {
        gone(cx.iam.detach_user_policy().user_name(name).policy_arn(arn).send().await)?;
    }
    Ok(())
}

async fn versions(cx: &Cx, arn: &str) -> Result<Vec<PolicyVersion>, Fault> {
    let pages = cx.iam.list_policy_versions().policy_arn(arn).into_paginator();
    collect(pages.items().send()).await
}

/// Deletes the oldest version that is not the default one, if there is no room for another.
async fn make_room(cx: &Cx, arn: &str) -> Result<(), Fault> {
    let versions = versions(cx, arn).await?;
    match oldest(&versions).filter(|_| versions.len() >= VERSIONS_MAX) {
        Some(version) => delete_version(cx, arn, version).await,
        None => Ok(()),
    }
}

fn oldest(versions: &[PolicyVersion]) -> Option<&PolicyVersion> {
    // `v9` is older than `v10`.
    let number =
        |version: &&PolicyVersion| version.version_id()?.strip_prefix('v')?.parse::<u64>().ok();
    versions.iter().filter(|version| !version.is_default_version).min_by_key(number)
}

async fn delete_version(cx: &Cx, arn: &str, version: &PolicyVersion) -> Result<(), Fault> {
    let call = cx.iam.delete_policy_version().policy_arn(arn);
    gone(call.set_version_id(version.version_id.clone()).send().await)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(arn: &str, path: &str) -> Live {
        let policy = types::Policy::builder().arn(arn).path(path).policy_name("p").policy_id("A1");
        let attached = Attached { roles: ["r".into()].into(), ..Attached::default() };
        let document = Some("%7B%22Version%22%3A1%7D".into());
        Live { policy: policy.build(), document, attached: Some(attached) }
    }

    #[test]
    fn path_and_name_are_the_identity() {
        for (arn, path, id) in [
            ("arn:aws:iam::123456789012:policy/p", "/", "p"),
            ("arn:aws-cn:iam::123456789012:policy/app/dev/p", "/app/dev/", "app/dev/p"),
        ] {
            let live = live(arn, path);
            assert_eq!(ManagedPolicy::id(&live), PhysicalId::new(id));
            let spec = ManagedPolicy::spec(&live);
            assert_eq!(ManagedPolicy::natural_id(&spec), Some(PhysicalId::new(id)));
        }
    }

    #[test]
    fn a_live_policy_is_seen_in_full() {
        let live = live("arn:aws:iam::123456789012:policy/p", "/");
        assert_eq!(
            serde_json::to_value(ManagedPolicy::spec(&live)).unwrap(),
            json!({
                "ManagedPolicyName": "p", "Path": "/", "PolicyDocument": {"Version": 1},
                "Groups": [], "Roles": ["r"], "Users": [], "Tags": [],
            })
        );
        let outputs = ManagedPolicy::outputs(&live);
        assert_eq!(outputs["PolicyArn"], "arn:aws:iam::123456789012:policy/p");
    }

    #[test]
    fn what_is_not_managed_stays_attached() {
        let spec = |roles: Value| {
            let spec = json!({"ManagedPolicyName": "p", "PolicyDocument": {}, "Roles": roles});
            serde_json::from_value::<Spec>(spec).unwrap()
        };
        let roles = |from: Value, to: Value| {
            let to = spec(to);
            let present = Attached::named(&spec(from)).managed_by(&to);
            Attached::beyond(&present, &Attached::named(&to)).roles
        };
        assert_eq!(roles(json!(["a", "b"]), json!(["b"])), BTreeSet::from(["a".to_owned()]));
        assert_eq!(roles(json!(["a", "b"]), Value::Null), BTreeSet::new());
    }

    #[test]
    fn the_oldest_version_that_is_not_the_default_gives_way() {
        let version = |id: &str, default| {
            PolicyVersion::builder().version_id(id).is_default_version(default).build()
        };
        let versions = [version("v10", false), version("v2", true), version("v9", false)];
        assert_eq!(oldest(&versions).unwrap().version_id(), Some("v9"));
        assert_eq!(oldest(&versions[1..2]), None);
    }
}
