//! `AWS::EC2::VPCEndpoint`

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{
    self, DnsOptionsSpecification, DnsRecordIpType, IpAddressType, ResourceType, VpcEndpointType,
};
use aws_smithy_types::date_time::Format;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{document, ec2};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct VpcEndpoint;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dns_options: Option<DnsOptions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip_address_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_document: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_dns_enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_configuration_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    route_table_ids: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security_group_ids: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_network_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subnet_ids: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vpc_endpoint_type: Option<String>,
    vpc_id: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DnsOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dns_record_ip_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_dns_only_for_inbound_resolver_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_dns_preference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_dns_specified_domains: Option<Vec<String>>,
}

impl Kind for VpcEndpoint {
    type Spec = Spec;
    type Live = types::VpcEndpoint;

    const NAME: &'static str = "AWS::EC2::VPCEndpoint";
    const DOC: &'static str = "A private way from a VPC to a service: a route (`Gateway`: S3, DynamoDB) or interfaces in subnets. \
        A gateway endpoint is there at once; interfaces are `pending` for about two minutes. \
        An endpoint of somebody else's service is `pendingAcceptance` until they accept it. \
        EC2 takes few changes of endpoints at once, so many of them take their time. \
        Nothing blocks its deletion; its interfaces keep subnets and security groups in use until it is gone.";
    const FIELDS: &'static [Field] = &[
        Field::updates("DnsOptions", "`DnsRecordIpType`, and for whom private DNS names are."),
        Field::updates("IpAddressType", "`ipv4`, `ipv6` or `dualstack`."),
        Field::updates(
            "PolicyDocument",
            "Who may do what through it; everybody everything by default.",
        )
        .document(),
        Field::updates(
            "PrivateDnsEnabled",
            "Whether the service's own names lead to the endpoint. Needs DNS support and host names of the VPC.",
        ),
        Field::replaces(
            "ResourceConfigurationArn",
            "The resource configuration, of type `Resource`.",
        ),
        Field::updates(
            "RouteTableIds",
            "Gateways: the route tables that get a route to the service.",
        )
        .set(),
        Field::updates(
            "SecurityGroupIds",
            "Interfaces: who may reach them; the VPC's default group by default.",
        )
        .set(),
        Field::replaces("ServiceName", "The service: `com.amazonaws.eu-west-1.s3`."),
        Field::replaces("ServiceNetworkArn", "The service network, of type `ServiceNetwork`."),
        Field::replaces("ServiceRegion", "The service's region, if it is another one."),
        Field::updates("SubnetIds", "Interfaces: the subnets that get one, one in each zone.")
            .set(),
        TAGS,
        Field::replaces(
            "VpcEndpointType",
            "`Interface`, `Gateway`, `GatewayLoadBalancer`, `Resource` or `ServiceNetwork`; `Gateway` by default.",
        ),
        Field::replaces("VpcId", "The VPC."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Id", "The id of the endpoint."),
        Output::with_id("CreationTimestamp", "When it was made."),
        Output::when_ready(
            "DnsEntries",
            "Its names, each behind the id of its hosted zone and a colon, joined by commas.",
        ),
        Output::when_ready(
            "NetworkInterfaceIds",
            "The ids of its network interfaces, joined by commas.",
        ),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(113, 60, 60);

    fn id(live: &types::VpcEndpoint) -> PhysicalId {
        PhysicalId::new(live.vpc_endpoint_id().unwrap_or_default())
    }

    fn spec(live: &types::VpcEndpoint) -> Spec {
        let groups = live.groups().iter().filter_map(|group| group.group_id.clone());
        let set = |ids: &[String]| ids.iter().cloned().collect();
        Spec {
            dns_options: live.dns_options().map(Into::into),
            ip_address_type: live.ip_address_type().map(|kind| kind.as_str().into()),
            policy_document: live.policy_document().map(document::from_text),
            private_dns_enabled: live.private_dns_enabled,
            resource_configuration_arn: live.resource_configuration_arn.clone(),
            route_table_ids: Some(set(live.route_table_ids())),
            security_group_ids: Some(groups.collect()),
            service_name: live.service_name.clone(),
            service_network_arn: live.service_network_arn.clone(),
            service_region: live.service_region.clone(),
            subnet_ids: Some(set(live.subnet_ids())),
            tags: Some(ec2::tags(live.tags())),
            vpc_endpoint_type: live.vpc_endpoint_type().map(|kind| kind.as_str().into()),
            vpc_id: live.vpc_id().unwrap_or_default().into(),
        }
    }

    fn outputs(live: &types::VpcEndpoint) -> Outputs {
        let made = live.creation_timestamp().and_then(|time| time.fmt(Format::DateTime).ok());
        let entries = live.dns_entries().iter().filter_map(|entry| {
            Some(format!("{}:{}", entry.hosted_zone_id().unwrap_or_default(), entry.dns_name()?))
        });
        let entries = entries.collect::<Vec<_>>().join(",");
        outputs([
            ("Id", live.vpc_endpoint_id()),
            ("CreationTimestamp", made.as_deref()),
            ("DnsEntries", Some(&entries)),
            ("NetworkInterfaceIds", Some(&live.network_interface_ids().join(","))),
        ])
    }

    fn readiness(live: &types::VpcEndpoint) -> Readiness {
        match state(live).as_str() {
            "available" => Readiness::Ready,
            "deleting" | "deleted" => Readiness::Deleting,
            state @ ("failed" | "rejected" | "expired") => {
                let last = live.last_error().and_then(|error| error.message());
                Readiness::Failed(last.or(live.failure_reason()).unwrap_or(state).into())
            }
            state => Readiness::Pending(state.to_owned().into()),
        }
    }

    fn owner(live: &types::VpcEndpoint) -> Option<Owner> {
        tags::owner(&ec2::tags(live.tags()).0)
    }

    fn typical(spec: &Spec) -> Typical {
        match spec.vpc_endpoint_type.as_deref() {
            None | Some("Gateway") => Typical::seconds(6, 5, 6),
            Some(_) => Self::TYPICAL,
        }
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::VpcEndpoint>, Fault> {
        let asked = ec2::filters("vpc-endpoint-id", wanted).into_iter().map(|filters| {
            let pages = cx.ec2.describe_vpc_endpoints().set_filters(Some(filters)).into_paginator();
            ec2::collect(pages.items().send())
        });
        let found = try_join_all(asked).await?.into_iter().flatten();
        // A deleted endpoint stays listed for a while.
        Ok(found.filter(|endpoint| state(endpoint) != "deleted").collect())
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let list = |set: &Option<BTreeSet<String>>| set.clone().map(Vec::from_iter);
        let made = cx
            .ec2
            .create_vpc_endpoint()
            .client_token(&token.0)
            .set_dns_options(spec.dns_options.as_ref().map(Into::into))
            .set_ip_address_type(spec.ip_address_type.as_deref().map(IpAddressType::from))
            .set_policy_document(spec.policy_document.as_ref().map(document::to_text))
            .set_private_dns_enabled(spec.private_dns_enabled)
            .set_resource_configuration_arn(spec.resource_configuration_arn.clone())
            .set_route_table_ids(list(&spec.route_table_ids))
            .set_security_group_ids(list(&spec.security_group_ids))
            .set_service_name(spec.service_name.clone())
            .set_service_network_arn(spec.service_network_arn.clone())
            .set_service_region(spec.service_region.clone())
            .set_subnet_ids(list(&spec.subnet_ids))
            .set_vpc_endpoint_type(spec.vpc_endpoint_type.as_deref().map(VpcEndpointType::from))
            .vpc_id(&spec.vpc_id)
            .set_tag_specifications(ec2::tag_specifications(
                ResourceType::VpcEndpoint,
                spec.tags.as_ref(),
            ))
            .send()
            .await?;
        let id = made.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
        Ok(PhysicalId::new(id.required("VPC endpoint id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        if update.changed.iter().any(|&row| row != TAGS.path) {
            // EC2 refuses to add what is there and to remove what is not: an update that is repeated must see that.
            let live = Self::read(cx, &[Lookup::Id(id.clone())]).await?.pop().ok_or_else(|| {
                Fault::new(Class::NotFound, format!("the VPC endpoint {id} is not there"))
            })?;
            let now = Self::spec(&live);
            let tables = Moves::of(now.route_table_ids.as_ref(), to.route_table_ids.as_ref());
            let groups = Moves::of(now.security_group_ids.as_ref(), to.security_group_ids.as_ref());
            let subnets = Moves::of(now.subnet_ids.as_ref(), to.subnet_ids.as_ref());
            let changed = |row| update.has(row);
            cx.ec2
                .modify_vpc_endpoint()
                .vpc_endpoint_id(id.as_str())
                .set_add_route_table_ids(tables.add)
                .set_remove_route_table_ids(tables.remove)
                .set_add_security_group_ids(groups.add)
                .set_remove_security_group_ids(groups.remove)
                .set_add_subnet_ids(subnets.add)
                .set_remove_subnet_ids(subnets.remove)
                .set_dns_options(
                    to.dns_options.as_ref().filter(|_| changed("DnsOptions")).map(Into::into),
                )
                .set_ip_address_type(
                    to.ip_address_type
                        .as_deref()
                        .filter(|_| changed("IpAddressType"))
                        .map(Into::into),
                )
                .set_policy_document(
                    to.policy_document
                        .as_ref()
                        .filter(|_| changed("PolicyDocument"))
                        .map(document::to_text),
                )
                .set_private_dns_enabled(
                    to.private_dns_enabled.filter(|_| changed("PrivateDnsEnabled")),
                )
                .send()
                .await?;
        }
        if update.has("Tags") {
            ec2::retag(cx, id, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let delete = cx.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id.as_str());
        let answer = delete.send().await.map_err(Fault::from);
        ec2::gone(answer.and_then(|reply| ec2::accepted("DeleteVpcEndpoints", reply.unsuccessful)))
    }
}

/// The word for its state: EC2 begins it with a small letter, its model with a capital one.
fn state(live: &types::VpcEndpoint) -> String {
    let mut state = live.state().map_or("", types::State::as_str).to_owned();
    if let Some(first) = state.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    state
}

/// What turns one set into another; `None` where nothing is to be sent.
#[derive(Debug, Default, PartialEq, Eq)]
struct Moves {
    add: Option<Vec<String>>,
    remove: Option<Vec<String>>,
}

impl Moves {
    fn of(now: Option<&BTreeSet<String>>, to: Option<&BTreeSet<String>>) -> Self {
        let Some(to) = to else { return Self::default() };
        let none = BTreeSet::new();
        let now = now.unwrap_or(&none);
        let list = |from: &BTreeSet<String>, without: &BTreeSet<String>| {
            let list: Vec<String> = from.difference(without).cloned().collect();
            (!list.is_empty()).then_some(list)
        };
        Self { add: list(to, now), remove: list(now, to) }
    }
}

/// CloudFormation has words for the API's switch.
const ONLY_INBOUND: &str = "OnlyInboundResolver";
const ALL_RESOLVERS: &str = "AllResolvers";

impl From<&types::DnsOptions> for DnsOptions {
    fn from(options: &types::DnsOptions) -> Self {
        let only_inbound = options.private_dns_only_for_inbound_resolver_endpoint;
        Self {
            dns_record_ip_type: options.dns_record_ip_type().map(|kind| kind.as_str().into()),
            private_dns_only_for_inbound_resolver_endpoint: only_inbound
                .map(|only| if only { ONLY_INBOUND } else { ALL_RESOLVERS }.into()),
            private_dns_preference: options.private_dns_preference.clone(),
            private_dns_specified_domains: options.private_dns_specified_domains.clone(),
        }
    }
}

impl From<&DnsOptions> for DnsOptionsSpecification {
    fn from(options: &DnsOptions) -> Self {
        let resolvers = options.private_dns_only_for_inbound_resolver_endpoint.as_deref();
        Self::builder()
            .set_dns_record_ip_type(
                options.dns_record_ip_type.as_deref().map(DnsRecordIpType::from),
            )
            .set_private_dns_only_for_inbound_resolver_endpoint(
                resolvers.map(|word| word == ONLY_INBOUND),
            )
            .set_private_dns_preference(options.private_dns_preference.clone())
            .set_private_dns_specified_domains(options.private_dns_specified_domains.clone())
            .build()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{DnsEntry, LastError, SecurityGroupIdentifier, State};
    use aws_smithy_types::DateTime;
    use serde_json::json;

    use super::*;

    fn interface() -> types::builders::VpcEndpointBuilder {
        let options = types::DnsOptions::builder()
            .dns_record_ip_type(DnsRecordIpType::Ipv4)
            .private_dns_only_for_inbound_resolver_endpoint(false);
        let entry = DnsEntry::builder().hosted_zone_id("Z1").dns_name("vpce-1.ecr.amazonaws.com");
        types::VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-1")
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .vpc_id("vpc-1")
            .service_name("com.amazonaws.eu-west-1.ecr.api")
            .state(State::from("available"))
            .policy_document(r#"{"Statement": []}"#)
            .subnet_ids("subnet-b")
            .subnet_ids("subnet-a")
            .groups(SecurityGroupIdentifier::builder().group_id("sg-1").build())
            .ip_address_type(IpAddressType::Ipv4)
            .dns_options(options.build())
            .private_dns_enabled(true)
            .network_interface_ids("eni-1")
            .network_interface_ids("eni-2")
            .dns_entries(entry.build())
            .creation_timestamp(DateTime::from_secs(0))
    }

    #[test]
    fn an_interface_endpoint_is_seen_in_full() {
        let live = interface().build();
        assert_eq!(
            serde_json::to_value(VpcEndpoint::spec(&live)).unwrap(),
            json!({
                "DnsOptions": {
                    "DnsRecordIpType": "ipv4",
                    "PrivateDnsOnlyForInboundResolverEndpoint": "AllResolvers",
                },
                "IpAddressType": "ipv4", "PolicyDocument": {"Statement": []},
                "PrivateDnsEnabled": true, "RouteTableIds": [], "SecurityGroupIds": ["sg-1"],
                "ServiceName": "com.amazonaws.eu-west-1.ecr.api",
                "SubnetIds": ["subnet-a", "subnet-b"], "Tags": [],
                "VpcEndpointType": "Interface", "VpcId": "vpc-1",
            })
        );
        let outputs = VpcEndpoint::outputs(&live);
        assert_eq!(outputs["DnsEntries"], "Z1:vpce-1.ecr.amazonaws.com");
        assert_eq!(outputs["NetworkInterfaceIds"], "eni-1,eni-2");
        assert_eq!(outputs["CreationTimestamp"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn the_words_for_states_begin_with_either_letter() {
        let readiness =
            |state: &str| VpcEndpoint::readiness(&interface().state(State::from(state)).build());
        assert_eq!(readiness("available"), Readiness::Ready);
        assert_eq!(readiness("Available"), Readiness::Ready);
        let waiting = Readiness::Pending("pendingAcceptance".into());
        assert_eq!(readiness("PendingAcceptance"), waiting);
        assert_eq!(readiness("deleting"), Readiness::Deleting);
        let error = LastError::builder().message("no address is left").build();
        let failed = interface().state(State::from("failed")).last_error(error).build();
        let why = Readiness::Failed("no address is left".into());
        assert_eq!(VpcEndpoint::readiness(&failed), why);
    }

    #[test]
    fn sets_change_by_what_differs() {
        let set = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<BTreeSet<_>>();
        let list = |ids: &[&str]| Some(ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>());
        let moves = |from, to| Moves::of(Some(&set(from)), Some(&set(to)));
        assert_eq!(
            moves(&["a", "b"], &["b", "c"]),
            Moves { add: list(&["c"]), remove: list(&["a"]) }
        );
        assert_eq!(moves(&["a"], &["a"]), Moves::default());
        assert_eq!(moves(&["a"], &[]), Moves { add: None, remove: list(&["a"]) });
        assert_eq!(Moves::of(Some(&set(&["a"])), None), Moves::default(), "not managed");
    }

    #[test]
    fn a_gateway_takes_seconds() {
        let typical = |kind: &str| {
            let spec = json!({"VpcId": "vpc-1", "VpcEndpointType": kind});
            VpcEndpoint::typical(&serde_json::from_value(spec).unwrap()).create.as_secs()
        };
        assert_eq!((typical("Gateway"), typical("Interface")), (6, 113));
    }
}
