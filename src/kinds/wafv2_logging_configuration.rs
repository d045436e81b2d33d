//! `AWS::WAFv2::LoggingConfiguration`

use std::collections::BTreeSet;

use aws_sdk_wafv2::types::{
    FieldToMatch, LoggingConfiguration as SdkLoggingConfiguration, LoggingFilter, Scope,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::logs::Destination;
use super::reply::gone;
use super::wafv2;
use super::wafv2_shape::Shaped;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::{Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Tagging, Token, Typical,
    Update, outputs,
};

pub struct LoggingConfiguration;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    log_destination_configs: Vec<Destination>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logging_filter: Option<Shaped<LoggingFilter>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redacted_fields: Option<Shaped<Vec<FieldToMatch>>>,
    resource_arn: String,
}

impl Kind for LoggingConfiguration {
    type Spec = Spec;
    type Live = SdkLoggingConfiguration;

    const NAME: &'static str = "AWS::WAFv2::LoggingConfiguration";
    const DOC: &'static str = "Where a web ACL writes what it saw. \
        It is there at once, and writes after some minutes. Its destination must exist before, and have a name that \
        begins with `aws-waf-logs-`. \
        A web ACL has one. For one of CloudFront it lives in us-east-1. \
        Nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "LogDestinationConfigs",
            "The ARN of the log group, bucket or Firehose: exactly one.",
        )
        .when_ready(),
        Field::updates(
            "LoggingFilter",
            "Which requests are kept, by the rules' actions and labels.",
        ),
        Field::updates(
            "RedactedFields",
            "What is not written: `Method`, `QueryString`, `SingleHeader`, `UriPath`.",
        )
        .set(),
        Field::replaces("ResourceArn", "The web ACL."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("ResourceArn", "The ARN of the web ACL."),
        Output::with_id("ManagedByFirewallManager", "Whether Firewall Manager made it: `false`."),
    ];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(3, 3, 3);

    fn id(live: &SdkLoggingConfiguration) -> PhysicalId {
        PhysicalId::new(&live.resource_arn)
    }

    fn spec(live: &SdkLoggingConfiguration) -> Spec {
        Spec {
            log_destination_configs: live
                .log_destination_configs()
                .iter()
                .cloned()
                .map(Destination::from)
                .collect(),
            logging_filter: live.logging_filter.clone().map(Shaped),
            redacted_fields: Some(Shaped(live.redacted_fields().to_vec())),
            resource_arn: live.resource_arn.clone(),
        }
    }

    fn outputs(live: &SdkLoggingConfiguration) -> Outputs {
        let managed = live.managed_by_firewall_manager.to_string();
        outputs([
            ("ResourceArn", Some(&live.resource_arn)),
            ("ManagedByFirewallManager", Some(&managed)),
        ])
    }

    fn readiness(_: &SdkLoggingConfiguration) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.resource_arn))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<SdkLoggingConfiguration>, Fault> {
        let scopes: BTreeSet<Scope> = wanted
            .iter()
            .filter_map(|lookup| match lookup {
                Lookup::Id(id) => wafv2::scope_of(id.as_str()),
                // It has no tags: nobody's name is on it.
                Lookup::Owner { .. } => None,
            })
            .collect();
        let listed = try_join_all(scopes.into_iter().map(|scope| list(cx, scope))).await?;
        Ok(listed.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        put(cx, spec, None).await
    }

    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        put(cx, update.to, Some(update.from)).await.map(drop)
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.waf.delete_logging_configuration().resource_arn(id.as_str()).send().await)
    }
}

async fn list(cx: &Cx, scope: Scope) -> Result<Vec<SdkLoggingConfiguration>, Fault> {
    wafv2::pages(|marker| {
        let ask = cx.waf.list_logging_configurations().scope(scope.clone());
        let ask = ask.limit(wafv2::PAGE_MAX).set_next_marker(marker);
        async move {
            let page = ask.send().await?;
            Ok((page.logging_configurations.unwrap_or_default(), page.next_marker))
        }
    })
    .await
}

/// The call replaces everything: what the spec leaves open stays as it was.
async fn put(cx: &Cx, to: &Spec, from: Option<&Spec>) -> Result<PhysicalId, Fault> {
    let filter = to.logging_filter.as_ref().or(from.and_then(|from| from.logging_filter.as_ref()));
    let redacted =
        to.redacted_fields.as_ref().or(from.and_then(|from| from.redacted_fields.as_ref()));
    let destinations = to.log_destination_configs.iter().cloned().map(String::from);
    let configuration = SdkLoggingConfiguration::builder()
        .resource_arn(&to.resource_arn)
        .set_log_destination_configs(Some(destinations.collect()))
        .set_logging_filter(filter.map(|filter| filter.0.clone()))
        .set_redacted_fields(redacted.map(|fields| fields.0.clone()))
        .build()
        .map_err(|error| Fault::bug(error.to_string()))?;
    let reply = cx.waf.put_logging_configuration().logging_configuration(configuration).send();
    let made = reply.await?.logging_configuration.required("logging configuration")?;
    Ok(PhysicalId::new(made.resource_arn))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ACL: &str = "arn:aws:wafv2:eu-west-1:1:regional/webacl/shop/1a2b";

    #[test]
    fn what_is_asked_for_is_what_is_seen() {
        let group = "arn:aws:logs:eu-west-1:1:log-group:aws-waf-logs-shop";
        let asked = json!({
            "LogDestinationConfigs": [group],
            "LoggingFilter": {
                "DefaultBehavior": "DROP",
                "Filters": [{
                    "Behavior": "KEEP", "Requirement": "MEETS_ANY",
                    "Conditions": [
                        {"ActionCondition": {"Action": "BLOCK"}},
                        {"LabelNameCondition": {"LabelName": "awswaf:managed:bot"}},
                    ],
                }],
            },
            "RedactedFields":
                [{"SingleHeader": {"Name": "authorization"}}, {"UriPath": {}}],
            "ResourceArn": ACL,
        });
        let spec: Spec = serde_json::from_value(asked.clone()).unwrap();
        assert_eq!(LoggingConfiguration::natural_id(&spec), Some(PhysicalId::new(ACL)));
        let live = SdkLoggingConfiguration::builder()
            .resource_arn(ACL)
            .log_destination_configs(group)
            .set_logging_filter(spec.logging_filter.map(|filter| filter.0))
            .set_redacted_fields(spec.redacted_fields.map(|fields| fields.0))
            .build()
            .unwrap();
        assert_eq!(serde_json::to_value(LoggingConfiguration::spec(&live)).unwrap(), asked);
        assert_eq!(LoggingConfiguration::outputs(&live)["ManagedByFirewallManager"], "false");
    }
}
