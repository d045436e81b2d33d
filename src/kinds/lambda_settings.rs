//! Settings of a Lambda function that have members, as CloudFormation writes them, and as the API takes and tells them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::types;
use aws_smithy_types::error::operation::BuildError;
use serde::{Deserialize, Serialize};

use super::scalar::Number;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeadLetters {
    pub(super) target_arn: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Environment {
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Storage {
    pub(super) size: Number,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct FileSystem {
    arn: String,
    local_mount_path: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Image {
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_point: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_directory: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Logging {
    #[serde(skip_serializing_if = "Option::is_none")]
    application_log_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_log_level: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SnapStart {
    pub(super) apply_on: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Tracing {
    pub(super) mode: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Vpc {
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_allowed_for_dual_stack: Option<bool>,
    #[serde(default)]
    security_group_ids: BTreeSet<String>,
    #[serde(default)]
    pub(super) subnet_ids: BTreeSet<String>,
}

impl DeadLetters {
    pub(super) fn wire(&self) -> types::DeadLetterConfig {
        types::DeadLetterConfig::builder().target_arn(&self.target_arn).build()
    }
}

impl Storage {
    pub(super) fn wire(&self) -> Result<types::EphemeralStorage, BuildError> {
        types::EphemeralStorage::builder().size(self.size.0).build()
    }
}

impl FileSystem {
    pub(super) fn of(live: &types::FileSystemConfig) -> Self {
        Self { arn: live.arn.clone(), local_mount_path: live.local_mount_path.clone() }
    }

    pub(super) fn wire(&self) -> Result<types::FileSystemConfig, BuildError> {
        let point = types::FileSystemConfig::builder().arn(&self.arn);
        point.local_mount_path(&self.local_mount_path).build()
    }
}

impl Environment {
    pub(super) fn wire(&self) -> types::Environment {
        let variables = self.variables.clone().into_iter().collect();
        types::Environment::builder().set_variables(Some(variables)).build()
    }
}

impl Image {
    pub(super) fn of(live: &types::ImageConfig) -> Self {
        Self {
            command: live.command.clone(),
            entry_point: live.entry_point.clone(),
            working_directory: live.working_directory.clone(),
        }
    }

    pub(super) fn wire(&self) -> types::ImageConfig {
        types::ImageConfig::builder()
            .set_command(self.command.clone())
            .set_entry_point(self.entry_point.clone())
            .set_working_directory(self.working_directory.clone())
            .build()
    }
}

impl Logging {
    pub(super) fn of(live: &types::LoggingConfig) -> Self {
        Self {
            application_log_level: live.application_log_level().map(|it| it.as_str().into()),
            log_format: live.log_format().map(|it| it.as_str().into()),
            log_group: live.log_group.clone(),
            system_log_level: live.system_log_level().map(|it| it.as_str().into()),
        }
    }

    pub(super) fn wire(&self) -> types::LoggingConfig {
        types::LoggingConfig::builder()
            .set_application_log_level(self.application_log_level.as_deref().map(Into::into))
            .set_log_format(self.log_format.as_deref().map(Into::into))
            .set_log_group(self.log_group.clone())
            .set_system_log_level(self.system_log_level.as_deref().map(Into::into))
            .build()
    }
}

impl SnapStart {
    pub(super) fn wire(&self) -> types::SnapStart {
        types::SnapStart::builder().apply_on(self.apply_on.as_str().into()).build()
    }
}

impl Tracing {
    pub(super) fn wire(&self) -> types::TracingConfig {
        types::TracingConfig::builder().mode(self.mode.as_str().into()).build()
    }
}

impl Vpc {
    pub(super) fn of(live: &types::VpcConfigResponse) -> Self {
        Self {
            ipv6_allowed_for_dual_stack: live.ipv6_allowed_for_dual_stack,
            security_group_ids: live.security_group_ids().iter().cloned().collect(),
            subnet_ids: live.subnet_ids().iter().cloned().collect(),
        }
    }

    pub(super) fn wire(&self) -> types::VpcConfig {
        types::VpcConfig::builder()
            .set_ipv6_allowed_for_dual_stack(self.ipv6_allowed_for_dual_stack)
            .set_security_group_ids(Some(self.security_group_ids.iter().cloned().collect()))
            .set_subnet_ids(Some(self.subnet_ids.iter().cloned().collect()))
            .build()
    }
}
