//! The words that name things: [`Address`], [`PhysicalId`], [`Stack`], [`Owner`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The one name of a resource inside its stack: `network/subnet/public-a`, `databases.orders/instance`.
///
/// What stands before the first `/` is the path of the component that asked for the resource; the rest is the
/// resource's role in it. An address is also the value of the tag `platctl:address`, so it uses only characters
/// that every AWS service accepts in a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Tag values hold 256 characters at most.
const ADDRESS_LEN_MAX: usize = 256;

/// Why a text is not an [`Address`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no `/`, or nothing on one side of it.
    #[error("address `{0}` is not of the form `component/role`")]
    Form(String),
    /// A character that some service refuses in a tag value.
    #[error("address `{text}` holds the character `{found}`")]
    Character { text: String, found: char },
    /// Longer than a tag value may be.
    #[error("address `{0}` is longer than {ADDRESS_LEN_MAX} characters")]
    Length(String),
}

impl Address {
    /// The address of `role` in `component`.
    ///
    /// # Panics
    /// If the parts do not form an address: both come from names that the blueprint stage has checked.
    pub fn of(component: &str, role: &str) -> Self {
        format!("{component}/{role}").parse().expect("checked names form an address")
    }

    /// The component's path: `databases.orders`.
    pub fn component(&self) -> &str {
        self.parts().0
    }

    /// The role of the resource in its component: `instance`.
    pub fn role(&self) -> &str {
        self.parts().1
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once('/').expect("an address has a `/`")
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > ADDRESS_LEN_MAX {
            return Err(AddressError::Length(text.into()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=".contains(c);
        if let Some(found) = text.chars().find(|&c| !allowed(c)) {
            return Err(AddressError::Character { text: text.into(), found });
        }
        match text.split_once('/') {
            Some((component, role)) if !component.is_empty() && !role.is_empty() => {
                Ok(Self(text.into()))
            }
            _ => Err(AddressError::Form(text.into())),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// What the cloud calls a resource: an id, an ARN, a name, or a natural key where nothing else names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhysicalId(String);

impl PhysicalId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// A natural key of several parts, for things that have no id of their own: `rtb-1|0.0.0.0/0`.
    pub fn joined<const N: usize>(parts: [&str; N]) -> Self {
        Self(parts.join("|"))
    }

    /// The parts of a [natural key](Self::joined); `None` if their number is not `N`.
    pub fn parts<const N: usize>(&self) -> Option<[&str; N]> {
        self.0.split('|').collect::<Vec<_>>().try_into().ok()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhysicalId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// A blueprint in one environment: `birthday-api-prod`. The unit of state, of locking and of ownership.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stack(String);

impl Stack {
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// Whose a resource is, as its tags tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    pub stack: Stack,
    pub address: Address,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_component_and_role() {
        let address: Address = "databases.orders/replica/1".parse().unwrap();
        assert_eq!(("databases.orders", "replica/1"), (address.component(), address.role()));
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in ["", "network", "/vpc", "network/", "network/v pc", "network/ü"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        assert!(format!("a/{}", "b".repeat(300)).parse::<Address>().is_err());
    }

    #[test]
    fn a_natural_key_gives_its_parts_back() {
        let id = PhysicalId::joined(["rtb-1", "0.0.0.0/0"]);
        assert_eq!(id.parts(), Some(["rtb-1", "0.0.0.0/0"]));
        assert_eq!(id.parts::<3>(), None);
    }
}
