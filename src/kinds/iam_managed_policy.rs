//! `AWS::IAM::ManagedPolicy`

use std::collections::BTreeSet;

use aws_sdk_iam::types::{self, PolicyScopeType, PolicyVersion};
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
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Scope, TAGS,
    Tagging, Token, Typical, Update, outputs,
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
    document: String,
    attached: Attached,
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
        let Live { policy, document, attached: Attached { groups, roles, users } } = live;
        Spec {
            managed_policy_name: policy.policy_name.clone().unwrap_or_default(),
            path: policy.path.clone(),
            description: policy.description.clone(),
            policy_document: iam::document(document),
            groups: Some(groups.clone()),
            roles: Some(roles.clone()),
            users: Some(users.clone()),
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

    /// Two or three calls for each policy: no list of IAM's has their tags, and none has descriptions.
    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut arns = BTreeSet::new();
        for lookup in wanted {
            if let Lookup::Id(id) = lookup {
                arns.insert(arn(cx, id).await?);
            }
        }
        if wanted.iter().any(|lookup| matches!(lookup, Lookup::Owner { .. })) {
            // A name that is not known yet: all of the account's own policies may be it.
            let pages = cx.iam.list_policies().scope(PolicyScopeType::Local).into_paginator();
            let listed = collect(pages.page_size(iam::PAGE_MAX).items().send()).await?;
            arns.extend(listed.into_iter().filter_map(|policy| policy.arn));
        }
        let asked = arns.into_iter().map(|arn| async move { one(cx, &arn).await });
        stream::iter(asked)
            .buffer_unordered(READS_AT_ONCE)
            .try_filter_map(|found| async { Ok(found) })
            .try_collect()
            .await
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

async fn arn(cx: &Cx, id: &PhysicalId) -> Result<String, Fault> {
    let account = cx.account().await?;
    Ok(format!("arn:{}:iam::{}:policy/{id}", account.partition, account.id))
}

async fn one(cx: &Cx, arn: &str) -> Result<Option<Live>, Fault> {
    let Some(answer) = found(cx.iam.get_policy().policy_arn(arn).send().await)? else {
        return Ok(None);
    };
    let policy = answer.policy.required("policy")?;
    let version = policy.default_version_id().required("default version")?;
    let call = cx.iam.get_policy_version().policy_arn(arn).version_id(version);
    let (version, attached) =
        futures::try_join!(async { found(call.send().await) }, attached(cx, &policy))?;
    // Between the two calls another version may have become the default: the next read sees it.
    let version = version.and_then(|answer| answer.policy_version);
    let document = version.and_then(|version| version.document);
    Ok(document.map(|document| Live { policy, document, attached }))
}

async fn attached(cx: &Cx, policy: &types::Policy) -> Result<Attached, Fault> {
    let mut attached = Attached::default();
    if policy.attachment_count() == Some(0) {
        return Ok(attached);
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
    Ok(attached)
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
        Live { policy: policy.build(), document: "%7B%22Version%22%3A1%7D".into(), attached }
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
