//! What names a log group as the destination of other services' logs.

use serde::{Deserialize, Serialize};

/// The ARN of a destination of logs. CloudWatch Logs gives the ARN of a group with `:*` behind it, which means its
/// streams; services that write to it take and tell the group itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) struct Destination(String);

impl From<String> for Destination {
    fn from(arn: String) -> Self {
        let group = arn.strip_suffix(":*").filter(|group| group.contains(":log-group:"));
        Self(group.map_or_else(|| arn.clone(), str::to_owned))
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.0
    }
}

impl Destination {
    /// The name, if it is a log group.
    pub(super) fn group(&self) -> Option<&str> {
        self.0.split_once(":log-group:").map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_without_its_streams() {
        let destination = |arn: &str| String::from(Destination::from(arn.to_owned()));
        let group = "arn:aws:logs:eu-west-1:1:log-group:/shop/flow";
        assert_eq!(destination(&format!("{group}:*")), group);
        assert_eq!(destination(group), group);
        assert_eq!(Destination::from(group.to_owned()).group(), Some("/shop/flow"));
        let bucket = "arn:aws:s3:::flow/vpc";
        assert_eq!(destination(bucket), bucket);
        assert_eq!(Destination::from(bucket.to_owned()).group(), None);
    }
}
