//! `AWS::Route53::RecordSet`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types::{
    self, Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet,
    ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use futures::future::try_join_all;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

use super::reply::{gone, present};
use super::route53::DomainName;
use super::scalar::Text;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Scope, Tagging,
    Token, Typical, Update, outputs,
};

pub struct RecordSet;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias_target: Option<AliasTarget>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_routing_config: Option<CidrRoutingConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failover: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    geo_location: Option<GeoLocation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    geo_proximity_location: Option<GeoProximityLocation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    health_check_id: Option<String>,
    hosted_zone_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    multi_value_answer: Option<bool>,
    name: DomainName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_records: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set_identifier: Option<String>,
    #[serde(rename = "TTL", default, skip_serializing_if = "Option::is_none")]
    ttl: Option<Ttl>,
    r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AliasTarget {
    #[serde(rename = "DNSName")]
    dns_name: DomainName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evaluate_target_health: Option<bool>,
    hosted_zone_id: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CidrRoutingConfig {
    collection_id: String,
    location_name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "CloudFormation's names")]
struct GeoLocation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    continent_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subdivision_code: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GeoProximityLocation {
    #[serde(rename = "AWSRegion", default, skip_serializing_if = "Option::is_none")]
    aws_region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bias: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coordinates: Option<Coordinates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local_zone_group: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Coordinates {
    latitude: String,
    longitude: String,
}

/// Seconds. CloudFormation's type is a text, people write numbers: both are read, a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ttl(i64);

#[derive(Debug)]
pub struct Live {
    zone: String,
    set: ResourceRecordSet,
}

impl Kind for RecordSet {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Route53::RecordSet";
    const DOC: &'static str = "The records of one name and type in a hosted zone, or an alias. \
        It is accepted at once and served by all name servers within a minute. \
        A set that is there already and was not made by platctl is never overwritten. \
        The zone is named by `HostedZoneId`; `HostedZoneName` is not supported. \
        Name, type and set identifier are its identity, so a change of one of them is a replacement. \
        Nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::updates("AliasTarget", "The AWS resource whose addresses are answered."),
        Field::updates("CidrRoutingConfig", "Answers by the network that asks."),
        Field::updates("Comment", "A comment on the change, not on the record.").write_only(),
        Field::updates("Failover", "`PRIMARY` or `SECONDARY`."),
        Field::updates("GeoLocation", "Answers by the place that asks."),
        Field::updates("GeoProximityLocation", "Answers by the distance to the place that asks."),
        Field::updates("HealthCheckId", "Answers only while this check is healthy."),
        Field::replaces("HostedZoneId", "The zone."),
        Field::updates("MultiValueAnswer", "Answers with up to eight healthy values."),
        Field::replaces("Name", "The full domain name, with or without the final dot."),
        Field::updates("Region", "Answers by latency to this region."),
        Field::updates("ResourceRecords", "The values, each as the type writes it.").set(),
        Field::replaces("SetIdentifier", "Tells apart sets of one name and type."),
        Field::updates("TTL", "How long resolvers keep an answer, in seconds."),
        Field::replaces("Type", "`A`, `AAAA`, `CNAME`, `TXT` and so on."),
        Field::updates("Weight", "Its share among sets of one name and type, 0 to 255."),
    ];
    const OUTPUTS: &'static [Output] = &[Output::with_id("Name", "The domain name.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const SCOPE: Scope = Scope::Account;
    /// A CNAME stands alone, and simple sets do not stand beside others of their name.
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        let name = DomainName::new(&live.set.name);
        id(&live.zone, &name, live.set.r#type.as_str(), live.set.set_identifier())
    }

