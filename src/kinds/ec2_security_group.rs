//! `AWS::EC2::SecurityGroup`

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, Filter, ResourceType, SecurityGroupRule};
use futures::future::try_join_all;
use serde::{Deserialize, Deserializer, Serialize};

use super::ec2::{self, Cidr};
use super::ec2_blocker;
use super::ec2_rule::{self, Change, Direction, Protocol, Rule};
use super::scalar::Number;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, ADDRESS_TAG, Tags};
use crate::fault::{Blocker, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct SecurityGroup;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    group_description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[serde(default, deserialize_with = "canonical", skip_serializing_if = "Option::is_none")]
    security_group_egress: Option<Vec<Egress>>,
    #[serde(default, deserialize_with = "canonical", skip_serializing_if = "Option::is_none")]
    security_group_ingress: Option<Vec<Ingress>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vpc_id: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Ingress {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_ip: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_port: Option<Number>,
    ip_protocol: Protocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_prefix_list_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_security_group_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_security_group_owner_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_port: Option<Number>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Egress {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_ip: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destination_prefix_list_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destination_security_group_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_port: Option<Number>,
    ip_protocol: Protocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_port: Option<Number>,
}

/// A group with all its rules.
#[derive(Debug)]
pub struct Live {
    group: types::SecurityGroup,
    rules: Vec<SecurityGroupRule>,
}

/// EC2's limit for a group's name.
const NAME_LEN_MAX: usize = 255;

impl Kind for SecurityGroup {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::EC2::SecurityGroup";
    const DOC: &'static str = "A stateful packet filter around network interfaces. \
        Works at once, and at first lets everything out and nothing in. \
        The rule lists of its spec are complete: what is in the group beside them is drift, except for the rules of \
        `AWS::EC2::SecurityGroupIngress` and `AWS::EC2::SecurityGroupEgress`, known by their owner tags. So a group \
        whose rules are resources of their own writes two empty lists; a list that is left out is not managed. \
        Deletion is refused while a network interface or a rule of another group refers to it.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("GroupDescription", "What it is for; up to 255 characters."),
        Field::replaces(
            "GroupName",
            "Its name, unique in the VPC. Made up if left out, which makes replacements possible.",
        ),
        Field::updates(
            "SecurityGroupEgress",
            "What may go out: `IpProtocol`, `FromPort`, `ToPort`, one of `CidrIp`, `CidrIpv6`, \
             `DestinationPrefixListId`, `DestinationSecurityGroupId`, and a `Description`.",
        )
        .set()
        .late(),
        Field::updates(
            "SecurityGroupIngress",
            "What may come in: `IpProtocol`, `FromPort`, `ToPort`, one of `CidrIp`, `CidrIpv6`, \
             `SourcePrefixListId`, `SourceSecurityGroupId` (with `SourceSecurityGroupOwnerId` if it is another \
             account's), and a `Description`.",
        )
        .set()
        .late(),
        TAGS,
        Field::replaces("VpcId", "The VPC; the account's default one if left out."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("GroupId", "The id of the security group."),
        Output::with_id("Id", "The same, as CloudFormation's `Ref` gives it."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(3, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.group.group_id().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let inline = |direction| {
            let mut rules: Vec<Rule> =
                inline(&live.rules, direction).into_iter().map(Rule::read).collect();
            rules.sort();
            rules
        };
        Spec {
            group_description: live.group.description().unwrap_or_default().into(),
            group_name: live.group.group_name.clone(),
            security_group_egress: Some(
                inline(Direction::Egress).into_iter().map(Egress::from).collect(),
            ),
            security_group_ingress: Some(
                inline(Direction::Ingress).into_iter().map(Ingress::from).collect(),
            ),
            tags: Some(ec2::tags(live.group.tags())),
            vpc_id: live.group.vpc_id.clone(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("GroupId", live.group.group_id()), ("Id", live.group.group_id())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&ec2::tags(live.group.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let asked = ec2::filters("group-id", wanted).into_iter().map(|filters| {
            let pages =
                cx.ec2.describe_security_groups().set_filters(Some(filters)).into_paginator();
            ec2::collect(pages.items().send())
        });
        let groups: Vec<_> = try_join_all(asked).await?.into_iter().flatten().collect();
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let ids = groups.iter().filter_map(|group| group.group_id.clone()).collect();
        let of_groups = Filter::builder().name("group-id").set_values(Some(ids)).build();
        let mut rules: BTreeMap<String, Vec<SecurityGroupRule>> = BTreeMap::new();
        for rule in ec2_rule::described(cx, vec![of_groups]).await? {
            rules.entry(rule.group_id().unwrap_or_default().to_owned()).or_default().push(rule);
        }
        let live = |group: types::SecurityGroup| Live {
            rules: rules.remove(group.group_id().unwrap_or_default()).unwrap_or_default(),
            group,
        };
        Ok(groups.into_iter().map(live).collect())
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let name = spec.group_name.clone().unwrap_or_else(|| made_up_name(spec, token));
        let tags = ec2::tag_specifications(ResourceType::SecurityGroup, spec.tags.as_ref());
        let made = cx
            .ec2
            .create_security_group()
            .group_name(name)
            .description(&spec.group_description)
            .set_vpc_id(spec.vpc_id.clone())
            .set_tag_specifications(tags)
            .send()
            .await?;
        Ok(PhysicalId::new(made.group_id.required("security group id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        let egress =
            to.security_group_egress.as_ref().filter(|_| update.has("SecurityGroupEgress"));
        let ingress =
            to.security_group_ingress.as_ref().filter(|_| update.has("SecurityGroupIngress"));
        if egress.is_some() || ingress.is_some() {
            // Not from what was observed: a new group has AWS's rules, and a repeat finds the first try's.
            let of_group = ec2::filter("group-id", id.as_str());
            let live = ec2_rule::described(cx, vec![of_group]).await?;
            let wanted = [
                (Direction::Egress, egress.map(|rules| rules_of(rules))),
                (Direction::Ingress, ingress.map(|rules| rules_of(rules))),
            ];
            for (direction, wanted) in wanted {
                if let Some(wanted) = wanted {
                    let change = Change::of(&inline(&live, direction), &wanted);
                    change.send(cx, direction, id.as_str()).await?;
                }
            }
        }
        if update.has("Tags") {
            ec2::retag(cx, id, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        ec2::gone(cx.ec2.delete_security_group().group_id(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let filters = vec![ec2::filter("group-id", id.as_str())];
        let (mut found, rules) = futures::try_join!(
            ec2_blocker::interfaces(cx, filters, "with the group", |_| true),
            ec2_blocker::rules_that_name(cx, id.as_str())
        )?;
        found.extend(rules);
        Ok(found)
    }
}

/// The rules that belong to the group's own spec: those that are no resources themselves.
fn inline(rules: &[SecurityGroupRule], direction: Direction) -> Vec<&SecurityGroupRule> {
    let owned =
        |rule: &SecurityGroupRule| rule.tags().iter().any(|tag| tag.key() == Some(ADDRESS_TAG));
    rules.iter().filter(|rule| Direction::of(rule) == direction && !owned(rule)).collect()
}

/// A name that no other group has and that says whose it is. The token comes last and whole: it makes it unique.
fn made_up_name(spec: &Spec, token: &Token) -> String {
    let owner = spec.tags.as_ref().and_then(|tags| tags::owner(&tags.0));
    let mut name = match owner {
        Some(owner) => format!("{}/{}", owner.stack, owner.address),
        None => "platctl".into(),
    };
    name.truncate(NAME_LEN_MAX.saturating_sub(token.0.len() + 1));
    format!("{name}-{}", token.0)
}

/// Rules as their author wrote them, in the one form that EC2 keeps.
fn canonical<'de, D, R>(deserializer: D) -> Result<Option<Vec<R>>, D::Error>
where
    D: Deserializer<'de>,
    R: Deserialize<'de> + From<Rule>,
    Rule: From<R>,
{
    let rules = Option::<Vec<R>>::deserialize(deserializer)?;
    Ok(rules.map(|rules| rules.into_iter().map(|rule| R::from(Rule::from(rule))).collect()))
}

fn rules_of<R: Clone>(rules: &[R]) -> Vec<Rule>
where
    Rule: From<R>,
{
    rules.iter().cloned().map(Rule::from).collect()
}

impl From<Ingress> for Rule {
    fn from(rule: Ingress) -> Self {
        let rule = Self {
            protocol: rule.ip_protocol,
            from_port: rule.from_port.map(i32::from),
            to_port: rule.to_port.map(i32::from),
            cidr_ip: rule.cidr_ip,
            cidr_ipv6: rule.cidr_ipv6,
            prefix_list_id: rule.source_prefix_list_id,
            group_id: rule.source_security_group_id,
            group_owner_id: rule.source_security_group_owner_id,
            description: rule.description,
        };
        rule.canonical()
    }
}

impl From<Rule> for Ingress {
    fn from(rule: Rule) -> Self {
        Self {
            cidr_ip: rule.cidr_ip,
            cidr_ipv6: rule.cidr_ipv6,
            description: rule.description,
            from_port: rule.from_port.map(Number),
            ip_protocol: rule.protocol,
            source_prefix_list_id: rule.prefix_list_id,
            source_security_group_id: rule.group_id,
            source_security_group_owner_id: rule.group_owner_id,
            to_port: rule.to_port.map(Number),
        }
    }
}

impl From<Egress> for Rule {
    fn from(rule: Egress) -> Self {
        let rule = Self {
            protocol: rule.ip_protocol,
            from_port: rule.from_port.map(i32::from),
            to_port: rule.to_port.map(i32::from),
            cidr_ip: rule.cidr_ip,
            cidr_ipv6: rule.cidr_ipv6,
            prefix_list_id: rule.destination_prefix_list_id,
            group_id: rule.destination_security_group_id,
            group_owner_id: None,
            description: rule.description,
        };
        rule.canonical()
    }
}

impl From<Rule> for Egress {
    fn from(rule: Rule) -> Self {
        Self {
            cidr_ip: rule.cidr_ip,
            cidr_ipv6: rule.cidr_ipv6,
            description: rule.description,
            destination_prefix_list_id: rule.prefix_list_id,
            destination_security_group_id: rule.group_id,
            from_port: rule.from_port.map(Number),
            ip_protocol: rule.protocol,
            to_port: rule.to_port.map(Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ec2_rule::tests::live_rule;
    use super::*;
    use aws_sdk_ec2::types::Tag;
    use serde_json::json;

    fn everything_out() -> SecurityGroupRule {
        SecurityGroupRule::builder()
            .security_group_rule_id("sgr-9")
            .group_id("sg-1")
            .is_egress(true)
            .ip_protocol("-1")
            .from_port(-1)
            .to_port(-1)
            .cidr_ipv4("0.0.0.0/0")
            .build()
    }

    #[test]
    fn a_live_group_is_seen_without_the_rules_of_others() {
        let mut owned = live_rule("sgr-2", 443, "10.0.0.0/8");
        owned.tags = Some(vec![Tag::builder().key(ADDRESS_TAG).value("web/https").build()]);
        let mut named = live_rule("sgr-3", 22, "0.0.0.0/0");
        named.tags = Some(vec![Tag::builder().key("Name").value("by hand").build()]);
        let group = types::SecurityGroup::builder()
            .group_id("sg-1")
            .group_name("web")
            .description("The web servers")
            .vpc_id("vpc-1")
            .build();
        let rules = vec![live_rule("sgr-1", 80, "10.0.0.0/8"), owned, named, everything_out()];
        assert_eq!(
            serde_json::to_value(SecurityGroup::spec(&Live { group, rules })).unwrap(),
            json!({
                "GroupName": "web", "GroupDescription": "The web servers", "VpcId": "vpc-1",
                "SecurityGroupIngress": [
                    {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"},
                    {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "10.0.0.0/8"},
                ],
                "SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}],
                "Tags": [],
            })
        );
    }

    #[test]
    fn rules_are_taken_in_the_form_in_which_they_are_read() {
        let spec: Spec = serde_json::from_value(json!({
            "GroupDescription": "x",
            "SecurityGroupIngress": [{
                "IpProtocol": "6", "FromPort": 1, "ToPort": 2, "CidrIp": "10.17.0.0/15",
                "Description": "",
            }],
            "SecurityGroupEgress": [{
                "IpProtocol": -1, "FromPort": "0", "ToPort": 65535, "CidrIpv6": "0:0::/0",
            }],
        }))
        .unwrap();
        assert_eq!(
            serde_json::to_value(spec).unwrap(),
            json!({
                "GroupDescription": "x",
                "SecurityGroupIngress": [{
                    "IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "CidrIp": "10.16.0.0/15",
                }],
                "SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIpv6": "::/0"}],
            })
        );
    }

    #[test]
    fn a_made_up_name_is_unique_and_fits() {
        let name = |address: String, token: &str| {
            let spec = json!({
                "GroupDescription": "x",
                "Tags": [
                    {"Key": "platctl:stack", "Value": "shop-dev"},
                    {"Key": "platctl:address", "Value": address},
                ],
            });
            made_up_name(&serde_json::from_value(spec).unwrap(), &Token(token.into()))
        };
        assert_eq!(name("web/group".into(), "t1"), "shop-dev/web/group-t1");
        let long = name(format!("web/{}", "x".repeat(250)), "t1");
        assert!(long.len() == NAME_LEN_MAX && long.ends_with("-t1"), "{long}");
    }
}
