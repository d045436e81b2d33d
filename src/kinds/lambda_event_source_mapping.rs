//! `AWS::Lambda::EventSourceMapping`

use std::collections::BTreeSet;

use aws_sdk_lambda::types::{self, EventSourceMappingConfiguration, FunctionResponseType};
use aws_smithy_types::DateTime;
use serde::{Deserialize, Serialize};

use super::reply::{collect, gone, present};
use super::scalar::Number;
use super::{lambda, tagging};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct EventSourceMapping;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_size: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bisect_batch_on_function_error: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_config: Option<Destinations>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    event_source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_criteria: Option<Filters>,
    #[serde(deserialize_with = "lambda::function")]
    function_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response_types: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_batching_window_in_seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_record_age_in_seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_config: Option<Metrics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallelization_factor: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned_poller_config: Option<Pollers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling_config: Option<Scaling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_position_timestamp: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tumbling_window_in_seconds: Option<Number>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destinations {
    #[serde(skip_serializing_if = "Option::is_none")]
    on_failure: Option<OnFailure>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OnFailure {
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filters {
    #[serde(default)]
    filters: Vec<Filter>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    pattern: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Metrics {
    #[serde(default)]
    metrics: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Pollers {
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_pollers: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_pollers: Option<Number>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Scaling {
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_concurrency: Option<Number>,
}

#[derive(Debug)]
pub struct Live {
    mapping: EventSourceMappingConfiguration,
    tags: Tags,
}

impl Kind for EventSourceMapping {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Lambda::EventSourceMapping";
    const DOC: &'static str = "Calls a function with what comes out of a queue or a stream. \
        It waits for the function and its source, and works once it is `Enabled`, or `Disabled` as asked, after some \
        seconds. The role of the function must be allowed to read the source. A queue hides messages at least as long as \
        the function may run. Nothing blocks its deletion, which takes up to a minute. \
        Sources are SQS queues, Kinesis streams and DynamoDB streams; brokers and document databases are not supported.";
    const FIELDS: &'static [Field] = &[
        Field::updates("BatchSize", "The most records of one call."),
        Field::updates(
            "BisectBatchOnFunctionError",
            "Of a stream: whether a batch that failed is halved.",
        ),
        Field::updates(
            "DestinationConfig",
            "Of a stream: `OnFailure.Destination`, where the places of discarded records go.",
        ),
        Field::updates("Enabled", "Whether it reads."),
        Field::replaces("EventSourceArn", "The queue or the stream.").when_ready(),
        Field::updates("FilterCriteria", "Which records are passed on."),
        Field::updates("FilterCriteria.Filters", "Each with a `Pattern`, the text of a document.")
            .set(),
        Field::updates("FunctionName", "The function by name or ARN, with or without an alias.")
            .when_ready(),
        Field::updates("FunctionResponseTypes", "`ReportBatchItemFailures` or nothing.").set(),
        Field::updates("KmsKeyArn", "The key that encrypts the filters."),
        Field::updates("MaximumBatchingWindowInSeconds", "Seconds to wait for a full batch."),
        Field::updates("MaximumRecordAgeInSeconds", "Of a stream: what is older is discarded."),
        Field::updates("MaximumRetryAttempts", "Of a stream: tries before a batch is discarded."),
        Field::updates("MetricsConfig", "Which metrics it has: `EventCount`."),
        Field::updates("MetricsConfig.Metrics", "Names of metrics.").set(),
        Field::updates("ParallelizationFactor", "Of a stream: batches of one shard at once."),
        Field::updates("ProvisionedPollerConfig", "How many pollers it has at least and at most."),
        Field::updates("ScalingConfig", "Of a queue: `MaximumConcurrency`, calls at once."),
        Field::replaces(
            "StartingPosition",
            "Of a stream: `TRIM_HORIZON`, `LATEST` or `AT_TIMESTAMP`.",
        ),
        Field::replaces(
            "StartingPositionTimestamp",
            "Where `AT_TIMESTAMP` begins, in Unix seconds.",
        ),
        TAGS,
        Field::updates("TumblingWindowInSeconds", "Of a stream: seconds of a window, 0 to 900."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("EventSourceMappingArn", "The ARN of the mapping."),
        Output::with_id("Id", "The id of the mapping."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(10, 10, 20);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.mapping.uuid().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let it = &live.mapping;
        let filters = it.filter_criteria().map(types::FilterCriteria::filters).unwrap_or_default();
        let filter = |filter: &types::Filter| Some(Filter { pattern: filter.pattern.clone()? });
        let pollers = it.provisioned_poller_config().map(|it| Pollers {
            maximum_pollers: it.maximum_pollers.map(Number),
            minimum_pollers: it.minimum_pollers.map(Number),
        });
        let metrics = it
            .metrics_config()
            .map(types::EventSourceMappingMetricsConfig::metrics)
            .unwrap_or_default();
        let on_failure = it.destination_config().and_then(|it| it.on_failure());
        Spec {
            batch_size: it.batch_size.map(Number),
            bisect_batch_on_function_error: it.bisect_batch_on_function_error,
            destination_config: on_failure.map(|it| Destinations {
                on_failure: Some(OnFailure { destination: it.destination.clone() }),
            }),
            enabled: match it.state() {
                Some("Enabled" | "Enabling") => Some(true),
                Some("Disabled" | "Disabling") => Some(false),
                // On its way to one of both, nobody tells which.
                _ => None,
            },
            event_source_arn: it.event_source_arn().unwrap_or_default().into(),
            filter_criteria: Some(Filters { filters: filters.iter().filter_map(filter).collect() }),
            function_name: lambda::name_of(it.function_arn().unwrap_or_default()).into(),
            function_response_types: Some(
                it.function_response_types().iter().map(|it| it.as_str().into()).collect(),
            ),
            kms_key_arn: it.kms_key_arn.clone(),
            maximum_batching_window_in_seconds: it.maximum_batching_window_in_seconds.map(Number),
            maximum_record_age_in_seconds: it.maximum_record_age_in_seconds.map(Number),
            maximum_retry_attempts: it.maximum_retry_attempts.map(Number),
            metrics_config: Some(Metrics {
                metrics: metrics.iter().map(|it| it.as_str().into()).collect(),
            }),
            parallelization_factor: it.parallelization_factor.map(Number),
            provisioned_poller_config: pollers,
            scaling_config: it
                .scaling_config()
                .map(|it| Scaling { maximum_concurrency: it.maximum_concurrency.map(Number) }),
            starting_position: it.starting_position().map(|it| it.as_str().into()),
            starting_position_timestamp: it
                .starting_position_timestamp()
                .map(DateTime::as_secs_f64),
            tags: Some(live.tags.clone()),
            tumbling_window_in_seconds: it.tumbling_window_in_seconds.map(Number),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let mapping = &live.mapping;
        outputs([
            ("EventSourceMappingArn", mapping.event_source_mapping_arn()),
            ("Id", mapping.uuid()),
        ])
    }

    fn readiness(live: &Live) -> Readiness {
        match live.mapping.state() {
            Some("Enabled" | "Disabled") => Readiness::Ready,
            Some("Deleting") => Readiness::Deleting,
            state => Readiness::Pending(state.unwrap_or("Creating").to_owned().into()),
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut ids: BTreeSet<String> = tagging::owned(cx, "lambda:event-source-mapping", wanted)
            .await?
            .iter()
            .filter_map(|arn| Some(arn.rsplit_once(':')?.1.to_owned()))
            .collect();
        ids.extend(wanted.iter().filter_map(Lookup::id).map(str::to_owned));
        let mappings = find(cx, &ids).await?;
        let arn = |it: &EventSourceMappingConfiguration| it.event_source_mapping_arn.clone();
        let found = tagging::indexed(cx, mappings, arn).await?.into_iter();
        Ok(found.map(|(mapping, tags)| Live { mapping, tags }).collect())
    }

    /// Tags are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { mapping, tags: indexed } = live;
        let tags = tagging::confirmed(indexed, &compared, async {
            let arn = mapping.event_source_mapping_arn.clone();
            let reply = present(cx.lambda.list_tags().set_resource(arn).send().await)?;
            Ok(reply.map(|reply| Tags::read(reply.tags.unwrap_or_default())))
        });
        Ok(tags.await?.map(|tags| Live { mapping, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags = spec.tags.as_ref().map(|tags| tags.0.clone().into_iter().collect());
        let made = cx
            .lambda
            .create_event_source_mapping()
            .event_source_arn(&spec.event_source_arn)
            .function_name(&spec.function_name)
            .set_batch_size(spec.batch_size.map(Into::into))
            .set_bisect_batch_on_function_error(spec.bisect_batch_on_function_error)
            .set_destination_config(spec.destination_config.as_ref().map(Destinations::wire))
            .set_enabled(spec.enabled)
            .set_filter_criteria(spec.filter_criteria.as_ref().map(Filters::wire))
            .set_function_response_types(response_types(spec))
            .set_kms_key_arn(spec.kms_key_arn.clone())
            .set_maximum_batching_window_in_seconds(
                spec.maximum_batching_window_in_seconds.map(Into::into),
            )
            .set_maximum_record_age_in_seconds(spec.maximum_record_age_in_seconds.map(Into::into))
            .set_maximum_retry_attempts(spec.maximum_retry_attempts.map(Into::into))
            .set_metrics_config(spec.metrics_config.as_ref().map(Metrics::wire))
            .set_parallelization_factor(spec.parallelization_factor.map(Into::into))
            .set_provisioned_poller_config(
                spec.provisioned_poller_config.as_ref().map(Pollers::wire),
            )
            .set_scaling_config(spec.scaling_config.as_ref().map(Scaling::wire))
            .set_starting_position(spec.starting_position.as_deref().map(Into::into))
            .set_starting_position_timestamp(
                spec.starting_position_timestamp.map(DateTime::from_secs_f64),
            )
            .set_tags(tags)
            .set_tumbling_window_in_seconds(spec.tumbling_window_in_seconds.map(Into::into))
            .send()
            .await?;
        Ok(PhysicalId::new(made.uuid.required("mapping id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        if update.has("Tags") {
            let arn = lambda::arn(cx, &format!("event-source-mapping:{id}")).await?;
            lambda::retag(cx, &arn, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        if update.changed.iter().all(|row| *row == "Tags") {
            return Ok(());
        }
        // What is not sent stays as it is: all that is managed is sent.
        cx.lambda
            .update_event_source_mapping()
            .uuid(id.as_str())
            .function_name(&to.function_name)
            .set_batch_size(to.batch_size.map(Into::into))
            .set_bisect_batch_on_function_error(to.bisect_batch_on_function_error)
            .set_destination_config(to.destination_config.as_ref().map(Destinations::wire))
            .set_enabled(to.enabled)
            .set_filter_criteria(to.filter_criteria.as_ref().map(Filters::wire))
            .set_function_response_types(response_types(to))
            .set_kms_key_arn(to.kms_key_arn.clone())
            .set_maximum_batching_window_in_seconds(
                to.maximum_batching_window_in_seconds.map(Into::into),
            )
            .set_maximum_record_age_in_seconds(to.maximum_record_age_in_seconds.map(Into::into))
            .set_maximum_retry_attempts(to.maximum_retry_attempts.map(Into::into))
            .set_metrics_config(to.metrics_config.as_ref().map(Metrics::wire))
            .set_parallelization_factor(to.parallelization_factor.map(Into::into))
            .set_provisioned_poller_config(to.provisioned_poller_config.as_ref().map(Pollers::wire))
            .set_scaling_config(to.scaling_config.as_ref().map(Scaling::wire))
            .set_tumbling_window_in_seconds(to.tumbling_window_in_seconds.map(Into::into))
            .send()
            .await?;
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.lambda.delete_event_source_mapping().uuid(id.as_str()).send().await)
    }
}

/// Those of the mappings that exist: the list tells as much as the call for one.
async fn find(
    cx: &Cx,
    ids: &BTreeSet<String>,
) -> Result<Vec<EventSourceMappingConfiguration>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let list = cx.lambda.list_event_source_mappings().into_paginator();
    let mut found = collect(list.items().send()).await?;
    found.retain(|it| it.uuid().is_some_and(|id| ids.contains(id)));
    Ok(found)
}

fn response_types(spec: &Spec) -> Option<Vec<FunctionResponseType>> {
    let all = spec.function_response_types.as_ref()?;
    Some(all.iter().map(|it| FunctionResponseType::from(it.as_str())).collect())
}

impl Destinations {
    fn wire(&self) -> types::DestinationConfig {
        let on_failure = self
            .on_failure
            .as_ref()
            .map(|it| types::OnFailure::builder().set_destination(it.destination.clone()).build());
        types::DestinationConfig::builder().set_on_failure(on_failure).build()
    }
}

impl Filters {
    fn wire(&self) -> types::FilterCriteria {
        let filter = |it: &Filter| types::Filter::builder().pattern(&it.pattern).build();
        let filters = self.filters.iter().map(filter).collect();
        types::FilterCriteria::builder().set_filters(Some(filters)).build()
    }
}

impl Metrics {
    fn wire(&self) -> types::EventSourceMappingMetricsConfig {
        let metrics = self.metrics.iter().map(|it| it.as_str().into()).collect();
        types::EventSourceMappingMetricsConfig::builder().set_metrics(Some(metrics)).build()
    }
}

impl Pollers {
    fn wire(&self) -> types::ProvisionedPollerConfig {
        types::ProvisionedPollerConfig::builder()
            .set_maximum_pollers(self.maximum_pollers.map(Into::into))
            .set_minimum_pollers(self.minimum_pollers.map(Into::into))
            .build()
    }
}

impl Scaling {
    fn wire(&self) -> types::ScalingConfig {
        let most = self.maximum_concurrency.map(Into::into);
        types::ScalingConfig::builder().set_maximum_concurrency(most).build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(state: &str) -> Live {
        let filters = types::Filter::builder().pattern(r#"{"body": {}}"#).build();
        let mapping = EventSourceMappingConfiguration::builder()
            .uuid("id")
            .batch_size(10)
            .event_source_arn("arn:queue")
            .filter_criteria(types::FilterCriteria::builder().filters(filters).build())
            .function_arn("arn:aws:lambda:eu-west-1:123456789012:function:api:live")
            .scaling_config(types::ScalingConfig::builder().maximum_concurrency(5).build())
            .state(state);
        Live { mapping: mapping.build(), tags: Tags::default() }
    }

    #[test]
    fn a_live_mapping_is_seen_in_full() {
        assert_eq!(
            serde_json::to_value(EventSourceMapping::spec(&live("Disabled"))).unwrap(),
            json!({
                "BatchSize": 10, "Enabled": false, "EventSourceArn": "arn:queue",
                "FilterCriteria": {"Filters": [{"Pattern": "{\"body\": {}}"}]},
                "FunctionName": "api:live", "FunctionResponseTypes": [],
                "MetricsConfig": {"Metrics": []}, "ScalingConfig": {"MaximumConcurrency": 5},
                "Tags": [],
            })
        );
    }

    #[test]
    fn a_mapping_works_once_it_has_settled() {
        let readiness = |state| EventSourceMapping::readiness(&live(state));
        assert_eq!(readiness("Enabled"), Readiness::Ready);
        assert_eq!(readiness("Disabled"), Readiness::Ready);
        assert_eq!(readiness("Enabling"), Readiness::Pending("Enabling".into()));
        assert_eq!(readiness("Deleting"), Readiness::Deleting);
        assert_eq!(EventSourceMapping::spec(&live("Updating")).enabled, None);
    }
}