    fn spec(live: &Live) -> Spec {
        let set = &live.set;
        let values = set.resource_records().iter().map(|record| record.value.clone());
        Spec {
            alias_target: set.alias_target().map(|target| AliasTarget {
                dns_name: DomainName::new(&target.dns_name),
                evaluate_target_health: Some(target.evaluate_target_health),
                hosted_zone_id: target.hosted_zone_id.clone(),
            }),
            cidr_routing_config: set.cidr_routing_config().map(|config| CidrRoutingConfig {
                collection_id: config.collection_id.clone(),
                location_name: config.location_name.clone(),
            }),
            comment: None,
            failover: set.failover().map(ToString::to_string),
            geo_location: set.geo_location().map(|geo| GeoLocation {
                continent_code: geo.continent_code.clone(),
                country_code: geo.country_code.clone(),
                subdivision_code: geo.subdivision_code.clone(),
            }),
            geo_proximity_location: set.geo_proximity_location().map(|geo| GeoProximityLocation {
                aws_region: geo.aws_region.clone(),
                bias: geo.bias,
                coordinates: geo.coordinates().map(|at| Coordinates {
                    latitude: at.latitude.clone(),
                    longitude: at.longitude.clone(),
                }),
                local_zone_group: geo.local_zone_group.clone(),
            }),
            health_check_id: set.health_check_id.clone(),
            hosted_zone_id: live.zone.clone(),
            multi_value_answer: set.multi_value_answer,
            name: DomainName::new(&set.name),
            region: set.region().map(ToString::to_string),
            resource_records: set.resource_records.is_some().then(|| values.collect()),
            set_identifier: set.set_identifier.clone(),
            ttl: set.ttl.map(Ttl),
            r#type: set.r#type.to_string(),
            weight: set.weight,
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Name", Some(DomainName::new(&live.set.name).as_str()))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(id(&spec.hosted_zone_id, &spec.name, &spec.r#type, spec.set_identifier.as_deref()))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut zones: BTreeMap<&str, BTreeSet<DomainName>> = BTreeMap::new();
        for lookup in wanted {
            // Without tags there is nobody's name on a record: only ids find it.
            if let Lookup::Id(id) = lookup
                && let Some([zone, name, _, _]) = parts(id)
            {
                zones.entry(zone).or_default().insert(DomainName::new(name));
            }
        }
        let asked = zones.into_iter().map(|(zone, names)| sets_of(cx, zone, names));
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        change(cx, &spec.hosted_zone_id, ChangeAction::Create, set(spec), spec.comment.as_deref())
            .await?;
        Ok(id(&spec.hosted_zone_id, &spec.name, &spec.r#type, spec.set_identifier.as_deref()))
    }

    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        change(cx, &to.hosted_zone_id, ChangeAction::Upsert, set(to), to.comment.as_deref()).await
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let Some([zone, name, _, _]) = parts(id) else {
            return Err(Fault::bug(format!("`{id}` is not the id of a record set")));
        };
        // The call must repeat the record to the letter.
        let found = list(cx, zone, Some(DomainName::new(name))).await?;
        match found.into_iter().find(|live| Self::id(live) == *id) {
            Some(live) => gone(change(cx, zone, ChangeAction::Delete, live.set, None).await),
            None => Ok(()),
        }
    }
}

/// Up to this many names of a zone cost a call each; more cost the pages of the whole zone, 300 records each.
const NAMES_ASKED_ALONE_MAX: usize = 3;

fn id(zone: &str, name: &DomainName, of_type: &str, set_identifier: Option<&str>) -> PhysicalId {
    PhysicalId::joined([zone, name.as_str(), of_type, set_identifier.unwrap_or_default()])
}

/// The parts of an [`id`]; a set identifier may hold any character.
fn parts(id: &PhysicalId) -> Option<[&str; 4]> {
    id.as_str().splitn(4, '|').collect::<Vec<_>>().try_into().ok()
}

/// The sets of a zone that have these names, and maybe others. A page holds the whole of most zones: then no name takes a
/// call of its own.
async fn sets_of(cx: &Cx, zone: &str, names: BTreeSet<DomainName>) -> Result<Vec<Live>, Fault> {
    if names.len() > NAMES_ASKED_ALONE_MAX {
        return list(cx, zone, None).await;
    }
    if names.len() > 1 {
        let page = cx.route53.list_resource_record_sets().hosted_zone_id(zone);
        let Some(page) = present(page.send().await)? else {
            return Ok(Vec::new());
        };
        if !page.is_truncated {
            return Ok(lives(zone, page.resource_record_sets).collect());
        }
    }
    let asked = names.into_iter().map(|name| list(cx, zone, Some(name)));
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}

/// The record sets of a zone: all, or those of one name. A zone that is gone has none.
async fn list(cx: &Cx, zone: &str, only: Option<DomainName>) -> Result<Vec<Live>, Fault> {
    let ask = || cx.route53.list_resource_record_sets().hosted_zone_id(zone);
    let mut sets = Vec::new();
    let mut next = ask().set_start_record_name(only.as_ref().map(|name| name.as_str().into()));
    loop {
        let Some(page) = present(next.send().await)? else { break };
        sets.extend(page.resource_record_sets);
        // A listing starts at the name asked for; the sets of one name stand together.
        let next_name = page.next_record_name.as_deref().map(DomainName::new);
        if !page.is_truncated || (only.is_some() && next_name != only) {
            break;
        }
        next = ask()
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
    Ok(lives(zone, sets).collect())
}

fn lives(zone: &str, sets: Vec<ResourceRecordSet>) -> impl Iterator<Item = Live> {
    sets.into_iter().map(move |set| Live { zone: zone.into(), set })
}

async fn change(
    cx: &Cx,
    zone: &str,
    action: ChangeAction,
    set: ResourceRecordSet,
    comment: Option<&str>,
) -> Result<(), Fault> {
    let change = Change::builder().action(action).resource_record_set(set).build();
    let batch = ChangeBatch::builder()
        .changes(change.expect("a change has an action"))
        .set_comment(comment.map(Into::into))
        .build()
        .expect("a batch has changes");
    let ask = cx.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    ask.send().await?;
    Ok(())
}

fn set(spec: &Spec) -> ResourceRecordSet {
    let alias = spec.alias_target.as_ref().map(|target| {
        types::AliasTarget::builder()
            .dns_name(target.dns_name.as_str())
            .evaluate_target_health(target.evaluate_target_health.unwrap_or(false))
            .hosted_zone_id(&target.hosted_zone_id)
            .build()
            .expect("an alias has all its members")
    });
    let cidr = spec.cidr_routing_config.as_ref().map(|config| {
        types::CidrRoutingConfig::builder()
            .collection_id(&config.collection_id)
            .location_name(&config.location_name)
            .build()
            .expect("a CIDR routing has all its members")
    });
    let geo = spec.geo_location.as_ref().map(|geo| {
        types::GeoLocation::builder()
            .set_continent_code(geo.continent_code.clone())
            .set_country_code(geo.country_code.clone())
            .set_subdivision_code(geo.subdivision_code.clone())
            .build()
    });
    let proximity = spec.geo_proximity_location.as_ref().map(|geo| {
        let coordinates = geo.coordinates.as_ref().map(|at| {
            types::Coordinates::builder()
                .latitude(&at.latitude)
                .longitude(&at.longitude)
                .build()
                .expect("coordinates are two")
        });
        types::GeoProximityLocation::builder()
            .set_aws_region(geo.aws_region.clone())
            .set_bias(geo.bias)
            .set_coordinates(coordinates)
            .set_local_zone_group(geo.local_zone_group.clone())
            .build()
    });
    let record = |value: &String| {
        ResourceRecord::builder().value(value).build().expect("a record has a value")
    };
    let records = spec.resource_records.as_ref().map(|values| values.iter().map(record).collect());
    ResourceRecordSet::builder()
        .name(spec.name.as_str())
        .r#type(RrType::from(spec.r#type.as_str()))
        .set_alias_target(alias)
        .set_cidr_routing_config(cidr)
        .set_failover(spec.failover.as_deref().map(ResourceRecordSetFailover::from))
        .set_geo_location(geo)
        .set_geo_proximity_location(proximity)
        .set_health_check_id(spec.health_check_id.clone())
        .set_multi_value_answer(spec.multi_value_answer)
        .set_region(spec.region.as_deref().map(ResourceRecordSetRegion::from))
        .set_resource_records(records)
        .set_set_identifier(spec.set_identifier.clone())
        .set_ttl(spec.ttl.map(|ttl| ttl.0))
        .set_weight(spec.weight)
        .build()
        .expect("a record set has a name and a type")
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(seconds) = Text::deserialize(deserializer)?;
        let wrong = |_| D::Error::custom(format!("expected seconds, got `{seconds}`"));
        seconds.parse().map(Self).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(value: Value) -> Spec {
        serde_json::from_value(value).unwrap()
    }

    fn seen(set: ResourceRecordSet) -> Value {
        serde_json::to_value(RecordSet::spec(&Live { zone: "Z1".into(), set })).unwrap()
    }

    #[test]
    fn a_simple_set_reads_back_as_asked() {
        let asked = spec(json!({
            "HostedZoneId": "Z1", "Name": "www.Example.com.", "Type": "A", "TTL": 60,
            "ResourceRecords": ["10.0.0.2", "10.0.0.1"],
        }));
        let canonical = json!({
            "HostedZoneId": "Z1", "Name": "www.example.com", "Type": "A", "TTL": "60",
            "ResourceRecords": ["10.0.0.1", "10.0.0.2"],
        });
        assert_eq!(serde_json::to_value(&asked).unwrap(), canonical);
        assert_eq!(seen(set(&asked)), canonical);
    }

    #[test]
    fn a_weighted_alias_reads_back_in_one_spelling() {
        let alias = types::AliasTarget::builder()
            .dns_name("dualstack.lb.eu-west-1.elb.amazonaws.com.")
            .evaluate_target_health(true)
            .hosted_zone_id("ZLB");
        let set = ResourceRecordSet::builder()
            .name("\\052.example.com.")
            .r#type(RrType::A)
            .set_identifier("blue|1")
            .weight(10)
            .alias_target(alias.build().unwrap())
            .build()
            .unwrap();
        let live = Live { zone: "Z1".into(), set: set.clone() };
        assert_eq!(RecordSet::id(&live).as_str(), "Z1|*.example.com|A|blue|1");
        assert_eq!(parts(&RecordSet::id(&live)).unwrap()[3], "blue|1");
        assert_eq!(
            seen(set),
            json!({
                "AliasTarget": {
                    "DNSName": "dualstack.lb.eu-west-1.elb.amazonaws.com",
                    "EvaluateTargetHealth": true, "HostedZoneId": "ZLB",
                },
                "HostedZoneId": "Z1", "Name": "*.example.com", "SetIdentifier": "blue|1",
                "Type": "A", "Weight": 10,
            })
        );
    }

    #[test]
    fn the_spec_determines_the_id() {
        let asked = spec(json!({"HostedZoneId": "Z1", "Name": "A.b.", "Type": "TXT"}));
        assert_eq!(RecordSet::natural_id(&asked), Some(PhysicalId::new("Z1|a.b|TXT|")));
    }

    #[test]
    fn a_time_to_live_is_seconds() {
        let ttl = |value: Value| serde_json::from_value::<Ttl>(value);
        assert_eq!(ttl(json!("300")).unwrap(), Ttl(300));
        assert_eq!(ttl(json!(300)).unwrap(), Ttl(300));
        assert!(ttl(json!("5m")).unwrap_err().to_string().contains("seconds"));
    }
}
