//! What the kinds with security-group rules share: the rules that a group lists in its own spec, and those that are
//! resources of their own.

use std::collections::BTreeMap;
use std::ops::Deref;

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRule,
    SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2::{self, Cidr};
use super::scalar::Text;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::cloud::tags::{TagChange, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::Lookup;

/// Which way the traffic of a rule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    pub(super) fn of(live: &SecurityGroupRule) -> Self {
        if live.is_egress() == Some(true) { Self::Egress } else { Self::Ingress }
    }
}

/// A rule in canonical form, in neutral words: its peer is the source of what comes in, the destination of what
/// goes out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    pub protocol: Protocol,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr_ip: Option<Cidr>,
    pub cidr_ipv6: Option<Cidr>,
    pub prefix_list_id: Option<String>,
    pub group_id: Option<String>,
    /// The account of the peer group, where it is not the group's own.
    pub group_owner_id: Option<String>,
    pub description: Option<String>,
}

impl Rule {
    /// As EC2 keeps it: ports only where the protocol has some, all types and codes where those of ICMP are left out.
    pub(super) fn canonical(mut self) -> Self {
        (self.from_port, self.to_port) = match &*self.protocol {
            "tcp" | "udp" => (self.from_port, self.to_port),
            "icmp" | "icmpv6" => (self.from_port.or(Some(-1)), self.to_port.or(Some(-1))),
            _ => (None, None),
        };
        self.description = self.description.filter(|text| !text.is_empty());
        self
    }

    pub(super) fn read(live: &SecurityGroupRule) -> Self {
        let peer = live.referenced_group_info();
        let foreign =
            |owner: &String| live.group_owner_id().is_some_and(|own| own != owner.as_str());
        let rule = Self {
            protocol: Protocol::from(Text::from(live.ip_protocol().unwrap_or("-1"))),
            from_port: live.from_port,
            to_port: live.to_port,
            cidr_ip: Cidr::read(live.cidr_ipv4()),
            cidr_ipv6: Cidr::read(live.cidr_ipv6()),
            prefix_list_id: live.prefix_list_id.clone(),
            group_id: peer.and_then(|peer| peer.group_id.clone()),
            group_owner_id: peer.and_then(|peer| peer.user_id.clone()).filter(foreign),
            description: live.description.clone(),
        };
        rule.canonical()
    }

    /// What makes two rules the same for EC2: all but the description.
    fn identity(&self) -> Self {
        Self { description: None, group_owner_id: None, ..self.clone() }
    }

    /// The rule as an `Authorize…` call takes it.
    fn permission(&self) -> Result<IpPermission, Fault> {
        // Several peers in one permission would be several rules.
        let peers = [
            self.cidr_ip.is_some(),
            self.cidr_ipv6.is_some(),
            self.prefix_list_id.is_some(),
            self.group_id.is_some(),
        ];
        if peers.into_iter().filter(|given| *given).count() != 1 {
            let message = "a rule needs exactly one of an IPv4 range, an IPv6 range, a prefix list and a security group";
            return Err(Fault::new(Class::Invalid, message));
        }
        let text = &self.description;
        let range = Cidr::send(self.cidr_ip.as_ref())
            .map(|range| IpRange::builder().cidr_ip(range).set_description(text.clone()).build());
        let ipv6_range = Cidr::send(self.cidr_ipv6.as_ref()).map(|range| {
            Ipv6Range::builder().cidr_ipv6(range).set_description(text.clone()).build()
        });
        let prefix_list = self.prefix_list_id.as_ref().map(|id| {
            PrefixListId::builder().prefix_list_id(id).set_description(text.clone()).build()
        });
        let group = self.group_id.as_ref().map(|id| {
            let owner = self.group_owner_id.clone();
            let pair = UserIdGroupPair::builder().group_id(id).set_user_id(owner);
            pair.set_description(text.clone()).build()
        });
        Ok(IpPermission::builder()
            .ip_protocol(&*self.protocol)
            .set_from_port(self.from_port)
            .set_to_port(self.to_port)
            .set_ip_ranges(range.map(|range| vec![range]))
            .set_ipv6_ranges(ipv6_range.map(|range| vec![range]))
            .set_prefix_list_ids(prefix_list.map(|list| vec![list]))
            .set_user_id_group_pairs(group.map(|group| vec![group]))
            .build())
    }

    /// The rule as `ModifySecurityGroupRules` takes it.
    fn request(&self) -> SecurityGroupRuleRequest {
        SecurityGroupRuleRequest::builder()
            .ip_protocol(&*self.protocol)
            .set_from_port(self.from_port)
            .set_to_port(self.to_port)
            .set_cidr_ipv4(Cidr::send(self.cidr_ip.as_ref()))
            .set_cidr_ipv6(Cidr::send(self.cidr_ipv6.as_ref()))
            .set_prefix_list_id(self.prefix_list_id.clone())
            .set_referenced_group_id(self.group_id.clone())
            .set_description(self.description.clone())
            .build()
    }
}

