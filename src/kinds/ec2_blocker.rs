//! What blocks the deletion of networks: interfaces, most of all. An interface that a service made for something is told
//! as that thing, for it is the thing that must go; what stays behind of a thing that is gone goes by itself.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    Filter, InstanceStateName, NatGatewayState, NetworkInterface, NetworkInterfaceStatus, State,
    Tag,
};
use aws_sdk_eks::types::ClusterStatus;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::blocker::holder;
use super::ec2::filter;
use super::elbv2;
use super::reply::{collect, present};
use crate::cloud::Cx;
use crate::cloud::tags::Tags;
use crate::fault::{Blocker, Fault, Holder};

/// What an interface serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Served {
    /// By name.
    Balancer(String),
    Cluster(String),
    Function(String),
    /// By id.
    NatGateway(String),
    Endpoint(String),
    Instance(String),
    /// One of the members of a replication group.
    Cache(String),
    /// In this subnet: its interfaces do not tell which one.
    Database(String),
    /// A service that is known by the name under which it asked for the interface.
    Other(String),
    /// Nothing that anybody knows of: it is what it is. With its id.
    Itself(String),
}

/// Something that exists and has interfaces.
struct Thing {
    id: String,
    kind: &'static str,
    holder: Holder,
    going: bool,
}

/// Things that are asked for at once.
const ASKED_MAX: usize = 8;
const INTERFACE: &str = "AWS::EC2::NetworkInterface";

/// What the interfaces in `place` (`in the subnet`) that pass `filters` and `counts` are there for.
pub(super) async fn interfaces(
    cx: &Cx,
    filters: Vec<Filter>,
    place: &str,
    counts: fn(&NetworkInterface) -> bool,
) -> Result<Vec<Blocker>, Fault> {
    let pages = cx.ec2.describe_network_interfaces().set_filters(Some(filters)).into_paginator();
    let found = collect(pages.items().send()).await?;
    let mut by_served: BTreeMap<Served, Vec<NetworkInterface>> = BTreeMap::new();
    for interface in found.into_iter().filter(counts) {
        by_served.entry(served(&interface)).or_default().push(interface);
    }
    let asked = by_served.into_iter().map(|(served, interfaces)| async move {
        let thing = thing(cx, &served).await?;
        Ok::<_, Fault>(blockers(thing, &served, &interfaces, place))
    });
    let told: Vec<Vec<Blocker>> =
        stream::iter(asked).buffered(ASKED_MAX).try_collect::<Vec<_>>().await?;
    Ok(told.into_iter().flatten().collect())
}

/// Everything in a VPC that does not go with it.
pub(super) async fn in_vpc(cx: &Cx, vpc: &str) -> Result<Vec<Blocker>, Fault> {
    let (ec2, of_vpc) = (&cx.ec2, || filter("vpc-id", vpc));
    let attached = || filter("attachment.vpc-id", vpc);
    let (interfaces, subnets, groups, tables, acls, endpoints, gateways) = futures::try_join!(
        interfaces(cx, vec![of_vpc()], "in the VPC", |_| true),
        collect(ec2.describe_subnets().filters(of_vpc()).into_paginator().items().send()),
        collect(ec2.describe_security_groups().filters(of_vpc()).into_paginator().items().send()),
        super::ec2::route_tables(cx, vec![of_vpc()]),
        super::ec2::network_acls(cx, vec![of_vpc()]),
        collect(ec2.describe_vpc_endpoints().filters(of_vpc()).into_paginator().items().send()),
        collect(
            ec2.describe_internet_gateways().filters(attached()).into_paginator().items().send()
        ),
    )?;
    let vpn = ec2.describe_vpn_gateways().filters(attached()).send().await?;
    let is = |id: Option<&str>, kind: &str, tags: &[Tag]| {
        let id = id.unwrap_or_default();
        Blocker::stays(id, kind, "is in the VPC").of(holder_of(tags))
    };
    let mut found = interfaces;
    found.extend(subnets.iter().map(|it| is(it.subnet_id(), "AWS::EC2::Subnet", it.tags())));
    let groups = groups.iter().filter(|group| group.group_name() != Some("default"));
    found.extend(groups.map(|it| is(it.group_id(), "AWS::EC2::SecurityGroup", it.tags())));
    let main = |table: &&aws_sdk_ec2::types::RouteTable| {
        !table.associations().iter().any(|association| association.main() == Some(true))
    };
    let tables = tables.iter().filter(main);
    found.extend(tables.map(|it| is(it.route_table_id(), "AWS::EC2::RouteTable", it.tags())));
    let acls = acls.iter().filter(|acl| acl.is_default() != Some(true));
    found.extend(acls.map(|it| is(it.network_acl_id(), "AWS::EC2::NetworkAcl", it.tags())));
    found.extend(endpoints.iter().filter(|it| it.state() != Some(&State::Deleted)).map(|it| {
        is(it.vpc_endpoint_id(), "AWS::EC2::VPCEndpoint", it.tags())
            .passing(it.state() == Some(&State::Deleting))
    }));
    found.extend(gateways.iter().map(|it| {
        let id = it.internet_gateway_id();
        Blocker {
            why: "is attached to the VPC".into(),
            ..is(id, "AWS::EC2::InternetGateway", it.tags())
        }
    }));
    found.extend(vpn.vpn_gateways().iter().map(|it| {
        let id = it.vpn_gateway_id();
        Blocker {
            why: "is attached to the VPC".into(),
            ..is(id, "AWS::EC2::VPNGateway", it.tags())
        }
    }));
    Ok(found)
}

