//! `AWS::Route53::HostedZone`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::types::{self, TagResourceType, VpcRegion};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::reply::{collect, gone, present};
use super::route53::{self, DomainName};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Class, Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Scope, TAGS,
    Tagging, Token, Typical, Update, outputs,
};

pub struct HostedZone;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hosted_zone_config: Option<Config>,
    name: DomainName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query_logging_config: Option<QueryLogging>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(rename = "VPCs", default, skip_serializing_if = "Option::is_none")]
    vpcs: Option<BTreeSet<Vpc>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Config {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueryLogging {
    cloud_watch_logs_log_group_arn: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vpc {
    #[serde(rename = "VPCId")]
    id: String,
    #[serde(rename = "VPCRegion")]
    region: String,
}

#[derive(Debug)]
pub struct Live {
    zone: types::HostedZone,
    name_servers: Vec<String>,
    vpcs: BTreeSet<Vpc>,
    query_log: Option<types::QueryLoggingConfig>,
    tags: Tags,
    /// Whose creation it came from, if that was cut off before the tags were written.
    made_for: Option<Owner>,
}

impl Kind for HostedZone {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Route53::HostedZone";
    const DOC: &'static str = "A DNS zone, public or private to VPCs. \
        It is there at once. CloudFormation's `HostedZoneTags` is called `Tags` here. The create call carries no tags: \
        should it be cut off, the zone is found by its caller reference, whatever the blueprint says by then. \
        Deletion is refused while the zone holds records other than its own `NS` and `SOA`.";
    const FIELDS: &'static [Field] = &[
        Field::updates("HostedZoneConfig", "A comment on the zone."),
        Field::replaces("Name", "The domain, with or without the final dot."),
        Field::updates("QueryLoggingConfig", "The log group for DNS queries, in us-east-1.").late(),
        TAGS.late(),
        Field::updates("VPCs", "The VPCs that see the zone; with any, the zone is private.").set(),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("HostedZoneId", "The id of the zone."),
        Output::with_id("Id", "The id of the zone, as `Fn::GetAtt` names it."),
        Output::with_id("NameServers", "The zone's name servers, joined by commas."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(3, 2, 2);
    const SCOPE: Scope = Scope::Account;

    fn id(live: &Live) -> PhysicalId {
        zone_id(&live.zone.id)
    }

    fn spec(live: &Live) -> Spec {
        let comment = live.zone.config().and_then(|config| config.comment.clone());
        Spec {
            hosted_zone_config: Some(Config { comment: Some(comment.unwrap_or_default()) }),
            name: DomainName::new(&live.zone.name),
            query_logging_config: live.query_log.as_ref().map(|log| QueryLogging {
                cloud_watch_logs_log_group_arn: log.cloud_watch_logs_log_group_arn.clone(),
            }),
            tags: Some(live.tags.clone()),
            vpcs: Some(live.vpcs.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let (id, servers) = (Self::id(live), live.name_servers.join(","));
        outputs([
            ("HostedZoneId", Some(id.as_str())),
            ("Id", Some(id.as_str())),
            ("NameServers", Some(&servers)),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0).or_else(|| live.made_for.clone())
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let (mut ids, mut owners) = (BTreeSet::new(), Vec::new());
        for lookup in wanted {
            match lookup {
                Lookup::Id(id) => drop(ids.insert(id.as_str().to_owned())),
                Lookup::Owner { owner, .. } => owners.push(owner),
            }
        }
        let (mut known_tags, mut made_for) = (BTreeMap::new(), BTreeMap::new());
        if !owners.is_empty() {
            let pages = cx.route53.list_hosted_zones().into_paginator().items().send();
            let zones = collect(pages).await?;
            let cut_off = route53::creations(wanted);
            for zone in &zones {
                if let Some(&owner) = cut_off.get(zone.caller_reference.as_str()) {
                    made_for.insert(zone_id(&zone.id).as_str().to_owned(), owner.clone());
                }
            }
            known_tags = tags_of_all(cx, &zones).await?;
            let ours = |tags: &Tags| tags::owner(&tags.0).is_some_and(|o| owners.contains(&&o));
            ids.extend(known_tags.iter().filter(|(_, tags)| ours(tags)).map(|(id, _)| id.clone()));
            ids.extend(made_for.keys().cloned());
        }
        // Only GetHostedZone tells the name servers and the VPCs: a call per zone, all at once.
        let zones = try_join_all(ids.iter().map(|id| zone(cx, id))).await?;
        let zones: Vec<_> = zones.into_iter().flatten().collect();
        if zones.is_empty() {
            return Ok(Vec::new());
        }
        let untold: Vec<&str> =
            ids.iter().map(String::as_str).filter(|&id| !known_tags.contains_key(id)).collect();
        known_tags.extend(route53::tags_of(cx, TagResourceType::Hostedzone, &untold).await?);
        let seen = zones.into_iter().filter_map(|reply| live(reply, &mut known_tags));
        let mut told =
            |live: Live| Live { made_for: made_for.remove(Self::id(&live).as_str()), ..live };
        Ok(seen.map(&mut told).collect())
    }

    /// Where a zone's queries are logged is told of all zones, or of one.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        if !compared.has("QueryLoggingConfig") {
            return Ok(Some(live));
        }
        let ask = cx.route53.list_query_logging_configs();
        let ask = ask.hosted_zone_id(zone_id(&live.zone.id).as_str());
        let Some(reply) = present(ask.send().await)? else { return Ok(None) };
        Ok(Some(Live { query_log: reply.query_logging_configs.into_iter().next(), ..live }))
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let comment = spec.hosted_zone_config.as_ref().and_then(|config| config.comment.clone());
        let vpc = spec.vpcs.as_ref().and_then(|vpcs| vpcs.first());
        let config = types::HostedZoneConfig::builder()
            .set_comment(comment)
            .private_zone(vpc.is_some())
            .build();
        let made = cx
            .route53
            .create_hosted_zone()
            .name(spec.name.as_str())
            .caller_reference(&token.0)
            .hosted_zone_config(config)
            .set_vpc(vpc.map(sdk_vpc))
            .send()
            .await
            .map_err(Fault::from);
        let id = match made {
            Ok(made) => zone_id(&made.hosted_zone.required("hosted zone")?.id),
            // Our own earlier try, perhaps: the tags, a call of their own, may never have been written.
            Err(fault) if fault.is(Class::Exists) => {
                by_caller_reference(cx, &spec.name, &token.0).await?.ok_or(fault)?
            }
            Err(fault) => return Err(fault),
        };
        // A private zone is born in one VPC, which makes it private; the others join it.
        if let Some(vpcs) = spec.vpcs.as_ref().filter(|vpcs| vpcs.len() > 1) {
            associate(cx, &id, vpcs).await.map_err(|fault| fault.leaving(&id))?;
        }
        Ok(id)
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Update { from, to, .. } = update;
        if update.has("Tags") {
            let change = tags::change_of(&from.tags, &to.tags);
            route53::retag(cx, TagResourceType::Hostedzone, id.as_str(), change).await?;
        }
        if update.has("HostedZoneConfig") {
            let comment = to.hosted_zone_config.as_ref().and_then(|config| config.comment.clone());
            cx.route53
                .update_hosted_zone_comment()
                .id(id.as_str())
                .set_comment(comment)
                .send()
                .await?;
        }
        if update.has("VPCs") {
            associate(cx, id, to.vpcs.as_ref().unwrap_or(&BTreeSet::new())).await?;
        }
        if update.has("QueryLoggingConfig") {
            log_queries(cx, id, to.query_logging_config.as_ref()).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.route53.delete_hosted_zone().id(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        // A page of 300 is more than anybody reads.
        let listed = cx.route53.list_resource_record_sets().hosted_zone_id(id.as_str());
        let sets = listed.send().await?.resource_record_sets;
        let reply = cx.route53.get_hosted_zone().id(id.as_str()).send().await?;
        let apex = reply.hosted_zone.map(|zone| DomainName::new(&zone.name));
        let own = |set: &&types::ResourceRecordSet| {
            matches!(set.r#type, types::RrType::Ns | types::RrType::Soa)
                && apex.as_ref() == Some(&DomainName::new(&set.name))
        };
        let blocker = |set: &types::ResourceRecordSet| {
            let name = DomainName::new(&set.name);
            let id = [id.as_str(), name.as_str(), set.r#type.as_str()].into_iter();
            let id: Vec<&str> = id.chain(set.set_identifier()).collect();
            Blocker::stays(id.join("|"), "AWS::Route53::RecordSet", "is in the zone")
        };
        Ok(sets.iter().filter(|set| !own(set)).map(blocker).collect())
    }
}

/// Replies name a zone `/hostedzone/Z1`.
fn zone_id(id: &str) -> PhysicalId {
    PhysicalId::new(id.rsplit('/').next().unwrap_or(id))
}

/// The tags of every zone of the account, by id: Route 53 has no filter by tag.
async fn tags_of_all(
    cx: &Cx,
    zones: &[types::HostedZone],
) -> Result<BTreeMap<String, Tags>, Fault> {
    let ids: Vec<PhysicalId> = zones.iter().map(|zone| zone_id(&zone.id)).collect();
    let ids: Vec<&str> = ids.iter().map(PhysicalId::as_str).collect();
    route53::tags_of(cx, TagResourceType::Hostedzone, &ids).await
}

async fn zone(cx: &Cx, id: &str) -> Result<Option<GetHostedZoneOutput>, Fault> {
    present(cx.route53.get_hosted_zone().id(id).send().await)
}

fn live(reply: GetHostedZoneOutput, tags: &mut BTreeMap<String, Tags>) -> Option<Live> {
    let zone = reply.hosted_zone?;
    let id = zone_id(&zone.id);
    let vpc = |vpc: types::Vpc| Some(Vpc { id: vpc.vpc_id?, region: vpc.vpc_region?.to_string() });
    Some(Live {
        name_servers: reply.delegation_set.map(|set| set.name_servers).unwrap_or_default(),
        vpcs: reply.vpcs.unwrap_or_default().into_iter().filter_map(vpc).collect(),
        query_log: None,
        tags: tags.remove(id.as_str()).unwrap_or_default(),
        made_for: None,
        zone,
    })
}

/// The zone called `name` that was made with this caller reference.
async fn by_caller_reference(
    cx: &Cx,
    name: &DomainName,
    reference: &str,
) -> Result<Option<PhysicalId>, Fault> {
    let (mut next_name, mut next_id) = (Some(name.as_str().to_owned()), None);
    loop {
        let page = cx
            .route53
            .list_hosted_zones_by_name()
            .set_dns_name(next_name)
            .set_hosted_zone_id(next_id)
            .send()
            .await?;
        let ours = page.hosted_zones.iter().find(|zone| zone.caller_reference == reference);
        if let Some(zone) = ours {
            return Ok(Some(zone_id(&zone.id)));
        }
        let same_name = page.next_dns_name.as_deref().map(DomainName::new).as_ref() == Some(name);
        if !page.is_truncated || !same_name {
            return Ok(None);
        }
        (next_name, next_id) = (page.next_dns_name, page.next_hosted_zone_id);
    }
}

/// Makes the zone visible in exactly these VPCs, starting from what it is now: a repeated association is refused.
async fn associate(cx: &Cx, id: &PhysicalId, to: &BTreeSet<Vpc>) -> Result<(), Fault> {
    let reply = cx.route53.get_hosted_zone().id(id.as_str()).send().await?;
    let now = live(reply, &mut BTreeMap::new()).required("hosted zone")?.vpcs;
    // Joining goes first: a private zone never has no VPC.
    for vpc in to.difference(&now) {
        let join = cx.route53.associate_vpc_with_hosted_zone().hosted_zone_id(id.as_str());
        join.vpc(sdk_vpc(vpc)).send().await?;
    }
    for vpc in now.difference(to) {
        let leave = cx.route53.disassociate_vpc_from_hosted_zone().hosted_zone_id(id.as_str());
        leave.vpc(sdk_vpc(vpc)).send().await?;
    }
    Ok(())
}

/// A zone has one configuration, which can only be deleted and made.
async fn log_queries(cx: &Cx, id: &PhysicalId, to: Option<&QueryLogging>) -> Result<(), Fault> {
    let ask = cx.route53.list_query_logging_configs().hosted_zone_id(id.as_str());
    for config in ask.send().await?.query_logging_configs {
        if to.is_some_and(|to| {
            to.cloud_watch_logs_log_group_arn == config.cloud_watch_logs_log_group_arn
        }) {
            return Ok(());
        }
        gone(cx.route53.delete_query_logging_config().id(config.id).send().await)?;
    }
    if let Some(to) = to {
        cx.route53
            .create_query_logging_config()
            .hosted_zone_id(id.as_str())
            .cloud_watch_logs_log_group_arn(&to.cloud_watch_logs_log_group_arn)
            .send()
            .await?;
    }
    Ok(())
}

fn sdk_vpc(vpc: &Vpc) -> types::Vpc {
    types::Vpc::builder().vpc_id(&vpc.id).vpc_region(VpcRegion::from(vpc.region.as_str())).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(config: types::HostedZoneConfig, vpc: Option<types::Vpc>) -> GetHostedZoneOutput {
        let zone = types::HostedZone::builder()
            .id("/hostedzone/Z1")
            .name("example.com.")
            .caller_reference("t")
            .config(config)
            .build();
        let servers = types::DelegationSet::builder().name_servers("ns-1").name_servers("ns-2");
        GetHostedZoneOutput::builder()
            .hosted_zone(zone.unwrap())
            .delegation_set(servers.build().unwrap())
            .set_vpcs(vpc.map(|vpc| vec![vpc]))
            .build()
    }

    #[test]
    fn a_public_zone_is_seen_in_full() {
        let config = types::HostedZoneConfig::builder().comment("shop").build();
        let mut tags = BTreeMap::from([("Z1".to_owned(), Tags::read([("a".into(), "1".into())]))]);
        let live = live(reply(config, None), &mut tags).unwrap();
        assert_eq!(
            serde_json::to_value(HostedZone::spec(&live)).unwrap(),
            serde_json::json!({
                "HostedZoneConfig": {"Comment": "shop"}, "Name": "example.com",
                "Tags": [{"Key": "a", "Value": "1"}], "VPCs": [],
            })
        );
        let outputs = HostedZone::outputs(&live);
        assert_eq!(outputs["HostedZoneId"], "Z1");
        assert_eq!(outputs["NameServers"], "ns-1,ns-2");
    }

    #[test]
    fn a_private_zone_has_vpcs_and_may_log_its_queries() {
        let vpc = types::Vpc::builder().vpc_id("vpc-1").vpc_region(VpcRegion::EuWest1).build();
        let log = types::QueryLoggingConfig::builder()
            .id("1")
            .hosted_zone_id("Z1")
            .cloud_watch_logs_log_group_arn("arn:log")
            .build();
        let config = types::HostedZoneConfig::builder().private_zone(true).build();
        let zone = live(reply(config, Some(vpc)), &mut BTreeMap::new()).unwrap();
        let live = Live { query_log: Some(log.unwrap()), ..zone };
        assert_eq!(
            serde_json::to_value(HostedZone::spec(&live)).unwrap(),
            serde_json::json!({
                "HostedZoneConfig": {"Comment": ""}, "Name": "example.com",
                "QueryLoggingConfig": {"CloudWatchLogsLogGroupArn": "arn:log"}, "Tags": [],
                "VPCs": [{"VPCId": "vpc-1", "VPCRegion": "eu-west-1"}],
            })
        );
    }
}
