//! `AWS::EC2::SecurityGroupIngress`

use aws_sdk_ec2::types::SecurityGroupRule;
use serde::{Deserialize, Serialize};

use super::ec2::{self, Cidr};
use super::ec2_rule::{self, Direction, Protocol, Rule};
use super::scalar::Number;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct SecurityGroupIngress;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_ip: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_port: Option<Number>,
    group_id: String,
    ip_protocol: Protocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_prefix_list_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_security_group_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_security_group_owner_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_port: Option<Number>,
}

impl Kind for SecurityGroupIngress {
    type Spec = Spec;
    type Live = SecurityGroupRule;

    const NAME: &'static str = "AWS::EC2::SecurityGroupIngress";
    const DOC: &'static str = "A rule of a security group: what may come in. \
        Works at once. \
        Nothing blocks its deletion; while it is there, it blocks the deletion of the group that it names as source. \
        `Tags` is an addition to CloudFormation's properties: the owner tags tell the rule from others in the group.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("CidrIp", "Source: an IPv4 range."),
        Field::replaces("CidrIpv6", "Source: an IPv6 range."),
        Field::updates("Description", "What it is for; up to 255 characters."),
        Field::replaces(
            "FromPort",
            "The first port, or the ICMP type; left out where all are meant.",
        ),
        // Not before the group has its own rules: AWS's first ones may equal this one, and go then.
        Field::replaces("GroupId", "The security group that the rule is in.").when_ready(),
        Field::replaces("IpProtocol", "`tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all."),
        Field::replaces("SourcePrefixListId", "Source: a prefix list."),
        Field::replaces("SourceSecurityGroupId", "Source: the interfaces of a security group."),
        Field::replaces("SourceSecurityGroupOwnerId", "The account of the source group."),
        TAGS,
        Field::replaces("ToPort", "The last port, or the ICMP code; left out where all are meant."),
    ];
    const OUTPUTS: &'static [Output] = &[Output::with_id("Id", "The id of the rule.")];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &SecurityGroupRule) -> PhysicalId {
        PhysicalId::new(live.security_group_rule_id().unwrap_or_default())
    }

    fn spec(live: &SecurityGroupRule) -> Spec {
        let rule = Rule::read(live);
        let source = live.referenced_group_info();
        Spec {
            cidr_ip: rule.cidr_ip,
            cidr_ipv6: rule.cidr_ipv6,
            description: rule.description,
            from_port: Some(Number(live.from_port.unwrap_or(-1))),
            group_id: live.group_id().unwrap_or_default().into(),
            ip_protocol: rule.protocol,
            source_prefix_list_id: rule.prefix_list_id,
            source_security_group_id: rule.group_id,
            source_security_group_owner_id: source.and_then(|group| group.user_id.clone()),
            tags: Some(ec2::tags(live.tags())),
            to_port: Some(Number(live.to_port.unwrap_or(-1))),
        }
    }

    fn outputs(live: &SecurityGroupRule) -> Outputs {
        outputs([("Id", live.security_group_rule_id())])
    }

    fn readiness(_: &SecurityGroupRule) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &SecurityGroupRule) -> Option<Owner> {
        tags::owner(&ec2::tags(live.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<SecurityGroupRule>, Fault> {
        ec2_rule::read(cx, wanted).await
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let (group, tags) = (&spec.group_id, spec.tags.as_ref());
        ec2_rule::create(cx, Direction::Ingress, group, &rule(spec), tags).await
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let redescribed = update.has("Description").then(|| rule(update.to));
        let tags = tags::change_of(&update.from.tags, &update.to.tags);
        ec2_rule::update(cx, id, &update.to.group_id, redescribed.as_ref(), tags).await
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        ec2_rule::delete(cx, Direction::Ingress, &recorded.group_id, id).await
    }
}

fn rule(spec: &Spec) -> Rule {
    let rule = Rule {
        protocol: spec.ip_protocol.clone(),
        from_port: spec.from_port.map(i32::from),
        to_port: spec.to_port.map(i32::from),
        cidr_ip: spec.cidr_ip.clone(),
        cidr_ipv6: spec.cidr_ipv6.clone(),
        prefix_list_id: spec.source_prefix_list_id.clone(),
        group_id: spec.source_security_group_id.clone(),
        group_owner_id: spec.source_security_group_owner_id.clone(),
        description: spec.description.clone(),
    };
    rule.canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::ReferencedSecurityGroup;
    use serde_json::json;

    #[test]
    fn a_live_rule_is_seen_in_full() {
        let source = ReferencedSecurityGroup::builder().group_id("sg-2").user_id("111111111111");
        let live = SecurityGroupRule::builder()
            .security_group_rule_id("sgr-1")
            .group_id("sg-1")
            .group_owner_id("111111111111")
            .ip_protocol("-1")
            .referenced_group_info(source.build())
            .description("from the balancer")
            .build();
        let spec = SecurityGroupIngress::spec(&live);
        assert_eq!(
            serde_json::to_value(&spec).unwrap(),
            json!({
                "GroupId": "sg-1", "IpProtocol": "-1", "FromPort": -1, "ToPort": -1,
                "SourceSecurityGroupId": "sg-2", "SourceSecurityGroupOwnerId": "111111111111",
                "Description": "from the balancer", "Tags": [],
            })
        );
        // All ports of all protocols are no ports.
        assert_eq!(rule(&spec).from_port, None);
        assert_eq!(SecurityGroupIngress::id(&live), PhysicalId::new("sgr-1"));
    }
}
