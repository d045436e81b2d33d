//! `AWS::Route53::HealthCheck`

use std::collections::BTreeSet;

use aws_sdk_route53::types::{
    self, CloudWatchRegion, HealthCheckRegion, HealthCheckType, InsufficientDataHealthStatus,
    ResettableElementName, TagResourceType,
};
use serde::{Deserialize, Serialize};

use super::reply::{collect, gone};
use super::route53;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Scope, TAGS, Tagging, Token,
    Typical, Update, outputs,
};

pub struct HealthCheck;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    health_check_config: Config,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Config {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alarm_identifier: Option<Alarm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    child_health_checks: Option<BTreeSet<String>>,
    #[serde(rename = "EnableSNI", default, skip_serializing_if = "Option::is_none")]
    enable_sni: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure_threshold: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fully_qualified_domain_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    health_threshold: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    insufficient_data_health_status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inverted: Option<bool>,
    #[serde(rename = "IPAddress", default, skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    measure_latency: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    regions: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_interval: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routing_control_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    search_string: Option<String>,
    r#type: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Alarm {
    name: String,
    region: String,
}

#[derive(Debug)]
pub struct Live {
    check: types::HealthCheck,
    tags: Tags,
    /// Whose creation it came from, if that was cut off before the tags were written.
    made_for: Option<Owner>,
}

impl Kind for HealthCheck {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Route53::HealthCheck";
    const DOC: &'static str = "A check, from several places of the world, whether an endpoint answers. \
        It is there at once. CloudFormation's `HealthCheckTags` is called `Tags` here. The create call carries no \
        tags: should it be cut off, the check is found by its caller reference, whatever the blueprint says by then. \
        Nothing blocks its deletion; record sets that still name a deleted check may answer or not.";
    const FIELDS: &'static [Field] = &[
        Field::updates("HealthCheckConfig", "What is asked, how often, and when it is healthy."),
        Field::updates("HealthCheckConfig.ChildHealthChecks", "The checks that are counted.").set(),
        Field::replaces("HealthCheckConfig.MeasureLatency", "Whether latency is measured."),
        Field::updates("HealthCheckConfig.Regions", "Where it is asked from; at least three.")
            .set(),
        Field::replaces("HealthCheckConfig.RequestInterval", "10 or 30 seconds."),
        Field::replaces("HealthCheckConfig.RoutingControlArn", "The routing control to follow."),
        Field::replaces("HealthCheckConfig.Type", "`HTTPS`, `TCP`, `CALCULATED` and so on."),
        TAGS.late(),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("HealthCheckId", "The id of the health check.")];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const SCOPE: Scope = Scope::Account;
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(&live.check.id)
    }

    fn spec(live: &Live) -> Spec {
        let config = live.check.health_check_config().map(config_of).unwrap_or_default();
        Spec { health_check_config: config, tags: Some(live.tags.clone()) }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("HealthCheckId", Some(&live.check.id))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0).or_else(|| live.made_for.clone())
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let by_owner = wanted.iter().any(|lookup| matches!(lookup, Lookup::Owner { .. }));
        let asked: BTreeSet<&str> = wanted.iter().filter_map(Lookup::id).collect();
        let pages = cx.route53.list_health_checks().into_paginator().items().send();
        let mut checks = collect(pages).await?;
        // Route 53 has no filter by tag: an owner may be any check's.
        checks.retain(|check| by_owner || asked.contains(check.id.as_str()));
        let ids: Vec<&str> = checks.iter().map(|check| check.id.as_str()).collect();
        let mut tags = route53::tags_of(cx, TagResourceType::Healthcheck, &ids).await?;
        let cut_off = route53::creations(wanted);
        let live = |check: types::HealthCheck| Live {
            made_for: cut_off.get(check.caller_reference.as_str()).map(|&owner| owner.clone()),
            tags: tags.remove(&check.id).unwrap_or_default(),
            check,
        };
        Ok(checks.into_iter().map(live).collect())
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let made = cx
            .route53
            .create_health_check()
            .caller_reference(&token.0)
            .health_check_config(sdk_config(&spec.health_check_config))
            .send()
            .await
            .map_err(Fault::from);
        match made {
            Ok(made) => Ok(PhysicalId::new(made.health_check.required("health check")?.id)),
            // Our own earlier try, perhaps: the tags, a call of their own, may never have been written.
            Err(fault) if fault.is(Class::Exists) => {
                let pages = cx.route53.list_health_checks().into_paginator().items().send();
                let checks = collect(pages).await?;
                let ours = checks.into_iter().find(|check| check.caller_reference == token.0);
                ours.map(|check| PhysicalId::new(check.id)).ok_or(fault)
            }
            Err(fault) => Err(fault),
        }
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.has("Tags") {
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            route53::retag(cx, TagResourceType::Healthcheck, id.as_str(), change).await?;
        }
        if update.changed.iter().any(|row| row.starts_with("HealthCheckConfig")) {
            let config = &update.to.health_check_config;
            let to = sdk_config(config);
            cx.route53
                .update_health_check()
                .health_check_id(id.as_str())
                .set_alarm_identifier(to.alarm_identifier)
                .set_child_health_checks(to.child_health_checks)
                .set_enable_sni(to.enable_sni)
                .set_failure_threshold(to.failure_threshold)
                .set_fully_qualified_domain_name(to.fully_qualified_domain_name)
                .set_health_threshold(to.health_threshold)
                .set_insufficient_data_health_status(to.insufficient_data_health_status)
                .set_inverted(to.inverted)
                .set_ip_address(to.ip_address)
                .set_port(to.port)
                .set_regions(to.regions)
                .set_resource_path(to.resource_path)
                .set_search_string(to.search_string)
                .set_reset_elements(resets(config))
                .send()
                .await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.route53.delete_health_check().health_check_id(id.as_str()).send().await)
    }
}

