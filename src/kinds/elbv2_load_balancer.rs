//! `AWS::ElasticLoadBalancingV2::LoadBalancer`

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    self, EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum as Enforce, IpAddressType,
    LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum, LoadBalancerTypeEnum,
};
use serde::{Deserialize, Serialize};

use super::elbv2::{self, Attributes};
use super::reply::{collect, gone, present};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS,
    Tagging, Token, Typical, Update, outputs,
};

pub struct LoadBalancer;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    enforce_security_group_inbound_rules_on_private_link_traffic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_balancer_attributes: Option<Attributes>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_groups: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet_mappings: Option<Vec<SubnetMapping>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subnets: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SubnetMapping {
    subnet_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    allocation_id: Option<String>,
    #[serde(rename = "IPv6Address", skip_serializing_if = "Option::is_none")]
    ipv6_address: Option<String>,
    #[serde(rename = "PrivateIPv4Address", skip_serializing_if = "Option::is_none")]
    private_ipv4_address: Option<String>,
}

#[derive(Debug)]
pub struct Live {
    balancer: types::LoadBalancer,
    attributes: Option<Attributes>,
    tags: Tags,
}

const DELETION_PROTECTION: &str = "deletion_protection.enabled";

impl Kind for LoadBalancer {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::ElasticLoadBalancingV2::LoadBalancer";
    const DOC: &'static str = "An application, network or gateway load balancer. \
        It is `provisioning` for some minutes and has its DNS name at once. \
        Deletion takes its listeners along, after deletion protection is switched off; its network interfaces \
        leave the subnets and security groups some minutes later. A VPC endpoint service on it blocks it.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic",
            "Whether security groups rule PrivateLink traffic, too: `on` or `off` (network).",
        )
        .late(),
        Field::updates("IpAddressType", "`ipv4`, `dualstack` or `dualstack-without-public-ipv4`."),
        Field::updates(
            "LoadBalancerAttributes",
            "Attributes by key: `idle_timeout.timeout_seconds`.",
        )
        .owned_keys()
        .late(),
        Field::replaces("Name", "The name, one of its kind in the region."),
        Field::replaces("Scheme", "`internet-facing` or `internal`."),
        Field::updates("SecurityGroups", "The security groups.").set(),
        Field::updates("SubnetMappings", "Subnets with addresses (network), instead of `Subnets`.")
            .set(),
        Field::updates("Subnets", "The subnets, one in each of its zones.").set(),
        TAGS,
        Field::replaces("Type", "`application`, `network` or `gateway`."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("LoadBalancerArn", "The ARN of the load balancer."),
        Output::with_id("LoadBalancerName", "The name of the load balancer."),
        Output::with_id(
            "LoadBalancerFullName",
            "What CloudWatch calls it: `app/shop/50dc6c495c0c9188`.",
        ),
        Output::with_id("DNSName", "Its DNS name."),
        Output::with_id("CanonicalHostedZoneID", "The zone of the DNS name, for alias records."),
        Output::with_id("SecurityGroups", "Its security groups, joined by commas."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(150, 5, 5);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.balancer.load_balancer_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let balancer = &live.balancer;
        let mut subnet_mappings: Vec<_> =
            balancer.availability_zones().iter().filter_map(mapping).collect();
        subnet_mappings.sort();
        let mut security_groups = balancer.security_groups().to_vec();
        security_groups.sort();
        Spec {
            enforce_security_group_inbound_rules_on_private_link_traffic: balancer
                .enforce_security_group_inbound_rules_on_private_link_traffic
                .clone(),
            ip_address_type: balancer.ip_address_type().map(|kind| kind.as_str().into()),
            load_balancer_attributes: live.attributes.clone(),
            name: balancer.load_balancer_name().unwrap_or_default().into(),
            scheme: balancer.scheme().map(|scheme| scheme.as_str().into()),
            security_groups: Some(security_groups),
            subnets: Some(subnet_mappings.iter().map(|subnet| subnet.subnet_id.clone()).collect()),
            subnet_mappings: Some(subnet_mappings),
            tags: Some(live.tags.clone()),
            r#type: balancer.r#type().map(|kind| kind.as_str().into()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let arn = live.balancer.load_balancer_arn();
        let mut groups = live.balancer.security_groups().to_vec();
        groups.sort();
        outputs([
            ("LoadBalancerArn", arn),
            ("LoadBalancerName", live.balancer.load_balancer_name()),
            ("LoadBalancerFullName", arn.and_then(|arn| elbv2::full_name(arn, ":loadbalancer/"))),
            ("DNSName", live.balancer.dns_name()),
            ("CanonicalHostedZoneID", live.balancer.canonical_hosted_zone_id()),
            ("SecurityGroups", Some(groups.join(",").as_str())),
        ])
    }

    fn readiness(live: &Live) -> Readiness {
        let state = live.balancer.state();
        match state.and_then(|state| state.code()) {
            // An impaired one serves, it only lacks room to grow.
            Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => {
                Readiness::Ready
            }
            Some(LoadBalancerStateEnum::Failed) => {
                let reason = state.and_then(|state| state.reason());
                Readiness::Failed(reason.unwrap_or("failed").into())
            }
            code => {
                let code = code.map_or("provisioning", |code| code.as_str());
                Readiness::Pending(code.to_owned().into())
            }
        }
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
            let pages = cx.elb.describe_load_balancers().page_size(400).into_paginator();
            collect(pages.items().send()).await?
        };
        let names: BTreeSet<&str> = wanted.iter().filter_map(Lookup::id).collect();
        let is_wanted = |balancer: &types::LoadBalancer| {
            balancer.load_balancer_name().is_some_and(|name| names.contains(name))
        };
        let found: Vec<_> = found.into_iter().filter(is_wanted).collect();
        tagged(cx, found).await
    }

    /// Attributes are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        if !compared.has("LoadBalancerAttributes") {
            return Ok(Some(live));
        }
        let ask = cx.elb.describe_load_balancer_attributes();
        let ask = ask.set_load_balancer_arn(live.balancer.load_balancer_arn.clone());
        let Some(reply) = present(ask.send().await)? else { return Ok(None) };
        let attributes = reply.attributes.unwrap_or_default().into_iter();
        let pairs = attributes.map(|attribute| (attribute.key, attribute.value));
        Ok(Some(Live { attributes: Some(elbv2::attributes(pairs)), ..live }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        // A repeat with the same settings answers with what is there already.
        cx.elb
            .create_load_balancer()
            .name(&spec.name)
            .set_ip_address_type(spec.ip_address_type.as_deref().map(IpAddressType::from))
            .set_scheme(spec.scheme.as_deref().map(LoadBalancerSchemeEnum::from))
            .set_security_groups(spec.security_groups.clone())
            .set_subnet_mappings(mapping_list(spec))
            .set_subnets(spec.subnets.clone())
            .set_tags(elbv2::tag_list(spec.tags.as_ref()))
            .set_type(spec.r#type.as_deref().map(LoadBalancerTypeEnum::from))
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let (elb, to) = (&cx.elb, update.to);
        let arn = arn(cx, id).await?;
        // Subnets go first: an address type needs subnets that have such addresses.
        if update.has("Subnets") || update.has("SubnetMappings") {
            elb.set_subnets()
                .load_balancer_arn(&arn)
                .set_subnet_mappings(mapping_list(to))
                .set_subnets(to.subnets.clone())
                .send()
                .await?;
        }
        if let (true, Some(kind)) = (update.has("IpAddressType"), to.ip_address_type.as_deref()) {
            let set = elb.set_ip_address_type().load_balancer_arn(&arn);
            set.ip_address_type(kind.into()).send().await?;
        }
        let enforce = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic";
        if update.has("SecurityGroups") || update.has(enforce) {
            let enforced =
                to.enforce_security_group_inbound_rules_on_private_link_traffic.as_deref();
            // The call wants the groups even where only the enforcement changes.
            let groups = to.security_groups.clone().or(update.from.security_groups.clone());
            elb.set_security_groups()
                .load_balancer_arn(&arn)
                .set_security_groups(groups)
                .set_enforce_security_group_inbound_rules_on_private_link_traffic(
                    enforced.map(Enforce::from),
                )
                .send()
                .await?;
        }
        if update.has("LoadBalancerAttributes") {
            let set = elbv2::attributes_to_set(
                update.from.load_balancer_attributes.as_ref(),
                to.load_balancer_attributes.as_ref(),
            );
            // The call refuses an empty list.
            if !set.is_empty() {
                let attributes = set.iter().map(|(key, value)| attribute(key, value)).collect();
                let modify = elb.modify_load_balancer_attributes().load_balancer_arn(&arn);
                modify.set_attributes(Some(attributes)).send().await?;
            }
        }
        if update.has("Tags") {
            elbv2::retag(cx, &arn, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let Some(arn) = find(cx, id).await?.and_then(|balancer| balancer.load_balancer_arn) else {
            return Ok(());
        };
        let unprotect = cx.elb.modify_load_balancer_attributes().load_balancer_arn(&arn);
        gone(unprotect.attributes(attribute(DELETION_PROTECTION, "false")).send().await)?;
        gone(cx.elb.delete_load_balancer().load_balancer_arn(&arn).send().await)
    }
}

async fn find(cx: &Cx, id: &PhysicalId) -> Result<Option<types::LoadBalancer>, Fault> {
    let reply = present(cx.elb.describe_load_balancers().names(id.as_str()).send().await)?;
    Ok(reply.and_then(|reply| reply.load_balancers.unwrap_or_default().pop()))
}

/// Updates want the ARN, which holds an id of the service's making. A load balancer that was made a moment ago may not
/// be visible yet.
async fn arn(cx: &Cx, id: &PhysicalId) -> Result<String, Fault> {
    let found = find(cx, id).await?.and_then(|balancer| balancer.load_balancer_arn);
    found.ok_or_else(|| Fault::new(Class::NotYet, format!("load balancer `{id}` is not there")))
}

/// With their tags, for those that still exist.
async fn tagged(cx: &Cx, found: Vec<types::LoadBalancer>) -> Result<Vec<Live>, Fault> {
    let arns: Vec<_> = found.iter().filter_map(|found| found.load_balancer_arn.clone()).collect();
    let mut tags = elbv2::tags_of(cx, &arns).await?;
    let live = |balancer: types::LoadBalancer| {
        let tags = tags.remove(balancer.load_balancer_arn()?)?;
        Some(Live { balancer, attributes: None, tags })
    };
    Ok(found.into_iter().filter_map(live).collect())
}

fn mapping(zone: &types::AvailabilityZone) -> Option<SubnetMapping> {
    let address = zone.load_balancer_addresses().first();
    Some(SubnetMapping {
        subnet_id: zone.subnet_id.clone()?,
        allocation_id: address.and_then(|address| address.allocation_id.clone()),
        ipv6_address: address.and_then(|address| address.ipv6_address.clone()),
        private_ipv4_address: address.and_then(|address| address.private_ipv4_address.clone()),
    })
}

fn mapping_list(spec: &Spec) -> Option<Vec<types::SubnetMapping>> {
    let mapping = |wanted: &SubnetMapping| {
        types::SubnetMapping::builder()
            .subnet_id(&wanted.subnet_id)
            .set_allocation_id(wanted.allocation_id.clone())
            .set_ipv6_address(wanted.ipv6_address.clone())
            .set_private_ipv4_address(wanted.private_ipv4_address.clone())
            .build()
    };
    Some(spec.subnet_mappings.as_ref()?.iter().map(mapping).collect())
}

fn attribute(key: &str, value: &str) -> LoadBalancerAttribute {
    LoadBalancerAttribute::builder().key(key).value(value).build()
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{
        AvailabilityZone, LoadBalancerAddress, LoadBalancerState,
    };
    use serde_json::json;

    use super::*;

    fn in_state(code: LoadBalancerStateEnum, reason: &str) -> Live {
        let zone = |id: &str| AvailabilityZone::builder().subnet_id(id);
        let address = LoadBalancerAddress::builder().allocation_id("eipalloc-1").build();
        let balancer = types::LoadBalancer::builder()
            .load_balancer_name("shop")
            .load_balancer_arn(
                "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/shop/50dc",
            )
            .dns_name("shop-1.eu-west-1.elb.amazonaws.com")
            .canonical_hosted_zone_id("Z1")
            .scheme(LoadBalancerSchemeEnum::InternetFacing)
            .r#type(LoadBalancerTypeEnum::Network)
            .ip_address_type(IpAddressType::Ipv4)
            .security_groups("sg-b")
            .security_groups("sg-a")
            .availability_zones(zone("subnet-b").build())
            .availability_zones(zone("subnet-a").load_balancer_addresses(address).build())
            .state(LoadBalancerState::builder().code(code).reason(reason).build());
        let protection = (Some(DELETION_PROTECTION.into()), Some("true".into()));
        let attributes = elbv2::attributes([protection]);
        Live { balancer: balancer.build(), attributes: Some(attributes), tags: Tags::default() }
    }

    #[test]
    fn a_live_load_balancer_is_seen_in_full() {
        let live = in_state(LoadBalancerStateEnum::Active, "");
        assert_eq!(LoadBalancer::readiness(&live), Readiness::Ready);
        assert_eq!(
            serde_json::to_value(LoadBalancer::spec(&live)).unwrap(),
            json!({
                "IpAddressType": "ipv4",
                "LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "true"}],
                "Name": "shop", "Scheme": "internet-facing", "SecurityGroups": ["sg-a", "sg-b"],
                "SubnetMappings": [
                    {"SubnetId": "subnet-a", "AllocationId": "eipalloc-1"},
                    {"SubnetId": "subnet-b"},
                ],
                "Subnets": ["subnet-a", "subnet-b"], "Tags": [], "Type": "network",
            })
        );
        let outputs = LoadBalancer::outputs(&live);
        assert_eq!(outputs["LoadBalancerFullName"], "app/shop/50dc");
        assert_eq!(outputs["SecurityGroups"], "sg-a,sg-b");
        assert_eq!(outputs.len(), LoadBalancer::OUTPUTS.len());
    }

    #[test]
    fn the_state_tells_whether_it_works() {
        let readiness = |code, reason| LoadBalancer::readiness(&in_state(code, reason));
        let provisioning = readiness(LoadBalancerStateEnum::Provisioning, "");
        assert_eq!(provisioning, Readiness::Pending("provisioning".into()));
        assert_eq!(readiness(LoadBalancerStateEnum::ActiveImpaired, ""), Readiness::Ready);
        let failed = readiness(LoadBalancerStateEnum::Failed, "no addresses left");
        assert_eq!(failed, Readiness::Failed("no addresses left".into()));
    }

    #[test]
    fn the_name_is_the_id() {
        let live = in_state(LoadBalancerStateEnum::Active, "");
        assert_eq!(
            LoadBalancer::natural_id(&LoadBalancer::spec(&live)),
            Some(PhysicalId::new("shop"))
        );
    }
}
