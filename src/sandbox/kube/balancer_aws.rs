//! Load balancers in the sandbox's AWS, made and deleted through its APIs as controllers do it.
//!
//! Nothing is remembered: what is there is found by its name or by the tags of its stack, so that everything may be asked
//! for again.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{self as ec2, Filter, IpPermission, IpRange, ResourceType, Subnet};
use aws_sdk_eks::types::ClusterStatus;
use aws_sdk_elasticloadbalancingv2::types::{self as elb, ActionTypeEnum, LoadBalancer};

use super::balancer_model::{Action, Kind, Listener, Open, Rule, Scheme, TargetGroup, Wanted};
use super::balancer_stacks::StackId;
use crate::cloud::Cx;
use crate::fault::{Class, Fault, Required as _, found};

const INTERNET: &str = "0.0.0.0/0";
/// What one call for tags takes.
const TAGGED_MAX: usize = 20;

/// Where load balancers of a cluster are made.
pub(super) struct Place<'a> {
    pub(super) cx: &'a Cx,
    /// The cluster's name.
    pub(super) cluster: &'a str,
    pub(super) vpc: String,
}

/// The VPC of a cluster; `None` once it is gone, or is another one: its endpoint ends with `path`.
pub(super) async fn vpc_of(cx: &Cx, name: &str, path: &str) -> Result<Option<String>, Fault> {
    let Some(cluster) = cx.describe_cluster(name).await? else { return Ok(None) };
    let lives = cluster.status() != Some(&ClusterStatus::Deleting)
        && cluster.endpoint().is_some_and(|it| it.ends_with(path));
    let vpc = cluster.resources_vpc_config().and_then(|it| it.vpc_id());
    Ok(vpc.filter(|_| lives).map(str::to_owned))
}

