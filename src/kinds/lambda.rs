//! What the Lambda kinds share.

use serde::{Deserialize, Deserializer};

use crate::cloud::Cx;
use crate::cloud::tags::TagChange;
use crate::fault::Fault;

/// The name of a function, which may be given by its ARN; a version or alias stays: `api:live`.
pub(super) fn name_of(function: &str) -> &str {
    function.split_once(":function:").map_or(function, |(_, name)| name)
}

/// For `deserialize_with`: functions are compared by their names.
pub(super) fn function<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|function| name_of(&function).into())
}

/// The ARN of something of this region: `function:api`.
pub(super) async fn arn(cx: &Cx, resource: &str) -> Result<String, Fault> {
    Ok(cx.account().await?.arn("lambda", &cx.region, resource))
}

pub(super) async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let tags = change.set.into_iter().collect();
        cx.lambda.tag_resource().resource(arn).set_tags(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        let keys = Some(change.remove);
        cx.lambda.untag_resource().resource(arn).set_tag_keys(keys).send().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_one_name() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:api";
        assert_eq!(name_of(arn), "api");
        assert_eq!(name_of(&format!("{arn}:live")), "api:live");
        assert_eq!(name_of("api:live"), "api:live");
    }
}
