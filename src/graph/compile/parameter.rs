//! A parameter of Parameter Store.

use serde_json::json;

use super::Compiler;
use crate::address::Address;
use crate::blueprint::component::parameter::{
    Parameter, ParameterTier, ParameterType, ParameterValue,
};
use crate::blueprint::value::Name;

impl Compiler<'_> {
    pub(super) fn parameter(&mut self, name: &Name, parameter: &Parameter) {
        let image = parameter.r#type.is_some_and(|it| it.value == ParameterType::Image);
        let spec = json!({
            "Name": parameter.path(&self.blueprint.stack, name),
            "Type": match parameter.value.value {
                ParameterValue::Text(_) => "String",
                ParameterValue::List(_) => "StringList",
            },
            "Value": parameter.value.to_string(),
            "DataType": if image { "aws:ec2:image" } else { "text" },
            "Tier": match parameter.tier.value {
                ParameterTier::Standard => "Standard",
                ParameterTier::Advanced => "Advanced",
            },
            "Description": parameter.description.as_ref().map(|it| it.value.clone()),
            "AllowedPattern": parameter.pattern.as_ref().map(|it| it.value.clone()),
        });
        let at = Address::of(&format!("parameters.{name}"), "parameter");
        self.add(&at, "AWS::SSM::Parameter", spec);
    }

    /// It begins with `parameter`, and the path with a slash.
    pub(super) fn parameter_arn(&self, name: &Name, parameter: &Parameter) -> String {
        let path = parameter.path(&self.blueprint.stack, name);
        self.arn("ssm", self.builder.region(), &format!("parameter{path}"))
    }
}
