//! What was found.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::kind::{Observed, Outputs};

/// What is live, by address. What was looked up and not found is not in it.
///
/// It holds thousands of objects, each of which is looked at once or twice: their specs are kept as texts, which take a
/// tenth of the memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation(BTreeMap<Address, Packed>);

#[derive(Clone, Debug, PartialEq)]
struct Packed {
    /// Its spec is `null`.
    rest: Observed,
    /// In JSON.
    spec: Box<str>,
}

impl Observation {
    pub fn get(&self, address: &Address) -> Option<Observed> {
        self.0.get(address).cloned().map(Packed::open)
    }

    /// What it gives to those that refer to it.
    pub fn outputs(&self, address: &Address) -> Option<&Outputs> {
        self.0.get(address).map(|packed| &packed.rest.outputs)
    }

    pub fn contains(&self, address: &Address) -> bool {
        self.0.contains_key(address)
    }

    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.0.keys()
    }

    pub fn insert(&mut self, address: Address, observed: Observed) {
        self.0.insert(address, Packed::of(observed));
    }

    pub fn remove(&mut self, address: &Address) -> Option<Observed> {
        self.0.remove(address).map(Packed::open)
    }

    /// Takes in what another look has found.
    pub(super) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl FromIterator<(Address, Observed)> for Observation {
    fn from_iter<I: IntoIterator<Item = (Address, Observed)>>(found: I) -> Self {
        Self(found.into_iter().map(|(at, observed)| (at, Packed::of(observed))).collect())
    }
}

impl Packed {
    fn of(mut observed: Observed) -> Self {
        let spec = observed.spec.take().to_string().into();
        Self { rest: observed, spec }
    }

    fn open(self) -> Observed {
        let spec = serde_json::from_str(&self.spec).expect("a value can be read back");
        Observed { spec, ..self.rest }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::address::PhysicalId;
    use crate::kind::Readiness;

    #[test]
    fn what_is_kept_is_what_was_seen() {
        let observed = |spec: Value| Observed {
            id: PhysicalId::new("orders-busy"),
            owner: None,
            spec,
            outputs: [("Arn".to_owned(), "arn:orders-busy".to_owned())].into(),
            readiness: Readiness::Ready,
        };
        let address = Address::of("alarms.busy", "alarm");
        for threshold in [0.1, 1e300, 5e-324, 0.1 + 0.2, 122.416_294_033_786_58] {
            let seen = observed(json!({"Threshold": threshold, "Tags": [{"Key": "ключ\u{0}\""}]}));
            let mut observation = Observation::default();
            observation.insert(address.clone(), seen.clone());
            assert_eq!(observation.get(&address), Some(seen.clone()));
            assert_eq!(observation.outputs(&address), Some(&seen.outputs));
            assert_eq!(observation.remove(&address), Some(seen));
            assert!(!observation.contains(&address));
        }
    }
}