impl Place<'_> {
    /// Makes what is missing of a load balancer, and corrects its listeners; its ARN.
    pub(super) async fn ensure(&self, id: &StackId, wanted: &Wanted) -> Result<String, Fault> {
        let groups = match wanted.security_groups.as_slice() {
            [] => vec![self.own_group(id, wanted).await?],
            said => self.groups_called(said).await?,
        };
        let targets = self.target_groups(id, &wanted.target_groups).await?;
        let arn = match self.balancer(&wanted.name).await? {
            Some(balancer) => balancer.load_balancer_arn.required("load balancer arn")?,
            None => self.create(id, wanted, groups).await?,
        };
        self.listeners(id, &arn, wanted, &targets).await?;
        Ok(arn)
    }

    /// The name under which a load balancer is reached, once it is active.
    pub(super) async fn hostname(&self, name: &str) -> Result<Option<String>, Fault> {
        let Some(balancer) = self.balancer(name).await? else { return Ok(None) };
        let state = balancer.state().and_then(|it| it.code());
        let works = state == Some(&elb::LoadBalancerStateEnum::Active);
        Ok(balancer.dns_name.filter(|_| works))
    }

    /// Deletes what was made for a stack and is not wanted: listeners, load balancers, target groups, security groups.
    /// Interfaces of a load balancer leave a while after it: until then its group is in use, which is a fault.
    pub(super) async fn prune(&self, id: &StackId, wanted: Option<&Wanted>) -> Result<(), Fault> {
        let tags = id.tags(self.cluster);
        let elb = &self.cx.elb;
        let balancers = elb.describe_load_balancers().into_paginator().items().send();
        let balancers: Vec<LoadBalancer> = balancers.collect::<Result<_, _>>().await?;
        let names = balancers
            .into_iter()
            .filter(|it| it.load_balancer_name() != wanted.map(|it| it.name.as_str()))
            .filter_map(|it| it.load_balancer_arn);
        for arn in self.tagged(names.collect(), &tags).await? {
            let listeners = elb.describe_listeners().load_balancer_arn(&arn).send().await?;
            for listener in listeners.listeners() {
                let delete = elb.delete_listener().set_listener_arn(listener.listener_arn.clone());
                found(delete.send().await)?;
            }
            found(elb.delete_load_balancer().load_balancer_arn(&arn).send().await)?;
        }
        let kept: BTreeSet<&str> = wanted
            .iter()
            .flat_map(|it| it.target_groups.iter().map(|it| it.name.as_str()))
            .collect();
        let groups = elb.describe_target_groups().into_paginator().items().send();
        let groups: Vec<elb::TargetGroup> = groups.collect::<Result<_, _>>().await?;
        let arns = groups
            .into_iter()
            .filter(|it| it.target_group_name().is_none_or(|name| !kept.contains(name)))
            .filter_map(|it| it.target_group_arn);
        for arn in self.tagged(arns.collect(), &tags).await? {
            found(elb.delete_target_group().target_group_arn(arn).send().await)?;
        }
        let filters = tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), value));
        let groups = self.security_groups(filters.collect()).await?;
        let kept = wanted.filter(|it| it.security_groups.is_empty()).map(|it| it.group.as_str());
        for group in groups.into_iter().filter(|it| it.group_name() != kept) {
            let delete = self.cx.ec2.delete_security_group().set_group_id(group.group_id);
            found(delete.send().await)?;
        }
        Ok(())
    }

    /// Those of these objects of Elastic Load Balancing that have the tags.
    async fn tagged(
        &self,
        arns: Vec<String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, Fault> {
        let mut found = Vec::new();
        for arns in arns.chunks(TAGGED_MAX) {
            let ask = self.cx.elb.describe_tags().set_resource_arns(Some(arns.to_vec()));
            for described in ask.send().await?.tag_descriptions.unwrap_or_default() {
                let has = |(key, value): (&String, &String)| {
                    let mut all = described.tags().iter();
                    all.any(|it| it.key() == Some(key) && it.value() == Some(value))
                };
                if tags.iter().all(has) {
                    found.extend(described.resource_arn);
                }
            }
        }
        Ok(found)
    }

    fn all_tags(
        &self,
        id: &StackId,
        wanted: &BTreeMap<String, String>,
        resource: &str,
    ) -> BTreeMap<String, String> {
        let mut tags = wanted.clone();
        tags.extend(id.tags(self.cluster));
        tags.extend(id.resource_tag(resource));
        tags
    }

    async fn balancer(&self, name: &str) -> Result<Option<LoadBalancer>, Fault> {
        let reply = found(self.cx.elb.describe_load_balancers().names(name).send().await)?;
        Ok(reply.and_then(|it| it.load_balancers.unwrap_or_default().into_iter().next()))
    }

    async fn create(
        &self,
        id: &StackId,
        wanted: &Wanted,
        groups: Vec<String>,
    ) -> Result<String, Fault> {
        let subnets = self.subnets(wanted).await?;
        let made = self
            .cx
            .elb
            .create_load_balancer()
            .name(&wanted.name)
            .r#type(match wanted.kind {
                Kind::Application => elb::LoadBalancerTypeEnum::Application,
                Kind::Network => elb::LoadBalancerTypeEnum::Network,
            })
            .scheme(wanted.scheme.word().into())
            .set_subnets(Some(subnets))
            .set_security_groups(Some(groups))
            .set_tags(Some(elb_tags(&self.all_tags(id, &wanted.tags, "LoadBalancer"))))
            .send()
            .await?;
        let made = made.load_balancers.unwrap_or_default().into_iter().next();
        made.and_then(|it| it.load_balancer_arn).required("load balancer arn")
    }

    /// The security group of its own, with the rules that it must have.
    async fn own_group(&self, id: &StackId, wanted: &Wanted) -> Result<String, Fault> {
        let ec2 = &self.cx.ec2;
        let groups = self.security_groups(vec![filter("group-name", &wanted.group)]).await?;
        let (group, open) = if let Some(group) = groups.into_iter().next() {
            let open = group.ip_permissions().iter().flat_map(opened).collect();
            (group.group_id.required("security group id")?, open)
        } else {
            let tags = self.all_tags(id, &wanted.tags, "ManagedLBSecurityGroup");
            let tags = tags.iter().map(|(k, v)| ec2::Tag::builder().key(k).value(v).build());
            let tags = ec2::TagSpecification::builder()
                .resource_type(ResourceType::SecurityGroup)
                .set_tags(Some(tags.collect()));
            let made = ec2
                .create_security_group()
                .group_name(&wanted.group)
                .description("[k8s] Managed SecurityGroup for LoadBalancer")
                .vpc_id(&self.vpc)
                .tag_specifications(tags.build())
                .send()
                .await?;
            (made.group_id.required("security group id")?, BTreeSet::new())
        };
        let missing: Vec<IpPermission> = wanted.open.difference(&open).map(permission).collect();
        if !missing.is_empty() {
            let open = ec2.authorize_security_group_ingress().group_id(&group);
            open.set_ip_permissions(Some(missing)).send().await?;
        }
        let extra: Vec<IpPermission> = open.difference(&wanted.open).map(permission).collect();
        if !extra.is_empty() {
            let close = ec2.revoke_security_group_ingress().group_id(&group);
            close.set_ip_permissions(Some(extra)).send().await?;
        }
        Ok(group)
    }

    /// The ids of groups that are named by id or by name.
    async fn groups_called(&self, called: &[String]) -> Result<Vec<String>, Fault> {
        let (mut ids, names): (Vec<String>, Vec<String>) =
            called.iter().cloned().partition(|it| it.starts_with("sg-"));
        if !names.is_empty() {
            let by_name = Filter::builder().name("tag:Name").set_values(Some(names)).build();
            let groups = self.security_groups(vec![by_name]).await?;
            ids.extend(groups.into_iter().filter_map(|it| it.group_id));
        }
        Ok(ids)
    }

    async fn security_groups(
        &self,
        mut filters: Vec<Filter>,
    ) -> Result<Vec<ec2::SecurityGroup>, Fault> {
        filters.push(filter("vpc-id", &self.vpc));
        let pages = self.cx.ec2.describe_security_groups().set_filters(Some(filters));
        let found = pages.into_paginator().items().send().collect::<Result<_, _>>().await?;
        Ok(found)
    }

    /// The ARNs of target groups by name; those that are missing are made.
    async fn target_groups(
        &self,
        id: &StackId,
        wanted: &[TargetGroup],
    ) -> Result<BTreeMap<String, String>, Fault> {
        let mut arns = BTreeMap::new();
        for group in wanted {
            let described = self.cx.elb.describe_target_groups().names(&group.name).send().await;
            let known = found(described)?.and_then(|it| it.target_groups).unwrap_or_default();
            let known = if let Some(known) = known.into_iter().next() {
                Some(known)
            } else {
                let tags = self.all_tags(id, &BTreeMap::new(), &group.resource);
                let create = self
                    .cx
                    .elb
                    .create_target_group()
                    .name(&group.name)
                    .protocol(group.protocol.as_str().into())
                    .port(group.port)
                    .vpc_id(&self.vpc)
                    .target_type(group.target_type.as_str().into())
                    .set_tags(Some(elb_tags(&tags)));
                let made = create.send().await?;
                made.target_groups.unwrap_or_default().into_iter().next()
            };
            let arn = known.and_then(|it| it.target_group_arn).required("target group arn")?;
            arns.insert(group.name.clone(), arn);
        }
        Ok(arns)
    }

    async fn listeners(
        &self,
        id: &StackId,
        balancer: &str,
        wanted: &Wanted,
        targets: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let elb = &self.cx.elb;
        let live = elb.describe_listeners().load_balancer_arn(balancer).send().await?;
        let mut live: BTreeMap<i32, elb::Listener> = live
            .listeners
            .unwrap_or_default()
            .into_iter()
            .filter_map(|it| Some((it.port?, it)))
            .collect();
        for listener in &wanted.listeners {
            let otherwise = action(&listener.otherwise, targets)?;
            let protocol = elb::ProtocolEnum::from(listener.protocol.as_str());
            let certificates = certificates(listener);
            let known = live.remove(&listener.port);
            let arn = match known.and_then(|it| Some((it.listener_arn.clone()?, it))) {
                None => {
                    let tags = self.all_tags(id, &wanted.tags, &listener.port.to_string());
                    let made = elb
                        .create_listener()
                        .load_balancer_arn(balancer)
                        .port(listener.port)
                        .protocol(protocol)
                        .set_certificates(certificates)
                        .default_actions(otherwise)
                        .set_tags(Some(elb_tags(&tags)))
                        .send()
                        .await?;
                    let made = made.listeners.unwrap_or_default().into_iter().next();
                    made.and_then(|it| it.listener_arn).required("listener arn")?
                }
                Some((arn, known)) => {
                    let same = known.protocol() == Some(&protocol)
                        && targets_of(known.default_actions())
                            == targets_of(std::slice::from_ref(&otherwise))
                        && known.certificates().first().and_then(|it| it.certificate_arn())
                            == listener.certificates.first().map(String::as_str);
                    if !same {
                        let modify = elb.modify_listener().listener_arn(&arn).protocol(protocol);
                        let modify = modify.set_certificates(certificates);
                        modify.default_actions(otherwise).send().await?;
                    }
                    arn
                }
            };
            if wanted.kind == Kind::Application {
                self.rules(&arn, &listener.rules, targets).await?;
            }
        }
        for listener in live.into_values() {
            let delete = elb.delete_listener().set_listener_arn(listener.listener_arn);
            found(delete.send().await)?;
        }
        Ok(())
    }

    /// The rules of a listener, in their order: where any differs, all are made anew.
    async fn rules(
        &self,
        listener: &str,
        wanted: &[Rule],
        targets: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let elb = &self.cx.elb;
        let live = elb.describe_rules().listener_arn(listener).send().await?;
        let mut live: Vec<elb::Rule> = live.rules.unwrap_or_default();
        live.retain(|it| it.is_default() != Some(true));
        live.sort_by_key(|it| it.priority().and_then(|it| it.parse().ok()).unwrap_or(u32::MAX));
        let mut made = Vec::new();
        for rule in wanted {
            let to = action(&Action::Forward(rule.target_group.clone()), targets)?;
            made.push((conditions(rule), to));
        }
        let shown = live.iter().map(|it| (values_of(it.conditions()), targets_of(it.actions())));
        let asked = made
            .iter()
            .map(|(conditions, to)| (values_of(conditions), targets_of(std::slice::from_ref(to))));
        if shown.eq(asked) {
            return Ok(());
        }
        for rule in live {
            found(elb.delete_rule().set_rule_arn(rule.rule_arn).send().await)?;
        }
        for (priority, (conditions, to)) in (1..).zip(made) {
            let create = elb.create_rule().listener_arn(listener).priority(priority);
            create.set_conditions(Some(conditions)).actions(to).send().await?;
        }
        Ok(())
    }

    /// One subnet of each zone: those that are named, else those with the tag of their role, else those that lead, or do
    /// not lead, to the internet.
    async fn subnets(&self, wanted: &Wanted) -> Result<Vec<String>, Fault> {
        let pages = self.cx.ec2.describe_subnets().filters(filter("vpc-id", &self.vpc));
        let all: Vec<Subnet> =
            pages.into_paginator().items().send().collect::<Result<_, _>>().await?;
        if !wanted.subnets.is_empty() {
            let is_named = |it: &&Subnet| {
                let mut names = [it.subnet_id(), tag(it, "Name")].into_iter().flatten();
                names.any(|name| wanted.subnets.iter().any(|it| it == name))
            };
            return Ok(one_of_each_zone(all.iter().filter(is_named)));
        }
        let role = match wanted.scheme {
            Scheme::InternetFacing => "kubernetes.io/role/elb",
            Scheme::Internal => "kubernetes.io/role/internal-elb",
        };
        let has_role = |it: &&Subnet| matches!(tag(it, role), Some("1" | ""));
        let mut chosen = one_of_each_zone(all.iter().filter(has_role));
        if chosen.is_empty() {
            let public = self.public_subnets(&all).await?;
            let wants_public = wanted.scheme == Scheme::InternetFacing;
            let fits =
                |it: &&Subnet| it.subnet_id().is_some_and(|id| public.contains(id) == wants_public);
            chosen = one_of_each_zone(all.iter().filter(fits));
        }
        let least = if wanted.kind == Kind::Application { 2 } else { 1 };
        if chosen.len() < least {
            let why =
                format!("couldn't auto-discover subnets: {} of {least} for {role}", chosen.len());
            return Err(Fault::new(Class::NotYet, why));
        }
        Ok(chosen)
    }

    /// The subnets whose routes lead to an internet gateway.
    async fn public_subnets(&self, all: &[Subnet]) -> Result<BTreeSet<String>, Fault> {
        let pages = self.cx.ec2.describe_route_tables().filters(filter("vpc-id", &self.vpc));
        let tables: Vec<ec2::RouteTable> =
            pages.into_paginator().items().send().collect::<Result<_, _>>().await?;
        let leads = |it: &&ec2::RouteTable| {
            it.routes().iter().any(|route| {
                route.destination_cidr_block() == Some(INTERNET)
                    && route.gateway_id().is_some_and(|it| it.starts_with("igw-"))
            })
        };
        let associations = || tables.iter().flat_map(ec2::RouteTable::associations);
        let mut public: BTreeSet<String> = tables
            .iter()
            .filter(leads)
            .flat_map(|it| it.associations().iter().filter_map(|it| it.subnet_id.clone()))
            .collect();
        let main =
            |it: &&ec2::RouteTable| it.associations().iter().any(|it| it.main() == Some(true));
        if tables.iter().filter(leads).any(|it| main(&it)) {
            let own: BTreeSet<&str> = associations().filter_map(|it| it.subnet_id()).collect();
            let others = all.iter().filter_map(|it| it.subnet_id.clone());
            public.extend(others.filter(|it| !own.contains(it.as_str())));
        }
        Ok(public)
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn tag<'s>(subnet: &'s Subnet, key: &str) -> Option<&'s str> {
    subnet.tags().iter().find(|it| it.key() == Some(key)).and_then(|it| it.value())
}

