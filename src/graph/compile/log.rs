//! A log group.

use serde_json::json;

use super::{Compiler, key};
use crate::address::Address;
use crate::blueprint::component::log::{LogClass, LogGroup};
use crate::blueprint::value::Name;

impl Compiler<'_> {
    pub(super) fn log(&mut self, name: &Name, log: &LogGroup) {
        let default = || format!("/{}/{name}", self.blueprint.stack);
        let spec = json!({
            "LogGroupName": log.name.as_ref().map_or_else(default, ToString::to_string),
            "RetentionInDays": log.retention.days,
            "KmsKeyId": key::arn(log.key.as_ref()),
            "LogGroupClass": match log.class {
                LogClass::Standard => "STANDARD",
                LogClass::InfrequentAccess => "INFREQUENT_ACCESS",
            },
        });
        self.add(&address(name), "AWS::Logs::LogGroup", spec);
    }
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&format!("logs.{name}"), "log-group")
}