/// The groups whose rules name this one. `DescribeSecurityGroupRules` has no filter for that; groups have.
pub(super) async fn rules_that_name(cx: &Cx, group: &str) -> Result<Vec<Blocker>, Fault> {
    let naming = |name: &str| {
        let ask = cx.ec2.describe_security_groups().filters(filter(name, group));
        collect(ask.into_paginator().items().send())
    };
    let (ingress, egress) = futures::try_join!(
        naming("ip-permission.group-id"),
        naming("egress.ip-permission.group-id")
    )?;
    let others = ingress.iter().chain(&egress).filter(|other| other.group_id() != Some(group));
    let blocker = |other: &aws_sdk_ec2::types::SecurityGroup| {
        let id = other.group_id().unwrap_or_default();
        let blocker = Blocker::stays(id, "AWS::EC2::SecurityGroup", "has a rule that names it");
        blocker.of(holder_of(other.tags()))
    };
    Ok(others.map(blocker).collect())
}

/// Subnets, each as a blocker for this reason.
pub(super) async fn subnets(
    cx: &Cx,
    ids: impl Iterator<Item = &str>,
    why: &str,
) -> Result<Vec<Blocker>, Fault> {
    let ids: Vec<String> = ids.map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let of = Filter::builder().name("subnet-id").set_values(Some(ids)).build();
    let pages = cx.ec2.describe_subnets().filters(of).into_paginator();
    let found = collect(pages.items().send()).await?;
    let blocker = |subnet: &aws_sdk_ec2::types::Subnet| {
        let id = subnet.subnet_id().unwrap_or_default();
        Blocker::stays(id, "AWS::EC2::Subnet", why).of(holder_of(subnet.tags()))
    };
    Ok(found.iter().map(blocker).collect())
}

/// Whose something of EC2 is.
pub(super) fn holder_of(tags: &[Tag]) -> Holder {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    holder(tags.iter().map(|tag| (text(tag.key()), text(tag.value()))))
}

/// The words are those that the services write.
fn served(interface: &NetworkInterface) -> Served {
    let attachment = interface.attachment();
    if let Some(instance) = attachment.and_then(|attachment| attachment.instance_id()) {
        return Served::Instance(instance.into());
    }
    let description = interface.description().unwrap_or_default();
    let after = |start: &str| description.strip_prefix(start).map(str::to_owned);
    if let Some(balancer) = after("ELB ") {
        // `app/shop/0123`, or the name alone of one of the first generation.
        let name = balancer.split('/').nth(1).unwrap_or(&balancer);
        return Served::Balancer(name.into());
    }
    let known = [
        after("Interface for NAT Gateway ").map(Served::NatGateway),
        after("VPC Endpoint Interface ").map(Served::Endpoint),
        after("Amazon EKS ").map(Served::Cluster),
        after("ElastiCache ").map(Served::Cache),
        // `AWS Lambda VPC ENI-shop-orders-b0d0…`: the name, and a UUID of five parts.
        after("AWS Lambda VPC ENI-").map(|rest| {
            let parts: Vec<&str> = rest.split('-').collect();
            Served::Function(parts[..parts.len().saturating_sub(5)].join("-"))
        }),
        (description == "RDSNetworkInterface")
            .then(|| Served::Database(interface.subnet_id().unwrap_or_default().into())),
    ];
    if let Some(served) = known.into_iter().flatten().next() {
        return served;
    }
    match interface.requester_managed() {
        Some(true) => {
            let asked = interface.requester_id().filter(|id| !id.is_empty());
            Served::Other(asked.unwrap_or("a service of AWS").into())
        }
        _ => Served::Itself(interface.network_interface_id().unwrap_or_default().into()),
    }
}