/// A protocol by the name that EC2 gives it, or by its number where it gives none; `-1` is all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Text", into = "String")]
pub(super) struct Protocol(String);

impl From<Text> for Protocol {
    fn from(Text(text): Text) -> Self {
        Self(match text.as_str() {
            "1" => "icmp".into(),
            "6" => "tcp".into(),
            "17" => "udp".into(),
            "58" => "icmpv6".into(),
            _ => text.to_ascii_lowercase(),
        })
    }
}

impl From<Protocol> for String {
    fn from(protocol: Protocol) -> Self {
        protocol.0
    }
}

impl Deref for Protocol {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// What turns the rules that a group has into those that it should have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change<'a> {
    authorize: Vec<&'a Rule>,
    /// Rules, by their ids, of which only the description differs.
    redescribe: Vec<(String, &'a Rule)>,
    revoke: Vec<String>,
}

impl<'a> Change<'a> {
    pub(super) fn of(live: &[&SecurityGroupRule], wanted: &'a [Rule]) -> Self {
        let mut there: BTreeMap<Rule, (String, Option<String>)> = live
            .iter()
            .map(|live| {
                let rule = Rule::read(live);
                let id = live.security_group_rule_id().unwrap_or_default().to_owned();
                (rule.identity(), (id, rule.description))
            })
            .collect();
        let mut change = Self::default();
        for rule in wanted {
            match there.remove(&rule.identity()) {
                None => change.authorize.push(rule),
                // A description that is left out is not managed.
                Some((id, description)) => {
                    if rule.description.is_some() && rule.description != description {
                        change.redescribe.push((id, rule));
                    }
                }
            }
        }
        change.revoke = there.into_values().map(|(id, _)| id).collect();
        change
    }

