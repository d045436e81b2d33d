//! `AWS::CloudFront::OriginAccessControl`

use aws_sdk_cloudfront::error::BuildError;
use aws_sdk_cloudfront::types::{self, OriginAccessControlSummary};
use serde::{Deserialize, Serialize};

use super::cloudfront::incomplete;
use super::properties::properties;
use super::reply::{collect, gone, present};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::{Class, Fault};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Scope, Tagging, Token,
    Typical, Update, outputs,
};

pub struct OriginAccessControl;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    origin_access_control_config: Config,
}

properties! {
    Config {
        name: String,
        origin_access_control_origin_type: String,
        signing_behavior: String,
        signing_protocol: String,
        ;
        description: String,
    }
}

impl Kind for OriginAccessControl {
    type Spec = Spec;
    type Live = OriginAccessControlSummary;

    const NAME: &'static str = "AWS::CloudFront::OriginAccessControl";
    const DOC: &'static str = "How CloudFront signs its requests to an origin, which lets in nobody else. \
        It is there at once. It has no tags and is known by its name, so another name is another one. \
        Deletion is refused while a distribution uses it.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "OriginAccessControlConfig",
            "`Description`, `OriginAccessControlOriginType`, `SigningBehavior` and `SigningProtocol`.",
        ),
        Field::replaces("OriginAccessControlConfig.Name", "Its name, unique in the account."),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("Id", "The id that origins of a distribution refer to.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(1, 1, 1);
    const SCOPE: Scope = Scope::Account;

    fn id(live: &Self::Live) -> PhysicalId {
        PhysicalId::new(&live.name)
    }

    fn spec(live: &Self::Live) -> Spec {
        Spec {
            origin_access_control_config: Config {
                name: live.name.clone(),
                origin_access_control_origin_type: live
                    .origin_access_control_origin_type
                    .to_string(),
                signing_behavior: live.signing_behavior.to_string(),
                signing_protocol: live.signing_protocol.to_string(),
                description: Some(live.description.clone()),
            },
        }
    }

    fn outputs(live: &Self::Live) -> Outputs {
        outputs([("Id", Some(&live.id))])
    }

    fn readiness(_: &Self::Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.origin_access_control_config.name))
    }

    /// The list has no filters and tells everything.
    async fn read(cx: &Cx, _: &[Lookup]) -> Result<Vec<Self::Live>, Fault> {
        collect(cx.cloudfront.list_origin_access_controls().into_paginator().items().send()).await
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let config = &spec.origin_access_control_config;
        let create = cx.cloudfront.create_origin_access_control();
        create.origin_access_control_config(config.to_sdk().map_err(incomplete)?).send().await?;
        Ok(PhysicalId::new(&config.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Some((id, now, tag)) = find(cx, id).await? else {
            return Err(Fault::new(Class::NotFound, format!("there is no access control `{id}`")));
        };
        let mut config = update.to.origin_access_control_config.to_sdk().map_err(incomplete)?;
        config.description = config.description.or(now.description);
        let put = cx.cloudfront.update_origin_access_control().id(id).set_if_match(tag);
        put.origin_access_control_config(config).send().await?;
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let Some((id, _, tag)) = find(cx, id).await? else { return Ok(()) };
        let delete = cx.cloudfront.delete_origin_access_control().id(id);
        gone(delete.set_if_match(tag).send().await)
    }
}

impl Config {
    fn to_sdk(&self) -> Result<types::OriginAccessControlConfig, BuildError> {
        types::OriginAccessControlConfig::builder()
            .name(&self.name)
            .set_description(self.description.clone())
            .origin_access_control_origin_type(
                self.origin_access_control_origin_type.as_str().into(),
            )
            .signing_behavior(self.signing_behavior.as_str().into())
            .signing_protocol(self.signing_protocol.as_str().into())
            .build()
    }
}

/// CloudFront's id of the control with this name, with its configuration and the tag that guards it.
async fn find(
    cx: &Cx,
    name: &PhysicalId,
) -> Result<Option<(String, types::OriginAccessControlConfig, Option<String>)>, Fault> {
    let all = OriginAccessControl::read(cx, &[]).await?;
    let Some(found) = all.into_iter().find(|control| control.name == name.as_str()) else {
        return Ok(None);
    };
    let get = cx.cloudfront.get_origin_access_control_config().id(&found.id);
    let reply = present(get.send().await)?;
    Ok(reply.and_then(|reply| Some((found.id, reply.origin_access_control_config?, reply.e_tag))))
}
