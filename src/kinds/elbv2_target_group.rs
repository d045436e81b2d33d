//! `AWS::ElasticLoadBalancingV2::TargetGroup`

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    self, ProtocolEnum, TargetGroupAttribute, TargetGroupIpAddressTypeEnum, TargetTypeEnum,
};
use serde::{Deserialize, Serialize};

use super::elbv2::{self, Attributes};
use super::reply::{collect, gone, present};
use super::scalar::{Number, Text};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Class, Fault};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct TargetGroup;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_interval_seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_port: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_timeout_seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthy_threshold_count: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matcher: Option<Matcher>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_group_attributes: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unhealthy_threshold_count: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Matcher {
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_code: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_code: Option<Text>,
}

#[derive(Debug)]
pub struct Live {
    group: types::TargetGroup,
    attributes: Option<Attributes>,
    tags: Tags,
}

impl Kind for TargetGroup {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::ElasticLoadBalancingV2::TargetGroup";
    const DOC: &'static str = "Where a listener forwards requests to, and how the targets' health is checked. \
        It is there at once. Its targets register themselves: an Auto Scaling group, a controller in a cluster. \
        Deletion is refused while a listener or a rule forwards to it. A replacement stands beside the old one until \
        then, so it needs another name.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "HealthCheckEnabled",
            "Whether health is checked; only `lambda` may say no.",
        ),
        Field::updates("HealthCheckIntervalSeconds", "Seconds between checks."),
        Field::updates("HealthCheckPath", "The path that is asked for."),
        Field::updates("HealthCheckPort", "The port, or `traffic-port`."),
        Field::updates("HealthCheckProtocol", "The protocol of the checks."),
        Field::updates(
            "HealthCheckTimeoutSeconds",
            "Seconds without an answer that are a failure.",
        ),
        Field::updates("HealthyThresholdCount", "Successes after which a target is healthy."),
        Field::replaces("IpAddressType", "`ipv4` or `ipv6`."),
        Field::updates("Matcher", "The codes of a healthy answer: `HttpCode` or `GrpcCode`."),
        Field::replaces("Name", "The name, one of its kind in the region."),
        Field::replaces("Port", "The port on which targets get traffic."),
        Field::replaces("Protocol", "The protocol to the targets."),
        Field::replaces("ProtocolVersion", "`HTTP1`, `HTTP2` or `GRPC`."),
        TAGS,
        Field::updates(
            "TargetGroupAttributes",
            "Attributes by key: `deregistration_delay.timeout_seconds`.",
        )
        .owned_keys()
        .late(),
        Field::replaces("TargetType", "`instance`, `ip`, `lambda` or `alb`."),
        Field::updates("UnhealthyThresholdCount", "Failures after which a target is unhealthy."),
        Field::replaces("VpcId", "The VPC of the targets."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("TargetGroupArn", "The ARN of the target group."),
        Output::with_id("TargetGroupName", "The name of the target group."),
        Output::with_id(
            "TargetGroupFullName",
            "What CloudWatch calls it: `targetgroup/shop/943f017f100becff`.",
        ),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(3, 3, 2);
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.group.target_group_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let group = &live.group;
        let protocol = |protocol: Option<&ProtocolEnum>| Some(protocol?.as_str().to_owned());
        let text = |text: Option<&str>| text.map(Text::from);
        let matcher = group.matcher().map(|matcher| Matcher {
            grpc_code: text(matcher.grpc_code()),
            http_code: text(matcher.http_code()),
        });
        Spec {
            health_check_enabled: group.health_check_enabled,
            health_check_interval_seconds: group.health_check_interval_seconds.map(Number),
            health_check_path: group.health_check_path.clone(),
            health_check_port: text(group.health_check_port()),
            health_check_protocol: protocol(group.health_check_protocol()),
            health_check_timeout_seconds: group.health_check_timeout_seconds.map(Number),
            healthy_threshold_count: group.healthy_threshold_count.map(Number),
            ip_address_type: group.ip_address_type().map(|kind| kind.as_str().into()),
            matcher,
            name: group.target_group_name().unwrap_or_default().into(),
            port: group.port.map(Number),
            protocol: protocol(group.protocol()),
            protocol_version: group.protocol_version.clone(),
            tags: Some(live.tags.clone()),
            target_group_attributes: live.attributes.clone(),
            target_type: group.target_type().map(|kind| kind.as_str().into()),
            unhealthy_threshold_count: group.unhealthy_threshold_count.map(Number),
            vpc_id: group.vpc_id.clone(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let arn = live.group.target_group_arn();
        let full_name = arn.and_then(|arn| arn.splitn(6, ':').nth(5));
        outputs([
            ("TargetGroupArn", arn),
            ("TargetGroupName", live.group.target_group_name()),
            ("TargetGroupFullName", full_name),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let found = if let [Lookup::Id(id)] = wanted {
            find(cx, id).await?.into_iter().collect()
        } else {
            // The whole list: of several names, one that is not there is a fault.
            let pages = cx.elb.describe_target_groups().page_size(400).into_paginator();
            collect(pages.items().send()).await?
        };
        let names: BTreeSet<&str> = wanted.iter().filter_map(Lookup::id).collect();
        let is_wanted = |group: &types::TargetGroup| {
            group.target_group_name().is_some_and(|name| names.contains(name))
        };
        let found: Vec<_> = found.into_iter().filter(is_wanted).collect();
        tagged(cx, found).await
    }

    /// Attributes are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        if !compared.has("TargetGroupAttributes") {
            return Ok(Some(live));
        }
        let ask = cx.elb.describe_target_group_attributes();
        let ask = ask.set_target_group_arn(live.group.target_group_arn.clone());
        let Some(reply) = present(ask.send().await)? else { return Ok(None) };
        let attributes = reply.attributes.unwrap_or_default().into_iter();
        let pairs = attributes.map(|attribute| (attribute.key, attribute.value));
        Ok(Some(Live { attributes: Some(elbv2::attributes(pairs)), ..live }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let ip_address_type = spec.ip_address_type.as_deref();
        // A repeat with the same settings answers with what is there already.
        cx.elb
            .create_target_group()
            .name(&spec.name)
            .set_health_check_enabled(spec.health_check_enabled)
            .set_health_check_interval_seconds(spec.health_check_interval_seconds.map(Into::into))
            .set_health_check_path(spec.health_check_path.clone())
            .set_health_check_port(spec.health_check_port.clone().map(Into::into))
            .set_health_check_protocol(spec.health_check_protocol.as_deref().map(Into::into))
            .set_health_check_timeout_seconds(spec.health_check_timeout_seconds.map(Into::into))
            .set_healthy_threshold_count(spec.healthy_threshold_count.map(Into::into))
            .set_ip_address_type(ip_address_type.map(TargetGroupIpAddressTypeEnum::from))
            .set_matcher(spec.matcher.as_ref().map(matcher))
            .set_port(spec.port.map(Into::into))
            .set_protocol(spec.protocol.as_deref().map(ProtocolEnum::from))
            .set_protocol_version(spec.protocol_version.clone())
            .set_tags(elbv2::tag_list(spec.tags.as_ref()))
            .set_target_type(spec.target_type.as_deref().map(TargetTypeEnum::from))
            .set_unhealthy_threshold_count(spec.unhealthy_threshold_count.map(Into::into))
            .set_vpc_id(spec.vpc_id.clone())
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let arn = arn(cx, id).await?;
        let (elb, to) = (&cx.elb, update.to);
        if update.changed.iter().any(|path| MODIFIED.contains(path)) {
            let number =
                |path, number: Option<Number>| number.filter(|_| update.has(path)).map(i32::from);
            let health_check_port = to.health_check_port.clone();
            let health_check_protocol = to.health_check_protocol.as_deref();
            elb.modify_target_group()
                .target_group_arn(&arn)
                .set_health_check_enabled(
                    to.health_check_enabled.filter(|_| update.has("HealthCheckEnabled")),
                )
                .set_health_check_interval_seconds(number(
                    "HealthCheckIntervalSeconds",
                    to.health_check_interval_seconds,
                ))
                .set_health_check_path(
                    to.health_check_path.clone().filter(|_| update.has("HealthCheckPath")),
                )
                .set_health_check_port(
                    health_check_port.filter(|_| update.has("HealthCheckPort")).map(Into::into),
                )
                .set_health_check_protocol(
                    health_check_protocol
                        .filter(|_| update.has("HealthCheckProtocol"))
                        .map(ProtocolEnum::from),
                )
                .set_health_check_timeout_seconds(number(
                    "HealthCheckTimeoutSeconds",
                    to.health_check_timeout_seconds,
                ))
                .set_healthy_threshold_count(number(
                    "HealthyThresholdCount",
                    to.healthy_threshold_count,
                ))
                .set_matcher(to.matcher.as_ref().filter(|_| update.has("Matcher")).map(matcher))
                .set_unhealthy_threshold_count(number(
                    "UnhealthyThresholdCount",
                    to.unhealthy_threshold_count,
                ))
                .send()
                .await?;
        }
        if update.has("TargetGroupAttributes") {
            let set = elbv2::attributes_to_set(
                update.from.target_group_attributes.as_ref(),
                to.target_group_attributes.as_ref(),
            );
            let attribute =
                |(key, value)| TargetGroupAttribute::builder().key(key).value(value).build();
            // The call refuses an empty list.
            if !set.is_empty() {
                let attributes = set.into_iter().map(attribute).collect();
                let modify = elb.modify_target_group_attributes().target_group_arn(&arn);
                modify.set_attributes(Some(attributes)).send().await?;
            }
        }
        if update.has("Tags") {
            elbv2::retag(cx, &arn, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let Some(arn) = find(cx, id).await?.and_then(|group| group.target_group_arn) else {
            return Ok(());
        };
        gone(cx.elb.delete_target_group().target_group_arn(arn).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let Some(group) = find(cx, id).await? else { return Ok(Vec::new()) };
        let arn = group.target_group_arn().unwrap_or_default();
        let mut found = Vec::new();
        for balancer in group.load_balancer_arns() {
            let asked = cx.elb.describe_listeners().load_balancer_arn(balancer).into_paginator();
            let listeners = present(collect(asked.items().send()).await)?.unwrap_or_default();
            for listener in listeners {
                let at = listener.listener_arn().unwrap_or_default();
                let rules = cx.elb.describe_rules().listener_arn(at).into_paginator();
                let rules = present(collect(rules.items().send()).await)?.unwrap_or_default();
                let forwards = |actions: &[types::Action]| actions.iter().any(|it| names(it, arn));
                if forwards(listener.default_actions()) {
                    let kind = "AWS::ElasticLoadBalancingV2::Listener";
                    // As the kind of listeners calls it.
                    let at = PhysicalId::joined([
                        balancer,
                        &listener.port.unwrap_or_default().to_string(),
                    ]);
                    found.push(Blocker::stays(at.as_str(), kind, "forwards to it"));
                }
                let rules = rules.iter().filter(|rule| rule.is_default != Some(true));
                found.extend(rules.filter(|rule| forwards(rule.actions())).map(|rule| {
                    let kind = "AWS::ElasticLoadBalancingV2::ListenerRule";
                    Blocker::stays(rule.rule_arn().unwrap_or_default(), kind, "forwards to it")
                }));
            }
        }
        Ok(found)
    }
}

/// Properties that one `ModifyTargetGroup` sends.
const MODIFIED: &[&str] = &[
    "HealthCheckEnabled",
    "HealthCheckIntervalSeconds",
    "HealthCheckPath",
    "HealthCheckPort",
    "HealthCheckProtocol",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "Matcher",
    "UnhealthyThresholdCount",
];

/// Whether the action forwards to the group of that ARN.
fn names(action: &types::Action, arn: &str) -> bool {
    let groups = action.forward_config().map(types::ForwardActionConfig::target_groups);
    let groups = groups.unwrap_or_default();
    action.target_group_arn() == Some(arn)
        || groups.iter().any(|group| group.target_group_arn() == Some(arn))
}

async fn find(cx: &Cx, id: &PhysicalId) -> Result<Option<types::TargetGroup>, Fault> {
    let reply = present(cx.elb.describe_target_groups().names(id.as_str()).send().await)?;
    Ok(reply.and_then(|reply| reply.target_groups.unwrap_or_default().pop()))
}

/// Updates want the ARN, which holds an id of the service's making. A group that was made a moment ago may not be
/// visible yet.
async fn arn(cx: &Cx, id: &PhysicalId) -> Result<String, Fault> {
    let found = find(cx, id).await?.and_then(|group| group.target_group_arn);
    found.ok_or_else(|| Fault::new(Class::NotYet, format!("target group `{id}` is not there")))
}

/// With their tags, for those that still exist.
async fn tagged(cx: &Cx, found: Vec<types::TargetGroup>) -> Result<Vec<Live>, Fault> {
    let arns: Vec<_> = found.iter().filter_map(|found| found.target_group_arn.clone()).collect();
    let mut tags = elbv2::tags_of(cx, &arns).await?;
    let live = |group: types::TargetGroup| {
        let tags = tags.remove(group.target_group_arn()?)?;
        Some(Live { group, attributes: None, tags })
    };
    Ok(found.into_iter().filter_map(live).collect())
}

fn matcher(wanted: &Matcher) -> types::Matcher {
    types::Matcher::builder()
        .set_grpc_code(wanted.grpc_code.clone().map(Into::into))
        .set_http_code(wanted.http_code.clone().map(Into::into))
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::OnChange;

    #[test]
    fn a_live_target_group_is_seen_in_full() {
        let group = types::TargetGroup::builder()
            .target_group_name("shop")
            .target_group_arn("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/shop/943f")
            .port(8080)
            .protocol(ProtocolEnum::Http)
            .protocol_version("HTTP1")
            .target_type(TargetTypeEnum::Ip)
            .vpc_id("vpc-1")
            .health_check_port("traffic-port")
            .health_check_path("/healthz")
            .healthy_threshold_count(2)
            .matcher(types::Matcher::builder().http_code("200-299").build());
        let delay = (Some("deregistration_delay.timeout_seconds".into()), Some("30".into()));
        let live = Live {
            group: group.build(),
            attributes: Some(elbv2::attributes([delay])),
            tags: Tags::default(),
        };
        assert_eq!(
            serde_json::to_value(TargetGroup::spec(&live)).unwrap(),
            json!({
                "HealthCheckPath": "/healthz", "HealthCheckPort": "traffic-port",
                "HealthyThresholdCount": 2, "Matcher": {"HttpCode": "200-299"}, "Name": "shop",
                "Port": 8080, "Protocol": "HTTP", "ProtocolVersion": "HTTP1", "Tags": [],
                "TargetGroupAttributes":
                    [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
                "TargetType": "ip", "VpcId": "vpc-1",
            })
        );
        assert_eq!(TargetGroup::outputs(&live)["TargetGroupFullName"], "targetgroup/shop/943f");
    }

    #[test]
    fn codes_and_ports_may_be_written_as_numbers() {
        let spec = json!({"Name": "a", "HealthCheckPort": 8080, "Matcher": {"HttpCode": 200}});
        let spec: Spec = serde_json::from_value(spec).unwrap();
        let canonical =
            json!({"Name": "a", "HealthCheckPort": "8080", "Matcher": {"HttpCode": "200"}});
        assert_eq!(serde_json::to_value(spec).unwrap(), canonical);
    }

    #[test]
    fn every_property_that_can_be_updated_is_sent_somewhere() {
        let elsewhere = ["Tags", "TargetGroupAttributes"];
        for field in TargetGroup::FIELDS {
            let sent = MODIFIED.contains(&field.path) || elsewhere.contains(&field.path);
            assert_eq!(field.on_change == OnChange::Update, sent, "{}", field.path);
        }
    }
}
