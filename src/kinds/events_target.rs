//! Targets of `AWS::Events::Rule`, as CloudFormation writes them inside a rule.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types;
use aws_smithy_types::error::operation::BuildError;
use serde::{Deserialize, Serialize};

use super::scalar::Number;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Target {
    #[serde(skip_serializing_if = "Option::is_none")]
    app_sync_parameters: Option<AppSync>,
    arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_parameters: Option<Batch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<DeadLetters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ecs_parameters: Option<Ecs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_parameters: Option<Http>,
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_transformer: Option<InputTransformer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kinesis_parameters: Option<Kinesis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_policy: Option<Retries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_command_parameters: Option<RunCommand>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs_parameters: Option<Sqs>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppSync {
    #[serde(rename = "GraphQLOperation")]
    graphql_operation: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Batch {
    #[serde(skip_serializing_if = "Option::is_none")]
    array_properties: Option<BatchArray>,
    job_definition: String,
    job_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_strategy: Option<BatchRetries>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BatchArray {
    size: Number,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BatchRetries {
    attempts: Number,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeadLetters {
    arn: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Ecs {
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_provider_strategy: Option<Vec<CapacityShare>>,
    #[serde(rename = "EnableECSManagedTags", skip_serializing_if = "Option::is_none")]
    enable_ecs_managed_tags: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_execute_command: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    launch_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_configuration: Option<Network>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement_constraints: Option<Vec<PlacementConstraint>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement_strategies: Option<Vec<PlacementStrategy>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    propagate_tags: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_list: Option<Vec<Tag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_count: Option<Number>,
    task_definition_arn: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CapacityShare {
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Number>,
    capacity_provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<Number>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Network {
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_vpc_configuration: Option<AwsVpc>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AwsVpc {
    #[serde(skip_serializing_if = "Option::is_none")]
    assign_public_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_groups: Option<Vec<String>>,
    subnets: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PlacementConstraint {
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<String>,
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    constraint_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PlacementStrategy {
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    strategy_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Http {
    #[serde(skip_serializing_if = "Option::is_none")]
    header_parameters: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_parameter_values: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct InputTransformer {
    #[serde(skip_serializing_if = "Option::is_none")]
    input_paths_map: Option<BTreeMap<String, String>>,
    input_template: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Kinesis {
    partition_key_path: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Retries {
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<Number>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RunCommand {
    run_command_targets: Vec<RunCommandTarget>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RunCommandTarget {
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Sqs {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<String>,
}

impl Target {
    /// As the service tells it.
    pub(super) fn of(live: &types::Target) -> Self {
        Self {
            app_sync_parameters: live.app_sync_parameters().map(|it| AppSync {
                graphql_operation: it.graph_ql_operation().unwrap_or_default().into(),
            }),
            arn: live.arn.clone(),
            batch_parameters: live.batch_parameters().map(Batch::of),
            dead_letter_config: live
                .dead_letter_config()
                .and_then(|it| Some(DeadLetters { arn: it.arn.clone()? })),
            ecs_parameters: live.ecs_parameters().map(Ecs::of),
            http_parameters: live.http_parameters().map(|it| Http {
                header_parameters: it.header_parameters.clone().map(ordered),
                path_parameter_values: it.path_parameter_values.clone(),
                query_string_parameters: it.query_string_parameters.clone().map(ordered),
            }),
            id: live.id.clone(),
            input: live.input.clone(),
            input_path: live.input_path.clone(),
            input_transformer: live.input_transformer().map(|it| InputTransformer {
                input_paths_map: it.input_paths_map.clone().map(ordered),
                input_template: it.input_template.clone(),
            }),
            kinesis_parameters: live
                .kinesis_parameters()
                .map(|it| Kinesis { partition_key_path: it.partition_key_path.clone() }),
            retry_policy: live.retry_policy().map(|it| Retries {
                maximum_event_age_in_seconds: it.maximum_event_age_in_seconds.map(Number),
                maximum_retry_attempts: it.maximum_retry_attempts.map(Number),
            }),
            role_arn: live.role_arn.clone(),
            run_command_parameters: live.run_command_parameters().map(|it| RunCommand {
                run_command_targets: it
                    .run_command_targets()
                    .iter()
                    .map(|it| RunCommandTarget { key: it.key.clone(), values: it.values.clone() })
                    .collect(),
            }),
            sqs_parameters: live
                .sqs_parameters()
                .map(|it| Sqs { message_group_id: it.message_group_id.clone() }),
        }
    }

    /// As the service takes it.
    pub(super) fn wire(&self) -> Result<types::Target, BuildError> {
        let app_sync = self.app_sync_parameters.as_ref().map(|it| {
            let operation = types::AppSyncParameters::builder();
            operation.graph_ql_operation(&it.graphql_operation).build()
        });
        let dead_letters = self
            .dead_letter_config
            .as_ref()
            .map(|it| types::DeadLetterConfig::builder().arn(&it.arn).build());
        let http = self.http_parameters.as_ref().map(|it| {
            types::HttpParameters::builder()
                .set_header_parameters(it.header_parameters.clone().map(unordered))
                .set_path_parameter_values(it.path_parameter_values.clone())
                .set_query_string_parameters(it.query_string_parameters.clone().map(unordered))
                .build()
        });
        let transformer = self.input_transformer.as_ref().map(|it| {
            types::InputTransformer::builder()
                .set_input_paths_map(it.input_paths_map.clone().map(unordered))
                .input_template(&it.input_template)
                .build()
        });
        let kinesis = self.kinesis_parameters.as_ref().map(|it| {
            let path = types::KinesisParameters::builder();
            path.partition_key_path(&it.partition_key_path).build()
        });
        let retries = self.retry_policy.as_ref().map(|it| {
            types::RetryPolicy::builder()
                .set_maximum_event_age_in_seconds(it.maximum_event_age_in_seconds.map(Into::into))
                .set_maximum_retry_attempts(it.maximum_retry_attempts.map(Into::into))
                .build()
        });
        let sqs = self.sqs_parameters.as_ref().map(|it| {
            let group = types::SqsParameters::builder();
            group.set_message_group_id(it.message_group_id.clone()).build()
        });
        types::Target::builder()
            .set_app_sync_parameters(app_sync)
            .arn(&self.arn)
            .set_batch_parameters(self.batch_parameters.as_ref().map(Batch::wire).transpose()?)
            .set_dead_letter_config(dead_letters)
            .set_ecs_parameters(self.ecs_parameters.as_ref().map(Ecs::wire).transpose()?)
            .set_http_parameters(http)
            .id(&self.id)
            .set_input(self.input.clone())
            .set_input_path(self.input_path.clone())
            .set_input_transformer(transformer.transpose()?)
            .set_kinesis_parameters(kinesis.transpose()?)
            .set_retry_policy(retries)
            .set_role_arn(self.role_arn.clone())
            .set_run_command_parameters(
                self.run_command_parameters.as_ref().map(RunCommand::wire).transpose()?,
            )
            .set_sqs_parameters(sqs)
            .build()
    }
}

impl Batch {
    fn of(live: &types::BatchParameters) -> Self {
        Self {
            array_properties: live
                .array_properties()
                .map(|it| BatchArray { size: Number(it.size) }),
            job_definition: live.job_definition.clone(),
            job_name: live.job_name.clone(),
            retry_strategy: live
                .retry_strategy()
                .map(|it| BatchRetries { attempts: Number(it.attempts) }),
        }
    }

    fn wire(&self) -> Result<types::BatchParameters, BuildError> {
        let array = self
            .array_properties
            .as_ref()
            .map(|it| types::BatchArrayProperties::builder().size(it.size.0).build());
        let retries = self
            .retry_strategy
            .as_ref()
            .map(|it| types::BatchRetryStrategy::builder().attempts(it.attempts.0).build());
        types::BatchParameters::builder()
            .set_array_properties(array)
            .job_definition(&self.job_definition)
            .job_name(&self.job_name)
            .set_retry_strategy(retries)
            .build()
    }
}

impl Ecs {
    fn of(live: &types::EcsParameters) -> Self {
        let providers = live.capacity_provider_strategy.as_ref().map(|all| {
            let provider = |it: &types::CapacityProviderStrategyItem| CapacityShare {
                base: Some(Number(it.base)),
                capacity_provider: it.capacity_provider.clone(),
                weight: Some(Number(it.weight)),
            };
            all.iter().map(provider).collect()
        });
        let vpc = |it: &types::AwsVpcConfiguration| AwsVpc {
            assign_public_ip: it.assign_public_ip().map(|it| it.as_str().into()),
            security_groups: it.security_groups.clone(),
            subnets: it.subnets.clone(),
        };
        let constraints = live.placement_constraints.as_ref().map(|all| {
            let constraint = |it: &types::PlacementConstraint| PlacementConstraint {
                expression: it.expression.clone(),
                constraint_type: it.r#type().map(|it| it.as_str().into()),
            };
            all.iter().map(constraint).collect()
        });
        let strategies = live.placement_strategy.as_ref().map(|all| {
            let strategy = |it: &types::PlacementStrategy| PlacementStrategy {
                field: it.field.clone(),
                strategy_type: it.r#type().map(|it| it.as_str().into()),
            };
            all.iter().map(strategy).collect()
        });
        let tags = live.tags.as_ref().map(|all| {
            all.iter().map(|it| Tag { key: it.key.clone(), value: it.value.clone() }).collect()
        });
        Self {
            capacity_provider_strategy: providers,
            enable_ecs_managed_tags: Some(live.enable_ecs_managed_tags),
            enable_execute_command: Some(live.enable_execute_command),
            group: live.group.clone(),
            launch_type: live.launch_type().map(|it| it.as_str().into()),
            network_configuration: live
                .network_configuration()
                .map(|it| Network { aws_vpc_configuration: it.awsvpc_configuration().map(vpc) }),
            placement_constraints: constraints,
            placement_strategies: strategies,
            platform_version: live.platform_version.clone(),
            propagate_tags: live.propagate_tags().map(|it| it.as_str().into()),
            reference_id: live.reference_id.clone(),
            tag_list: tags,
            task_count: live.task_count.map(Number),
            task_definition_arn: live.task_definition_arn.clone(),
        }
    }

    fn wire(&self) -> Result<types::EcsParameters, BuildError> {
        let provider = |it: &CapacityShare| {
            types::CapacityProviderStrategyItem::builder()
                .set_base(it.base.map(Into::into))
                .capacity_provider(&it.capacity_provider)
                .set_weight(it.weight.map(Into::into))
                .build()
        };
        let vpc = |it: &AwsVpc| {
            types::AwsVpcConfiguration::builder()
                .set_assign_public_ip(it.assign_public_ip.as_deref().map(Into::into))
                .set_security_groups(it.security_groups.clone())
                .set_subnets(Some(it.subnets.clone()))
                .build()
        };
        let network = self.network_configuration.as_ref().map(|it| {
            let vpc = it.aws_vpc_configuration.as_ref().map(vpc).transpose()?;
            Ok::<_, BuildError>(
                types::NetworkConfiguration::builder().set_awsvpc_configuration(vpc).build(),
            )
        });
        let constraint = |it: &PlacementConstraint| {
            types::PlacementConstraint::builder()
                .set_expression(it.expression.clone())
                .set_type(it.constraint_type.as_deref().map(Into::into))
                .build()
        };
        let strategy = |it: &PlacementStrategy| {
            types::PlacementStrategy::builder()
                .set_field(it.field.clone())
                .set_type(it.strategy_type.as_deref().map(Into::into))
                .build()
        };
        let tag = |it: &Tag| types::Tag::builder().key(&it.key).value(&it.value).build();
        types::EcsParameters::builder()
            .set_capacity_provider_strategy(
                self.capacity_provider_strategy
                    .as_ref()
                    .map(|all| all.iter().map(provider).collect::<Result<_, _>>())
                    .transpose()?,
            )
            .set_enable_ecs_managed_tags(self.enable_ecs_managed_tags)
            .set_enable_execute_command(self.enable_execute_command)
            .set_group(self.group.clone())
            .set_launch_type(self.launch_type.as_deref().map(Into::into))
            .set_network_configuration(network.transpose()?)
            .set_placement_constraints(
                self.placement_constraints.as_ref().map(|all| all.iter().map(constraint).collect()),
            )
            .set_placement_strategy(
                self.placement_strategies.as_ref().map(|all| all.iter().map(strategy).collect()),
            )
            .set_platform_version(self.platform_version.clone())
            .set_propagate_tags(self.propagate_tags.as_deref().map(Into::into))
            .set_reference_id(self.reference_id.clone())
            .set_tags(
                self.tag_list
                    .as_ref()
                    .map(|all| all.iter().map(tag).collect::<Result<_, _>>())
                    .transpose()?,
            )
            .set_task_count(self.task_count.map(Into::into))
            .task_definition_arn(&self.task_definition_arn)
            .build()
    }
}

impl RunCommand {
    fn wire(&self) -> Result<types::RunCommandParameters, BuildError> {
        let target = |it: &RunCommandTarget| {
            let target = types::RunCommandTarget::builder().key(&it.key);
            target.set_values(Some(it.values.clone())).build()
        };
        let targets = self.run_command_targets.iter().map(target);
        types::RunCommandParameters::builder()
            .set_run_command_targets(Some(targets.collect::<Result<_, _>>()?))
            .build()
    }
}

fn ordered<K: Ord, V>(map: std::collections::HashMap<K, V>) -> BTreeMap<K, V> {
    map.into_iter().collect()
}

fn unordered<K: std::hash::Hash + Eq, V>(map: BTreeMap<K, V>) -> std::collections::HashMap<K, V> {
    map.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_target_comes_back_as_it_was_sent() {
        let asked = json!({
            "Arn": "arn:cluster",
            "DeadLetterConfig": {"Arn": "arn:dead"},
            "EcsParameters": {
                "CapacityProviderStrategy": [
                    {"Base": 1, "CapacityProvider": "FARGATE_SPOT", "Weight": 2},
                ],
                "EnableECSManagedTags": true, "EnableExecuteCommand": false, "Group": "g",
                "LaunchType": "FARGATE",
                "NetworkConfiguration": {"AwsVpcConfiguration": {
                    "AssignPublicIp": "DISABLED", "SecurityGroups": ["sg-1"], "Subnets": ["subnet-1"],
                }},
                "PlacementConstraints": [{"Type": "distinctInstance"}],
                "PlacementStrategies": [{"Field": "memory", "Type": "binpack"}],
                "PlatformVersion": "LATEST", "PropagateTags": "TASK_DEFINITION",
                "TagList": [{"Key": "a", "Value": "1"}], "TaskCount": 2,
                "TaskDefinitionArn": "arn:task",
            },
            "Id": "task",
            "InputTransformer": {"InputPathsMap": {"id": "$.id"}, "InputTemplate": "\"<id>\""},
            "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 1},
            "RoleArn": "arn:role",
        });
        let target: Target = serde_json::from_value(asked.clone()).unwrap();
        let back = Target::of(&target.wire().unwrap());
        assert_eq!(serde_json::to_value(back).unwrap(), asked);
    }

    #[test]
    fn every_sort_of_target_can_be_sent() {
        for parameters in [
            json!({"AppSyncParameters": {"GraphQLOperation": "mutation { a }"}}),
            json!({"BatchParameters": {
                "ArrayProperties": {"Size": 2}, "JobDefinition": "d", "JobName": "n",
                "RetryStrategy": {"Attempts": 3},
            }}),
            json!({"HttpParameters": {
                "HeaderParameters": {"a": "1"}, "PathParameterValues": ["p"],
                "QueryStringParameters": {"q": "1"},
            }}),
            json!({"KinesisParameters": {"PartitionKeyPath": "$.id"}}),
            json!({"RunCommandParameters": {
                "RunCommandTargets": [{"Key": "tag:a", "Values": ["1"]}],
            }}),
            json!({"SqsParameters": {"MessageGroupId": "g"}}),
        ] {
            let mut asked = json!({"Arn": "arn:a", "Id": "i"});
            asked.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
            let target: Target = serde_json::from_value(asked.clone()).unwrap();
            let back = Target::of(&target.wire().unwrap());
            assert_eq!(serde_json::to_value(back).unwrap(), asked);
        }
    }
}