    /// New rules come before old ones go, so that nothing that both let pass is cut.
    pub(super) async fn send(
        &self,
        cx: &Cx,
        direction: Direction,
        group: &str,
    ) -> Result<(), Fault> {
        if !self.authorize.is_empty() {
            authorize(cx, direction, group, &self.authorize, None).await?;
        }
        if !self.redescribe.is_empty() {
            modify(cx, group, &self.redescribe).await?;
        }
        if !self.revoke.is_empty() {
            revoke(cx, direction, group, self.revoke.clone()).await?;
        }
        Ok(())
    }
}

/// All rules that pass `filters`.
pub(super) async fn described(
    cx: &Cx,
    filters: Vec<Filter>,
) -> Result<Vec<SecurityGroupRule>, Fault> {
    let pages = cx.ec2.describe_security_group_rules().set_filters(Some(filters)).into_paginator();
    ec2::collect(pages.items().send()).await
}

/// Rules that are resources of their own, by id or owner.
pub(super) async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<SecurityGroupRule>, Fault> {
    let asked = ec2::filters("security-group-rule-id", wanted).into_iter();
    let found = try_join_all(asked.map(|filters| described(cx, filters))).await?;
    Ok(found.into_iter().flatten().collect())
}

/// Adds one rule, with its tags.
pub(super) async fn create(
    cx: &Cx,
    direction: Direction,
    group: &str,
    rule: &Rule,
    tags: Option<&Tags>,
) -> Result<PhysicalId, Fault> {
    let id = authorize(cx, direction, group, &[rule], tags).await?;
    Ok(PhysicalId::new(id.required("security group rule id")?))
}

/// Gives a rule its tags, and its description if that differs: then `redescribed` is the rule.
pub(super) async fn update(
    cx: &Cx,
    id: &PhysicalId,
    group: &str,
    redescribed: Option<&Rule>,
    tags: TagChange,
) -> Result<(), Fault> {
    if let Some(rule) = redescribed {
        modify(cx, group, &[(id.as_str().to_owned(), rule)]).await?;
    }
    ec2::retag(cx, id, tags).await
}

/// Takes one rule away.
pub(super) async fn delete(
    cx: &Cx,
    direction: Direction,
    group: &str,
    id: &PhysicalId,
) -> Result<(), Fault> {
    ec2::gone(revoke(cx, direction, group, vec![id.as_str().to_owned()]).await)
}

/// Adds rules, all or none; the id of the first one.
async fn authorize(
    cx: &Cx,
    direction: Direction,
    group: &str,
    rules: &[&Rule],
    tags: Option<&Tags>,
) -> Result<Option<String>, Fault> {
    let permissions = rules.iter().map(|rule| rule.permission()).collect::<Result<Vec<_>, _>>()?;
    let tags = ec2::tag_specifications(ResourceType::SecurityGroupRule, tags);
    let made = match direction {
        Direction::Ingress => {
            let call = cx.ec2.authorize_security_group_ingress().group_id(group);
            let call = call.set_ip_permissions(Some(permissions)).set_tag_specifications(tags);
            call.send().await?.security_group_rules
        }
        Direction::Egress => {
            let call = cx.ec2.authorize_security_group_egress().group_id(group);
            let call = call.set_ip_permissions(Some(permissions)).set_tag_specifications(tags);
            call.send().await?.security_group_rules
        }
    };
    Ok(made.unwrap_or_default().into_iter().find_map(|rule| rule.security_group_rule_id))
}

async fn modify(cx: &Cx, group: &str, rules: &[(String, &Rule)]) -> Result<(), Fault> {
    let updates = rules.iter().map(|(id, rule)| {
        let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(id);
        update.security_group_rule(rule.request()).build()
    });
    let call = cx.ec2.modify_security_group_rules().group_id(group);
    call.set_security_group_rules(Some(updates.collect())).send().await?;
    Ok(())
}

async fn revoke(cx: &Cx, direction: Direction, group: &str, ids: Vec<String>) -> Result<(), Fault> {
    match direction {
        Direction::Ingress => {
            let call = cx.ec2.revoke_security_group_ingress().group_id(group);
            call.set_security_group_rule_ids(Some(ids)).send().await?;
        }
        Direction::Egress => {
            let call = cx.ec2.revoke_security_group_egress().group_id(group);
            call.set_security_group_rule_ids(Some(ids)).send().await?;
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aws_sdk_ec2::types::ReferencedSecurityGroup;

    /// A live rule that lets TCP through one port, from a range.
    pub(in crate::kinds) fn live_rule(id: &str, port: i32, cidr: &str) -> SecurityGroupRule {
        SecurityGroupRule::builder()
            .security_group_rule_id(id)
            .group_id("sg-1")
            .group_owner_id("111111111111")
            .is_egress(false)
            .ip_protocol("tcp")
            .from_port(port)
            .to_port(port)
            .cidr_ipv4(cidr)
            .build()
    }

    #[test]
    fn rules_have_one_form() {
        let every = SecurityGroupRule::builder().ip_protocol("-1").from_port(-1).to_port(-1);
        let rule = Rule::read(&every.cidr_ipv4("0.0.0.0/0").description("").build());
        assert_eq!((rule.from_port, rule.to_port, &rule.description), (None, None, &None));
        let ping = Rule { protocol: Protocol::from(Text::from("58")), ..rule };
        let ping = ping.canonical();
        assert_eq!((&*ping.protocol, ping.from_port, ping.to_port), ("icmpv6", Some(-1), Some(-1)));
    }

    #[test]
    fn the_account_of_a_peer_is_told_where_it_is_another_one() {
        let from = |account: &str| {
            let peer = ReferencedSecurityGroup::builder().group_id("sg-2").user_id(account).build();
            let live = SecurityGroupRule::builder().group_owner_id("111111111111");
            Rule::read(&live.referenced_group_info(peer).build()).group_owner_id
        };
        assert_eq!(from("111111111111"), None);
        assert_eq!(from("222222222222"), Some("222222222222".into()));
    }

    #[test]
    fn only_what_differs_is_changed() {
        let live = [
            live_rule("sgr-1", 80, "10.0.0.0/8"),
            live_rule("sgr-2", 443, "10.0.0.0/8"),
            live_rule("sgr-3", 22, "0.0.0.0/0"),
        ];
        let wanted = [
            Rule::read(&live_rule("", 80, "10.0.0.0/8")),
            Rule {
                description: Some("web".into()),
                ..Rule::read(&live_rule("", 443, "10.0.0.0/8"))
            },
            Rule::read(&live_rule("", 8080, "10.0.0.0/8")),
        ];
        let change = Change::of(&live.iter().collect::<Vec<_>>(), &wanted);
        assert_eq!(
            change,
            Change {
                authorize: vec![&wanted[2]],
                redescribe: vec![("sgr-2".into(), &wanted[1])],
                revoke: vec!["sgr-3".into()],
            }
        );
    }

    #[test]
    fn a_rule_has_one_peer() {
        let mut rule = Rule::read(&live_rule("sgr-1", 80, "10.0.0.0/8"));
        assert_eq!(rule.permission().unwrap().ip_ranges()[0].cidr_ip(), Some("10.0.0.0/8"));
        rule.group_id = Some("sg-2".into());
        assert!(rule.permission().unwrap_err().is(Class::Invalid));
        rule.cidr_ip = None;
        let permission = rule.permission().unwrap();
        assert_eq!(permission.user_id_group_pairs()[0].group_id(), Some("sg-2"));
        rule.group_id = None;
        assert!(rule.permission().unwrap_err().is(Class::Invalid));
    }
}
