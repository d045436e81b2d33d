//! What a bucket tells others of, in CloudFormation's shape: one event for each entry, where S3 takes lists of events.

use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::types::{
    self, Event, EventBridgeConfiguration, FilterRuleName, LambdaFunctionConfiguration,
    NotificationConfiguration, NotificationConfigurationFilter, S3KeyFilter,
};
use aws_smithy_types::error::operation::BuildError;

use super::properties::properties;
use super::s3::each;
use super::scalar::LowerCase;
use crate::fault::Fault;

properties! {
    Notification {
        ;
        event_bridge_configuration: EventBridge,
        lambda_configurations: Vec<Lambda>,
        queue_configurations: Vec<Queue>,
        topic_configurations: Vec<Topic>,
    }
}

properties! {
    EventBridge {
        event_bridge_enabled: bool,
        ;
    }
}

properties! {
    Lambda {
        event: String,
        function: String,
        ;
        filter: Filter,
    }
}

properties! {
    Queue {
        event: String,
        queue: String,
        ;
        filter: Filter,
    }
}

properties! {
    Topic {
        event: String,
        topic: String,
        ;
        filter: Filter,
    }
}

properties! {
    Filter {
        #[serde(rename = "S3Key")]
        key: KeyFilter,
        ;
    }
}

properties! {
    KeyFilter {
        rules: Vec<FilterRule>,
        ;
    }
}

properties! {
    FilterRule {
        /// `prefix` or `suffix`; S3 answers with a capital.
        name: LowerCase,
        value: String,
        ;
    }
}

impl Notification {
    pub(super) fn of(reply: &GetBucketNotificationConfigurationOutput) -> Self {
        let lambdas = reply.lambda_function_configurations().iter().flat_map(|it| {
            it.events.iter().map(|event| Lambda {
                event: event.to_string(),
                function: it.lambda_function_arn.clone(),
                filter: Filter::of(it.filter()),
            })
        });
        let queues = reply.queue_configurations().iter().flat_map(|it| {
            it.events.iter().map(|event| Queue {
                event: event.to_string(),
                queue: it.queue_arn.clone(),
                filter: Filter::of(it.filter()),
            })
        });
        let topics = reply.topic_configurations().iter().flat_map(|it| {
            it.events.iter().map(|event| Topic {
                event: event.to_string(),
                topic: it.topic_arn.clone(),
                filter: Filter::of(it.filter()),
            })
        });
        Self {
            event_bridge_configuration: Some(EventBridge {
                event_bridge_enabled: reply.event_bridge_configuration().is_some(),
            }),
            lambda_configurations: Some(lambdas.collect()),
            queue_configurations: Some(queues.collect()),
            topic_configurations: Some(topics.collect()),
        }
    }

    pub(super) fn to_sdk(&self) -> Result<NotificationConfiguration, Fault> {
        let of = |all: Option<&Filter>| all.map(Filter::to_sdk);
        let lambda = |it: &Lambda| -> Result<_, BuildError> {
            LambdaFunctionConfiguration::builder()
                .events(Event::from(it.event.as_str()))
                .lambda_function_arn(&it.function)
                .set_filter(of(it.filter.as_ref()))
                .build()
        };
        let queue = |it: &Queue| -> Result<_, BuildError> {
            types::QueueConfiguration::builder()
                .events(Event::from(it.event.as_str()))
                .queue_arn(&it.queue)
                .set_filter(of(it.filter.as_ref()))
                .build()
        };
        let topic = |it: &Topic| -> Result<_, BuildError> {
            types::TopicConfiguration::builder()
                .events(Event::from(it.event.as_str()))
                .topic_arn(&it.topic)
                .set_filter(of(it.filter.as_ref()))
                .build()
        };
        let bridged =
            self.event_bridge_configuration.as_ref().is_some_and(|it| it.event_bridge_enabled);
        Ok(NotificationConfiguration::builder()
            .set_event_bridge_configuration(
                bridged.then(|| EventBridgeConfiguration::builder().build()),
            )
            .set_lambda_function_configurations(Some(each(
                self.lambda_configurations.as_deref().unwrap_or_default(),
                lambda,
            )?))
            .set_queue_configurations(Some(each(
                self.queue_configurations.as_deref().unwrap_or_default(),
                queue,
            )?))
            .set_topic_configurations(Some(each(
                self.topic_configurations.as_deref().unwrap_or_default(),
                topic,
            )?))
            .build())
    }
}

impl Filter {
    fn of(filter: Option<&NotificationConfigurationFilter>) -> Option<Self> {
        let rule = |rule: &types::FilterRule| FilterRule {
            name: LowerCase::new(rule.name().map_or("", FilterRuleName::as_str)),
            value: rule.value.clone().unwrap_or_default(),
        };
        let key = filter?.key()?;
        Some(Self { key: KeyFilter { rules: key.filter_rules().iter().map(rule).collect() } })
    }

    fn to_sdk(&self) -> NotificationConfigurationFilter {
        let rule = |rule: &FilterRule| {
            types::FilterRule::builder()
                .name(FilterRuleName::from(&*rule.name))
                .value(&rule.value)
                .build()
        };
        let rules = self.key.rules.iter().map(rule).collect();
        let key = S3KeyFilter::builder().set_filter_rules(Some(rules));
        NotificationConfigurationFilter::builder().key(key.build()).build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_of_several_events_is_several_entries() {
        let prefix = types::FilterRule::builder().name(FilterRuleName::from("Prefix")).value("in/");
        let key = S3KeyFilter::builder().filter_rules(prefix.build()).build();
        let queue = types::QueueConfiguration::builder()
            .queue_arn("arn:queue")
            .events(Event::from("s3:ObjectCreated:*"))
            .events(Event::from("s3:ObjectRemoved:*"))
            .filter(NotificationConfigurationFilter::builder().key(key).build())
            .build()
            .unwrap();
        let reply = GetBucketNotificationConfigurationOutput::builder()
            .queue_configurations(queue)
            .event_bridge_configuration(EventBridgeConfiguration::builder().build())
            .build();
        let entry = |event: &str| {
            json!({
                "Event": event, "Queue": "arn:queue",
                "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}},
            })
        };
        assert_eq!(
            serde_json::to_value(Notification::of(&reply)).unwrap(),
            json!({
                "EventBridgeConfiguration": {"EventBridgeEnabled": true},
                "LambdaConfigurations": [],
                "QueueConfigurations": [entry("s3:ObjectCreated:*"), entry("s3:ObjectRemoved:*")],
                "TopicConfigurations": [],
            })
        );
    }

    #[test]
    fn nothing_is_told_to_an_event_bridge_that_is_switched_off() {
        let asked = json!({"EventBridgeConfiguration": {"EventBridgeEnabled": false}});
        let asked: Notification = serde_json::from_value(asked).unwrap();
        assert_eq!(asked.to_sdk().unwrap().event_bridge_configuration(), None);
    }
}
