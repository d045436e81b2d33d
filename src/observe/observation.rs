//! What was found.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::kind::{Observed, Outputs, Packed};

/// What is live, by address. What was looked up and not found is not in it.
///
/// It may hold thousands of objects, so their specs are packed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation(BTreeMap<Address, Seen>);

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    /// Its spec is `null`.
    rest: Observed,
    spec: Packed,
}

impl Observation {
    pub fn get(&self, address: &Address) -> Option<Observed> {
        self.0.get(address).cloned().map(Seen::open)
    }

    /// What it gives to those that refer to it.
    pub fn outputs(&self, address: &Address) -> Option<&Outputs> {
        self.0.get(address).map(|seen| &seen.rest.outputs)
    }

    pub fn contains(&self, address: &Address) -> bool {
        self.0.contains_key(address)
    }

    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.0.keys()
    }

    pub fn insert(&mut self, address: Address, observed: Observed) {
        self.0.insert(address, Seen::of(observed));
    }

    pub fn remove(&mut self, address: &Address) -> Option<Observed> {
        self.0.remove(address).map(Seen::open)
    }

    /// Takes in what another look has found.
    pub(super) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl FromIterator<(Address, Observed)> for Observation {
    fn from_iter<I: IntoIterator<Item = (Address, Observed)>>(found: I) -> Self {
        Self(found.into_iter().map(|(at, observed)| (at, Seen::of(observed))).collect())
    }
}

impl Seen {
    fn of(mut observed: Observed) -> Self {
        let spec = observed.spec.take().into();
        Self { rest: observed, spec }
    }

    fn open(self) -> Observed {
        Observed { spec: self.spec.open(), ..self.rest }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::address::PhysicalId;
    use crate::kind::Readiness;

    #[test]
    fn what_is_kept_is_what_was_seen() {
        let address = Address::of("alarms.busy", "alarm");
        let seen = Observed {
            id: PhysicalId::new("orders-busy"),
            owner: None,
            spec: json!({"Threshold": 0.1}),
            outputs: [("Arn".to_owned(), "arn:orders-busy".to_owned())].into(),
            readiness: Readiness::Ready,
        };
        let mut observation = Observation::default();
        observation.insert(address.clone(), seen.clone());
        assert_eq!(observation.get(&address), Some(seen.clone()));
        assert_eq!(observation.outputs(&address), Some(&seen.outputs));
        assert_eq!(observation.remove(&address), Some(seen));
        assert!(!observation.contains(&address));
    }
}