fn blockers(
    thing: Option<Thing>,
    served: &Served,
    interfaces: &[NetworkInterface],
    place: &str,
) -> Vec<Blocker> {
    let ids = interfaces.iter().filter_map(NetworkInterface::network_interface_id);
    if let Some(Thing { id, kind, holder, going }) = thing {
        let why = format!("has {} {place}", ids.collect::<Vec<_>>().join(", "));
        return vec![Blocker::stays(id, kind, why).of(holder).passing(going)];
    }
    let maker = match served {
        Served::Balancer(name) => Some(format!("load balancer {name}, which is gone")),
        Served::Cluster(name) => Some(format!("EKS cluster {name}, which is gone")),
        Served::Function(name) => Some(format!("Lambda function {name}, which is gone")),
        Served::NatGateway(id) | Served::Endpoint(id) | Served::Instance(id) => {
            Some(format!("{id}, which is gone"))
        }
        Served::Cache(name) => Some(format!("ElastiCache cluster {name}, which is gone")),
        Served::Database(_) => Some("an RDS instance that is gone".into()),
        Served::Other(service) => Some(service.clone()),
        Served::Itself(_) => None,
    };
    let passes = maker.is_some();
    let one = |interface: &NetworkInterface| {
        let id = interface.network_interface_id().unwrap_or_default();
        let state = match interface.status() {
            Some(NetworkInterfaceStatus::Available) => " and attached to nothing",
            _ => "",
        };
        let holder = holder_of(interface.tag_set()).or(maker.clone());
        Blocker::stays(id, INTERFACE, format!("is {place}{state}")).of(holder).passing(passes)
    };
    interfaces.iter().map(one).collect()
}

/// What an interface serves, if that is still there.
async fn thing(cx: &Cx, served: &Served) -> Result<Option<Thing>, Fault> {
    Ok(match served {
        Served::Balancer(name) => {
            let ask = cx.elb.describe_load_balancers().names(name);
            let reply = present(ask.send().await)?;
            let balancers = reply.and_then(|reply| reply.load_balancers).unwrap_or_default();
            let Some(arn) = balancers.into_iter().find_map(|it| it.load_balancer_arn) else {
                return Ok(None);
            };
            let tags = elbv2::tags_of(cx, std::slice::from_ref(&arn)).await?.remove(&arn);
            let (id, kind) = (name.clone(), "AWS::ElasticLoadBalancingV2::LoadBalancer");
            Some(Thing { id, kind, holder: held(tags), going: false })
        }
        Served::Cluster(name) => {
            let reply = present(cx.eks.describe_cluster().name(name).send().await)?;
            reply.and_then(|reply| reply.cluster).map(|cluster| Thing {
                id: name.clone(),
                kind: "AWS::EKS::Cluster",
                holder: holder(cluster.tags.clone().unwrap_or_default()),
                going: cluster.status() == Some(&ClusterStatus::Deleting),
            })
        }
        Served::Function(name) => {
            let reply = present(cx.lambda.get_function().function_name(name).send().await)?;
            reply.map(|reply| Thing {
                id: name.clone(),
                kind: "AWS::Lambda::Function",
                holder: holder(reply.tags.unwrap_or_default()),
                going: false,
            })
        }
        Served::NatGateway(id) => {
            let ask = cx.ec2.describe_nat_gateways().filter(filter("nat-gateway-id", id));
            let reply = ask.send().await?;
            let gone = [Some(&NatGatewayState::Deleted), Some(&NatGatewayState::Failed)];
            let there = reply.nat_gateways().iter().find(|it| !gone.contains(&it.state()));
            there.map(|gateway| Thing {
                id: id.clone(),
                kind: "AWS::EC2::NatGateway",
                holder: holder_of(gateway.tags()),
                going: gateway.state() == Some(&NatGatewayState::Deleting),
            })
        }
        Served::Endpoint(id) => {
            let ask = cx.ec2.describe_vpc_endpoints().filters(filter("vpc-endpoint-id", id));
            let reply = ask.send().await?;
            let there = |it: &&aws_sdk_ec2::types::VpcEndpoint| it.state() != Some(&State::Deleted);
            reply.vpc_endpoints().iter().find(there).map(|endpoint| Thing {
                id: id.clone(),
                kind: "AWS::EC2::VPCEndpoint",
                holder: holder_of(endpoint.tags()),
                going: endpoint.state() == Some(&State::Deleting),
            })
        }
        Served::Instance(id) => {
            let reply =
                cx.ec2.describe_instances().filters(filter("instance-id", id)).send().await?;
            let mut instances =
                reply.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
            let state = |it: &aws_sdk_ec2::types::Instance| {
                it.state().and_then(|state| state.name().cloned())
            };
            let there = instances.find(|it| state(it) != Some(InstanceStateName::Terminated));
            there.map(|instance| Thing {
                id: id.clone(),
                kind: "AWS::EC2::Instance",
                holder: holder_of(instance.tags()),
                going: state(instance) == Some(InstanceStateName::ShuttingDown),
            })
        }
        Served::Cache(member) => {
            let ask = cx.elasticache.describe_cache_clusters().cache_cluster_id(member);
            let members = present(ask.send().await)?.and_then(|reply| reply.cache_clusters);
            members.unwrap_or_default().into_iter().next().map(|member| Thing {
                going: member.cache_cluster_status() == Some("deleting"),
                id: member.replication_group_id.or(member.cache_cluster_id).unwrap_or_default(),
                kind: "AWS::ElastiCache::ReplicationGroup",
                holder: Holder::Unknown,
            })
        }
        Served::Database(subnet) => {
            // No filter knows subnets.
            let pages = cx.rds.describe_db_instances().into_paginator().page_size(100);
            let instances = collect(pages.items().send()).await?;
            let in_subnet = |it: &&aws_sdk_rds::types::DbInstance| {
                it.db_subnet_group().is_some_and(|group| {
                    group.subnets().iter().any(|it| it.subnet_identifier() == Some(subnet))
                })
            };
            instances.iter().find(in_subnet).map(|it| Thing {
                id: it.db_instance_identifier().unwrap_or_default().into(),
                kind: "AWS::RDS::DBInstance",
                holder: held(Some(super::rds::tags(it.tag_list()))),
                going: it.db_instance_status() == Some("deleting"),
            })
        }
        Served::Other(_) | Served::Itself(_) => None,
    })
}

