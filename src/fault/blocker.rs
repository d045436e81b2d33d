//! What stands in the way of a deletion, and whose it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Owner;

/// Something that makes a service refuse a deletion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blocker {
    /// What the cloud calls it; of what is only counted, how many there are: `3 images`.
    pub id: String,
    /// Its CloudFormation type, or the nearest that there is.
    pub kind: String,
    pub holder: Holder,
    /// Why it blocks, as the end of a sentence about it: `is in the subnet`.
    pub why: String,
    /// Whether it goes without anybody doing anything more: waiting helps.
    pub passes: bool,
}

/// Whose a [`Blocker`] is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holder {
    /// A stack of platctl: it carries owner tags.
    Stack(Owner),
    /// A service, or a controller, that made it for itself: `EKS cluster shop`.
    Service(String),
    /// Nobody says so: made by hand or with another tool.
    Unknown,
}

impl Blocker {
    /// Something that stays until somebody removes it.
    pub fn stays(id: impl Into<String>, kind: &str, why: impl Into<String>) -> Self {
        let (id, why) = (id.into(), why.into());
        Self { id, kind: kind.into(), holder: Holder::Unknown, why, passes: false }
    }

    /// With its holder.
    #[must_use]
    pub fn of(mut self, holder: Holder) -> Self {
        self.holder = holder;
        self
    }

    /// Whether it goes by itself.
    #[must_use]
    pub fn passing(mut self, passes: bool) -> Self {
        self.passes = passes;
        self
    }
}

impl Holder {
    /// By the owner in its tags.
    pub fn tagged(owner: Option<Owner>) -> Self {
        owner.map_or(Self::Unknown, Self::Stack)
    }

    /// Another one, where nobody is known.
    #[must_use]
    pub fn or(self, service: Option<String>) -> Self {
        match (self, service) {
            (Self::Unknown, Some(service)) => Self::Service(service),
            (known, _) => known,
        }
    }
}

/// `eni-1 (AWS::EC2::NetworkInterface, of EKS cluster shop) is in the subnet`
impl fmt::Display for Blocker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, holder, why, passes: _ } = self;
        write!(out, "{id} ({kind}")?;
        match holder {
            Holder::Stack(Owner { stack, address }) => {
                write!(out, ", {address} of the stack `{stack}`")?;
            }
            Holder::Service(service) => write!(out, ", of {service}")?,
            Holder::Unknown => write!(out, ", not made by platctl")?,
        }
        write!(out, ") {why}")
    }
}

#[cfg(test)]
mod tests {
    use crate::address::Stack;

    use super::*;

    #[test]
    fn it_says_what_whose_and_why() {
        let owner = Owner { stack: Stack::new("shop"), address: "a/b".parse().unwrap() };
        let blocker = Blocker::stays("sg-1", "AWS::EC2::SecurityGroup", "is in the VPC");
        assert_eq!(
            blocker.to_string(),
            "sg-1 (AWS::EC2::SecurityGroup, not made by platctl) is in the VPC"
        );
        let blocker = blocker.of(Holder::tagged(Some(owner))).passing(true);
        assert_eq!(
            blocker.to_string(),
            "sg-1 (AWS::EC2::SecurityGroup, a/b of the stack `shop`) is in the VPC"
        );
    }
}
