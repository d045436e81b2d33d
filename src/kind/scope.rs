//! Where objects live.

use serde::Serialize;

/// Where an object lives, and where its name is the only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// In a region: in another one there may be an object of the same name.
    Region,
    /// In a region, under a name that no other region can have at the same time: a bucket.
    RegionAndName,
    /// In no region: whichever region it is asked for in, it is the same object.
    Account,
}

impl Scope {
    /// The region that tells two objects of one id apart; empty where none does.
    pub fn of_object(self, region: &str) -> &str {
        match self {
            Self::Region | Self::RegionAndName => region,
            Self::Account => "",
        }
    }

    /// The region in which a name is taken; empty where it is taken everywhere.
    pub fn of_name(self, region: &str) -> &str {
        match self {
            Self::Region => region,
            Self::RegionAndName | Self::Account => "",
        }
    }
}