fn held(tags: Option<Tags>) -> Holder {
    holder(tags.unwrap_or_default().0)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::NetworkInterfaceAttachment;

    use super::*;

    #[test]
    fn a_description_tells_what_an_interface_serves() {
        let of = |description: &str| {
            let interface = NetworkInterface::builder().network_interface_id("eni-1");
            let interface = interface.description(description).subnet_id("subnet-1");
            served(&interface.requester_managed(true).build())
        };
        assert_eq!(of("ELB app/shop/0123"), Served::Balancer("shop".into()));
        assert_eq!(of("ELB old"), Served::Balancer("old".into()));
        assert_eq!(of("Interface for NAT Gateway nat-1"), Served::NatGateway("nat-1".into()));
        assert_eq!(of("VPC Endpoint Interface vpce-1"), Served::Endpoint("vpce-1".into()));
        assert_eq!(of("Amazon EKS shop"), Served::Cluster("shop".into()));
        let uuid = "0a1b2c3d-4e5f-6789-abcd-ef0123456789";
        let function = of(&format!("AWS Lambda VPC ENI-shop-orders-{uuid}"));
        assert_eq!(function, Served::Function("shop-orders".into()));
        assert_eq!(of("RDSNetworkInterface"), Served::Database("subnet-1".into()));
        assert_eq!(of("EFS mount target"), Served::Other("a service of AWS".into()));
        let attachment = NetworkInterfaceAttachment::builder().instance_id("i-1").build();
        let node = NetworkInterface::builder().attachment(attachment).build();
        assert_eq!(served(&node), Served::Instance("i-1".into()));
    }

    #[test]
    fn what_is_left_of_something_gone_passes_and_what_somebody_made_does_not() {
        let interface = NetworkInterface::builder().network_interface_id("eni-1").build();
        let told = |thing, served: Served| {
            let blockers =
                blockers(thing, &served, std::slice::from_ref(&interface), "in the subnet");
            (blockers[0].to_string(), blockers[0].passes)
        };
        let left = told(None, Served::Balancer("shop".into()));
        assert_eq!(
            left.0,
            "eni-1 (AWS::EC2::NetworkInterface, of load balancer shop, which is gone) is in the subnet"
        );
        assert!(left.1);
        assert!(!told(None, Served::Itself("eni-1".into())).1);
        let thing = Thing {
            id: "shop".into(),
            kind: "AWS::ElasticLoadBalancingV2::LoadBalancer",
            holder: Holder::Unknown,
            going: false,
        };
        let (text, passes) = told(Some(thing), Served::Balancer("shop".into()));
        assert!(text.ends_with("has eni-1 in the subnet"), "{text}");
        assert!(!passes);
    }
}
