//! `AWS::EC2::FlowLog`

use aws_sdk_ec2::types::{
    self, DestinationOptionsRequest, DestinationOptionsResponse, FlowLogsResourceType,
    LogDestinationType, ResourceType, TrafficType,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2;
use super::logs::Destination;
use super::scalar::Number;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct FlowLog;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deliver_cross_account_role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deliver_logs_permission_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destination_options: Option<DestinationOptions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log_destination: Option<Destination>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log_destination_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log_format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log_group_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_aggregation_interval: Option<Number>,
    resource_id: String,
    resource_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traffic_type: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DestinationOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hive_compatible_partitions: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_hour_partition: Option<bool>,
}

#[derive(Debug)]
pub struct Live {
    log: types::FlowLog,
    /// What stands before the name in the ARN of a log group of this account: replies may tell the name alone.
    groups: String,
}

impl Kind for FlowLog {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::EC2::FlowLog";
    const DOC: &'static str = "A record of the traffic of a VPC, a subnet or an interface. \
        It is there at once and delivers after some minutes. \
        A bucket must exist before; that a log group or a permission is missing shows only when nothing arrives. \
        A resource has one flow log for each destination, so a replacement goes delete first. \
        Nothing blocks its deletion; what was recorded stays.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("DeliverCrossAccountRole", "The role for a Firehose of another account."),
        Field::replaces(
            "DeliverLogsPermissionArn",
            "The role that may write to the log group; for CloudWatch Logs only.",
        )
        .when_ready(),
        Field::replaces(
            "DestinationOptions",
            "S3: `FileFormat` (`plain-text`, `parquet`), `HiveCompatiblePartitions`, `PerHourPartition`.",
        ),
        Field::replaces(
            "LogDestination",
            "The ARN of the bucket (a folder may follow), of the Firehose or of the log group.",
        )
        .when_ready(),
        Field::replaces(
            "LogDestinationType",
            "`cloud-watch-logs` (the default), `s3` or `kinesis-data-firehose`.",
        ),
        Field::replaces("LogFormat", "The fields of a line: `${version} ${srcaddr} ...`."),
        Field::replaces("LogGroupName", "The log group; or its ARN as `LogDestination`.")
            .when_ready(),
        Field::replaces(
            "MaxAggregationInterval",
            "How long a line may gather, in seconds: 60 or 600.",
        ),
        Field::replaces("ResourceId", "The VPC, subnet, interface or transit gateway."),
        Field::replaces(
            "ResourceType",
            "`VPC`, `Subnet`, `NetworkInterface`, `TransitGateway`, ...",
        ),
        TAGS,
        Field::replaces("TrafficType", "`ACCEPT`, `REJECT` or `ALL`; transit gateways have none."),
    ];
    const OUTPUTS: &'static [Output] = &[Output::with_id("Id", "The id of the flow log.")];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(3, 1, 2);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.log.flow_log_id().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let Live { log, groups } = live;
        let named = log.log_group_name.as_ref().map(|name| format!("{groups}{name}"));
        let destination = log.log_destination.clone().or(named).map(Destination::from);
        let of_destination = destination.as_ref().and_then(Destination::group);
        let group = log.log_group_name().or(of_destination).map(str::to_owned);
        Spec {
            deliver_cross_account_role: log.deliver_cross_account_role.clone(),
            deliver_logs_permission_arn: log.deliver_logs_permission_arn.clone(),
            destination_options: log.destination_options().map(Into::into),
            log_destination: destination,
            log_destination_type: log.log_destination_type().map(|kind| kind.as_str().into()),
            log_format: log.log_format.clone(),
            log_group_name: group,
            max_aggregation_interval: log.max_aggregation_interval.map(Number),
            resource_id: log.resource_id().unwrap_or_default().into(),
            resource_type: resource_type(log.resource_id().unwrap_or_default()).as_str().into(),
            tags: Some(ec2::tags(log.tags())),
            traffic_type: log.traffic_type().map(|kind| kind.as_str().into()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Id", live.log.flow_log_id())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&ec2::tags(live.log.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let asked = ec2::filters("flow-log-id", wanted).into_iter().map(|filters| {
            let pages = cx.ec2.describe_flow_logs().set_filter(Some(filters)).into_paginator();
            ec2::collect(pages.items().send())
        });
        let found: Vec<_> = try_join_all(asked).await?.into_iter().flatten().collect();
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let account = cx.account().await?;
        let (partition, region) = (&account.partition, &cx.region);
        let groups = format!("arn:{partition}:logs:{region}:{}:log-group:", account.id);
        Ok(found.into_iter().map(|log| Live { log, groups: groups.clone() }).collect())
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let made = cx
            .ec2
            .create_flow_logs()
            .client_token(&token.0)
            .set_deliver_cross_account_role(spec.deliver_cross_account_role.clone())
            .set_deliver_logs_permission_arn(spec.deliver_logs_permission_arn.clone())
            .set_destination_options(spec.destination_options.as_ref().map(Into::into))
            .set_log_destination(spec.log_destination.clone().map(String::from))
            .set_log_destination_type(
                spec.log_destination_type.as_deref().map(LogDestinationType::from),
            )
            .set_log_format(spec.log_format.clone())
            .set_log_group_name(spec.log_group_name.clone())
            .set_max_aggregation_interval(spec.max_aggregation_interval.map(Into::into))
            .resource_ids(&spec.resource_id)
            .resource_type(FlowLogsResourceType::from(spec.resource_type.as_str()))
            .set_traffic_type(spec.traffic_type.as_deref().map(TrafficType::from))
            .set_tag_specifications(ec2::tag_specifications(
                ResourceType::VpcFlowLog,
                spec.tags.as_ref(),
            ))
            .send()
            .await?;
        ec2::accepted("CreateFlowLogs", made.unsuccessful)?;
        let id = made.flow_log_ids.into_iter().flatten().next();
        Ok(PhysicalId::new(id.required("flow log id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        ec2::retag(cx, id, tags::change_of(&update.from.tags, &update.to.tags)).await
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let delete = cx.ec2.delete_flow_logs().flow_log_ids(id.as_str());
        let answer = delete.send().await.map_err(Fault::from);
        ec2::gone(answer.and_then(|reply| ec2::accepted("DeleteFlowLogs", reply.unsuccessful)))
    }
}

/// No reply tells the type; ids begin with it.
fn resource_type(id: &str) -> FlowLogsResourceType {
    match id.rsplit_once('-').map_or("", |(prefix, _)| prefix) {
        "vpc" => FlowLogsResourceType::Vpc,
        "subnet" => FlowLogsResourceType::Subnet,
        "eni" => FlowLogsResourceType::NetworkInterface,
        "tgw" => FlowLogsResourceType::TransitGateway,
        "tgw-attach" => FlowLogsResourceType::TransitGatewayAttachment,
        "nat" => FlowLogsResourceType::RegionalNatGateway,
        other => FlowLogsResourceType::from(other),
    }
}

impl From<&DestinationOptionsResponse> for DestinationOptions {
    fn from(options: &DestinationOptionsResponse) -> Self {
        Self {
            file_format: options.file_format().map(|format| format.as_str().into()),
            hive_compatible_partitions: options.hive_compatible_partitions,
            per_hour_partition: options.per_hour_partition,
        }
    }
}

impl From<&DestinationOptions> for DestinationOptionsRequest {
    fn from(options: &DestinationOptions) -> Self {
        Self::builder()
            .set_file_format(options.file_format.as_deref().map(Into::into))
            .set_hive_compatible_partitions(options.hive_compatible_partitions)
            .set_per_hour_partition(options.per_hour_partition)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const GROUPS: &str = "arn:aws:logs:eu-west-1:1:log-group:";

    fn seen(log: types::builders::FlowLogBuilder) -> Value {
        let log = log.flow_log_id("fl-1").resource_id("vpc-1").build();
        serde_json::to_value(FlowLog::spec(&Live { log, groups: GROUPS.into() })).unwrap()
    }

    #[test]
    fn a_log_group_is_seen_by_name_and_by_arn() {
        let expected = json!({
            "LogDestination": "arn:aws:logs:eu-west-1:1:log-group:/flow", "LogGroupName": "/flow",
            "ResourceId": "vpc-1", "ResourceType": "VPC", "Tags": [],
        });
        assert_eq!(seen(types::FlowLog::builder().log_group_name("/flow")), expected);
        let by_arn = types::FlowLog::builder().log_destination(format!("{GROUPS}/flow"));
        assert_eq!(seen(by_arn), expected);
    }

    #[test]
    fn a_bucket_is_no_log_group() {
        let options = DestinationOptionsResponse::builder().per_hour_partition(true).build();
        let log = types::FlowLog::builder()
            .log_destination("arn:aws:s3:::flow/vpc")
            .log_destination_type(LogDestinationType::S3)
            .max_aggregation_interval(60)
            .destination_options(options);
        assert_eq!(
            seen(log),
            json!({
                "DestinationOptions": {"PerHourPartition": true},
                "LogDestination": "arn:aws:s3:::flow/vpc", "LogDestinationType": "s3",
                "MaxAggregationInterval": 60, "ResourceId": "vpc-1", "ResourceType": "VPC",
                "Tags": [],
            })
        );
    }

    #[test]
    fn an_id_tells_the_type() {
        for (id, kind) in [
            ("vpc-1", "VPC"),
            ("subnet-1", "Subnet"),
            ("eni-1", "NetworkInterface"),
            ("tgw-1", "TransitGateway"),
            ("tgw-attach-1", "TransitGatewayAttachment"),
            ("nat-1", "RegionalNatGateway"),
        ] {
            assert_eq!(resource_type(id).as_str(), kind);
        }
    }
}