/// Of several in a zone that with the least id.
fn one_of_each_zone<'s>(subnets: impl Iterator<Item = &'s Subnet>) -> Vec<String> {
    let mut by_zone: BTreeMap<&str, &str> = BTreeMap::new();
    for (zone, id) in subnets.filter_map(|it| it.availability_zone().zip(it.subnet_id())) {
        let known = by_zone.entry(zone).or_insert(id);
        *known = id.min(known);
    }
    by_zone.into_values().map(str::to_owned).collect()
}

fn opened(permission: &IpPermission) -> Vec<Open> {
    let cidrs = permission.ip_ranges().iter().filter_map(|it| it.cidr_ip());
    let open = |cidr: &str| Open {
        protocol: permission.ip_protocol().unwrap_or_default().into(),
        port: permission.from_port().unwrap_or_default(),
        cidr: cidr.into(),
    };
    cidrs.map(open).collect()
}

fn permission(open: &Open) -> IpPermission {
    IpPermission::builder()
        .ip_protocol(&open.protocol)
        .from_port(open.port)
        .to_port(open.port)
        .ip_ranges(IpRange::builder().cidr_ip(&open.cidr).build())
        .build()
}

fn elb_tags(tags: &BTreeMap<String, String>) -> Vec<elb::Tag> {
    tags.iter().map(|(key, value)| elb::Tag::builder().key(key).value(value).build()).collect()
}

