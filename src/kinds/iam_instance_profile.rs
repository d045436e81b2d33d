//! `AWS::IAM::InstanceProfile`

use std::collections::BTreeSet;

use aws_sdk_iam::types;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::ec2::gone;
use super::iam;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, found};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Scope, TAGS,
    Tagging, Token, Typical, Update, outputs,
};

pub struct InstanceProfile;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    instance_profile_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Without it at first: it comes late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    roles: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

impl Kind for InstanceProfile {
    type Spec = Spec;
    type Live = types::InstanceProfile;

    const NAME: &'static str = "AWS::IAM::InstanceProfile";
    const DOC: &'static str = "What hands an IAM role to EC2 instances. \
        It exists at once, but EC2 sees a new one only after some seconds. \
        It has room for one role, so another role takes the place of the first: instances are without credentials \
        for a moment then. \
        Deletion takes the role out first. Instances keep an id of it: nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::replaces(
            "InstanceProfileName",
            "The name: unique in the account, and its identity.",
        ),
        Field::replaces("Path", "The path, `/` unless given: a part of the ARN."),
        Field::updates("Roles", "The name of its role: one at most.").set().late(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("InstanceProfileName", "The name of the instance profile."),
        Output::with_id("Arn", "The ARN of the instance profile."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(8, 2, 2);
    const SCOPE: Scope = Scope::Account;
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &types::InstanceProfile) -> PhysicalId {
        PhysicalId::new(&live.instance_profile_name)
    }

    fn spec(live: &types::InstanceProfile) -> Spec {
        Spec {
            instance_profile_name: live.instance_profile_name.clone(),
            path: Some(live.path.clone()),
            roles: Some(roles(live)),
            tags: Some(iam::tags(live.tags())),
        }
    }

    fn outputs(live: &types::InstanceProfile) -> Outputs {
        let types::InstanceProfile { instance_profile_name, arn, .. } = live;
        outputs([("InstanceProfileName", Some(instance_profile_name)), ("Arn", Some(arn))])
    }

    fn readiness(_: &types::InstanceProfile) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &types::InstanceProfile) -> Option<Owner> {
        tags::owner(&iam::tags(live.tags()).0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.instance_profile_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::InstanceProfile>, Fault> {
        let names: BTreeSet<&str> = wanted.iter().filter_map(Lookup::id).collect();
        // No list tells tags: a call for each.
        let asked: Vec<_> = names.into_iter().map(|name| get(cx, name)).collect();
        let found: Vec<_> = stream::iter(asked).buffer_unordered(READS_MAX).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.iam
            .create_instance_profile()
            .instance_profile_name(&spec.instance_profile_name)
            .set_path(spec.path.clone())
            .set_tags(spec.tags.as_ref().map(|tags| iam::tag_list(&tags.0)))
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.instance_profile_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let name = id.as_str();
        if update.has("Roles") {
            // There is room for one role: what has it now decides, not what had it when the change was planned.
            let live = get(cx, name).await?.ok_or_else(|| {
                // It may have been made a moment ago.
                Fault::new(Class::NotYet, format!("the instance profile `{name}` is not there"))
            })?;
            let (from, to) = (roles(&live), update.to.roles.clone().unwrap_or_default());
            for role in from.difference(&to) {
                take_out(cx, name, role).await?;
            }
            for role in to.difference(&from) {
                let call = cx.iam.add_role_to_instance_profile().instance_profile_name(name);
                call.role_name(role).send().await?;
            }
        }
        if update.has("Tags") {
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            if !change.set.is_empty() {
                let call = cx.iam.tag_instance_profile().instance_profile_name(name);
                call.set_tags(Some(iam::tag_list(&change.set))).send().await?;
            }
            if !change.remove.is_empty() {
                let call = cx.iam.untag_instance_profile().instance_profile_name(name);
                call.set_tag_keys(Some(change.remove)).send().await?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let name = id.as_str();
        // Whatever role is in it: one that was put in by hand would block the deletion.
        let Some(live) = get(cx, name).await? else { return Ok(()) };
        for role in roles(&live) {
            take_out(cx, name, &role).await?;
        }
        gone(cx.iam.delete_instance_profile().instance_profile_name(name).send().await)
    }
}

/// Calls that are under way at once.
const READS_MAX: usize = 8;

fn roles(live: &types::InstanceProfile) -> BTreeSet<String> {
    live.roles().iter().map(|role| role.role_name.clone()).collect()
}

async fn get(cx: &Cx, name: &str) -> Result<Option<types::InstanceProfile>, Fault> {
    let answer = cx.iam.get_instance_profile().instance_profile_name(name).send().await;
    Ok(found(answer)?.and_then(|answer| answer.instance_profile))
}

async fn take_out(cx: &Cx, name: &str, role: &str) -> Result<(), Fault> {
    let call = cx.iam.remove_role_from_instance_profile().instance_profile_name(name);
    gone(call.role_name(role).send().await)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_live_profile_is_seen_in_full() {
        let role = types::Role::builder()
            .role_name("nodes")
            .role_id("AROA1")
            .arn("arn:aws:iam::123456789012:role/nodes")
            .path("/")
            .create_date(DateTime::from_secs(0))
            .build()
            .unwrap();
        let live = types::InstanceProfile::builder()
            .instance_profile_name("nodes")
            .instance_profile_id("AIPA1")
            .arn("arn:aws:iam::123456789012:instance-profile/app/nodes")
            .path("/app/")
            .create_date(DateTime::from_secs(0))
            .roles(role)
            .build()
            .unwrap();
        let spec = InstanceProfile::spec(&live);
        assert_eq!(InstanceProfile::natural_id(&spec), Some(InstanceProfile::id(&live)));
        assert_eq!(
            serde_json::to_value(spec).unwrap(),
            json!({"InstanceProfileName": "nodes", "Path": "/app/", "Roles": ["nodes"], "Tags": []})
        );
        let arn = "arn:aws:iam::123456789012:instance-profile/app/nodes";
        assert_eq!(InstanceProfile::outputs(&live)["Arn"], arn);
    }
}