fn config_of(live: &types::HealthCheckConfig) -> Config {
    let alarm = live
        .alarm_identifier()
        .map(|alarm| Alarm { name: alarm.name.clone(), region: alarm.region.to_string() });
    let status = live.insufficient_data_health_status().map(ToString::to_string);
    Config {
        alarm_identifier: alarm,
        child_health_checks: Some(live.child_health_checks().iter().cloned().collect()),
        enable_sni: live.enable_sni,
        failure_threshold: live.failure_threshold,
        fully_qualified_domain_name: live.fully_qualified_domain_name.clone(),
        health_threshold: live.health_threshold,
        insufficient_data_health_status: status,
        inverted: live.inverted,
        ip_address: live.ip_address.clone(),
        measure_latency: live.measure_latency,
        port: live.port,
        regions: Some(live.regions().iter().map(ToString::to_string).collect()),
        request_interval: live.request_interval,
        resource_path: live.resource_path.clone(),
        routing_control_arn: live.routing_control_arn.clone(),
        search_string: live.search_string.clone(),
        r#type: live.r#type.to_string(),
    }
}

fn sdk_config(config: &Config) -> types::HealthCheckConfig {
    let alarm = config.alarm_identifier.as_ref().map(|alarm| {
        types::AlarmIdentifier::builder()
            .name(&alarm.name)
            .region(CloudWatchRegion::from(alarm.region.as_str()))
            .build()
            .expect("an alarm has a name and a region")
    });
    let children = config.child_health_checks.as_ref().filter(|children| !children.is_empty());
    let regions = config.regions.as_ref().filter(|regions| !regions.is_empty());
    let region = |region: &String| HealthCheckRegion::from(region.as_str());
    let status = config.insufficient_data_health_status.as_deref();
    types::HealthCheckConfig::builder()
        .set_alarm_identifier(alarm)
        .set_child_health_checks(children.map(|children| children.iter().cloned().collect()))
        .set_enable_sni(config.enable_sni)
        .set_failure_threshold(config.failure_threshold)
        .set_fully_qualified_domain_name(config.fully_qualified_domain_name.clone())
        .set_health_threshold(config.health_threshold)
        .set_insufficient_data_health_status(status.map(InsufficientDataHealthStatus::from))
        .set_inverted(config.inverted)
        .set_ip_address(config.ip_address.clone())
        .set_measure_latency(config.measure_latency)
        .set_port(config.port)
        .set_regions(regions.map(|regions| regions.iter().map(region).collect()))
        .set_request_interval(config.request_interval)
        .set_resource_path(config.resource_path.clone())
        .set_routing_control_arn(config.routing_control_arn.clone())
        .set_search_string(config.search_string.clone())
        .r#type(HealthCheckType::from(config.r#type.as_str()))
        .build()
        .expect("a health check has a type")
}

/// An empty list stands for the service's default, which has a word of its own.
fn resets(config: &Config) -> Option<Vec<ResettableElementName>> {
    let empty = |set: &Option<BTreeSet<String>>| set.as_ref().is_some_and(BTreeSet::is_empty);
    let mut resets = Vec::new();
    if empty(&config.child_health_checks) {
        resets.push(ResettableElementName::ChildHealthChecks);
    }
    if empty(&config.regions) {
        resets.push(ResettableElementName::Regions);
    }
    (!resets.is_empty()).then_some(resets)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(config: types::HealthCheckConfig) -> Live {
        let check = types::HealthCheck::builder()
            .id("h-1")
            .caller_reference("t")
            .health_check_version(1)
            .health_check_config(config);
        Live { check: check.build().unwrap(), tags: Tags::default(), made_for: None }
    }

    #[test]
    fn what_is_asked_for_is_what_is_seen() {
        let config = json!({
            "ChildHealthChecks": [], "EnableSNI": true, "FailureThreshold": 3,
            "FullyQualifiedDomainName": "api.example.com", "Inverted": false,
            "MeasureLatency": true, "Port": 443,
            "Regions": ["eu-west-1", "us-east-1", "us-west-1"], "RequestInterval": 30,
            "ResourcePath": "/health", "Type": "HTTPS",
        });
        let asked: Config = serde_json::from_value(config.clone()).unwrap();
        let live = live(sdk_config(&asked));
        assert_eq!(
            serde_json::to_value(HealthCheck::spec(&live)).unwrap(),
            json!({"HealthCheckConfig": config, "Tags": []})
        );
        assert_eq!(HealthCheck::outputs(&live)["HealthCheckId"], "h-1");
    }

    #[test]
    fn an_alarm_check_has_no_endpoint_and_empty_lists_reset() {
        let asked = json!({
            "AlarmIdentifier": {"Name": "cpu", "Region": "eu-west-1"}, "Regions": [],
            "InsufficientDataHealthStatus": "LastKnownStatus", "Type": "CLOUDWATCH_METRIC",
        });
        let asked: Config = serde_json::from_value(asked).unwrap();
        let config = sdk_config(&asked);
        assert!(config.regions.is_none());
        assert_eq!(resets(&asked), Some(vec![ResettableElementName::Regions]));
        let seen = serde_json::to_value(HealthCheck::spec(&live(config))).unwrap();
        assert_eq!(seen["HealthCheckConfig"]["AlarmIdentifier"]["Name"], "cpu");
        assert_eq!(seen["HealthCheckConfig"]["Port"], json!(null));
    }
}