/// A listener has one certificate of its own; further ones are another call's, which nobody here looks at.
fn certificates(listener: &Listener) -> Option<Vec<elb::Certificate>> {
    let first = listener.certificates.first()?;
    Some(vec![elb::Certificate::builder().certificate_arn(first).build()])
}

fn action(wanted: &Action, targets: &BTreeMap<String, String>) -> Result<elb::Action, Fault> {
    let action = elb::Action::builder();
    Ok(match wanted {
        Action::Forward(group) => {
            let arn = targets.get(group).cloned().required("target group arn")?;
            action.r#type(ActionTypeEnum::Forward).target_group_arn(arn).build()
        }
        Action::NotFound => {
            let reply = elb::FixedResponseActionConfig::builder();
            let reply = reply.status_code("404").content_type("text/plain").build();
            action.r#type(ActionTypeEnum::FixedResponse).fixed_response_config(reply).build()
        }
        Action::Redirect(port) => {
            let to = elb::RedirectActionConfig::builder()
                .protocol("HTTPS")
                .port(port)
                .status_code(elb::RedirectActionStatusCodeEnum::Http301);
            action.r#type(ActionTypeEnum::Redirect).redirect_config(to.build()).build()
        }
    })
}

/// What tells actions apart: their types and where they lead.
fn targets_of(actions: &[elb::Action]) -> Vec<(Option<&str>, Option<&str>)> {
    actions
        .iter()
        .map(|it| (it.r#type().map(ActionTypeEnum::as_str), it.target_group_arn()))
        .collect()
}

fn conditions(rule: &Rule) -> Vec<elb::RuleCondition> {
    let host = rule.host.as_ref().map(|host| {
        let config = elb::HostHeaderConditionConfig::builder().values(host).build();
        elb::RuleCondition::builder().field("host-header").host_header_config(config).build()
    });
    let paths = elb::PathPatternConditionConfig::builder().set_values(Some(rule.paths.clone()));
    let paths =
        elb::RuleCondition::builder().field("path-pattern").path_pattern_config(paths.build());
    host.into_iter().chain([paths.build()]).collect()
}

/// What tells conditions apart, in no order.
fn values_of(conditions: &[elb::RuleCondition]) -> BTreeSet<&str> {
    let hosts = conditions.iter().filter_map(|it| it.host_header_config());
    let paths = conditions.iter().filter_map(|it| it.path_pattern_config());
    let values = hosts.flat_map(elb::HostHeaderConditionConfig::values);
    let values = values.chain(paths.flat_map(elb::PathPatternConditionConfig::values));
    values.map(String::as_str).collect()
}
