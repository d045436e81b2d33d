//! Edits of what is recorded that no apply makes: other names, and forgetting. Nothing of it touches the world.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Address, AddressError};
use crate::state::{Record, State, Status};

/// What names resources on a command line: an address, or what a group of them begins with: a component
/// (`databases.orders`), a part of one (`network/subnet`), a group of components (`regions.dr`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// Why an edit was refused. Nothing was changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("nothing is recorded at {pattern}")]
    Nothing { pattern: String },
    #[error("something is recorded at {address} already")]
    Taken { address: Address },
    #[error("{from} cannot be moved below itself")]
    Below { from: String },
    #[error("{from} cannot become {to}")]
    Address {
        from: Address,
        to: String,
        #[source]
        source: AddressError,
    },
    #[error("an apply was cut off in the middle of {address}")]
    Open { address: Address },
}

/// What begins the part of a role that tells the old half of a replacement from the new one.
const HALF: char = '@';

impl Pattern {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What of the address stands behind the pattern; `None` if the pattern does not name it. The old half of a
    /// replacement goes with its resource.
    fn rest<'a>(&self, address: &'a Address) -> Option<&'a str> {
        let rest = address.as_str().strip_prefix(self.0.as_str())?;
        let ends = match rest.chars().next() {
            None | Some('/') => true,
            // A dot in a role is a part of a name, as in that of a record.
            Some('.') => !self.0.contains('/'),
            Some(HALF) => self.0.contains('/'),
            Some(_) => false,
        };
        ends.then_some(rest)
    }
}

/// Records what `from` names under other addresses: `to` takes the place of `from` in each. Those that need it need it
/// there. Returns the addresses, before and after.
pub fn rename(
    state: &mut State,
    from: &Pattern,
    to: &str,
) -> Result<BTreeMap<Address, Address>, EditError> {
    let mut renamed = BTreeMap::new();
    for (address, record) in &state.resources {
        let Some(rest) = from.rest(address) else { continue };
        // Its creation, if it was answered, carries the former address in its tags, and nothing else tells of it.
        if matches!(record.status, Status::Creating(_)) {
            return Err(EditError::Open { address: address.clone() });
        }
        let to = format!("{to}{rest}");
        let new = to.parse();
        let new = new.map_err(|source| EditError::Address { from: address.clone(), to, source })?;
        renamed.insert(address.clone(), new);
    }
    if renamed.is_empty() {
        return Err(EditError::Nothing { pattern: from.0.clone() });
    }
    let stays = |address: &Address| !renamed.contains_key(address);
    for (former, address) in &renamed {
        if state.resources.contains_key(address) {
            // Onto itself, or onto one that moves as well: `a` to `a.b`.
            return Err(if stays(address) || former == address {
                EditError::Taken { address: address.clone() }
            } else {
                EditError::Below { from: from.0.clone() }
            });
        }
    }
    let resources = std::mem::take(&mut state.resources);
    let now = |address: Address| renamed.get(&address).cloned().unwrap_or(address);
    state.resources = resources
        .into_iter()
        .map(|(address, mut record)| {
            record.needs = record.needs.into_iter().map(|(to, need)| (now(to), need)).collect();
            (now(address), record)
        })
        .collect();
    Ok(renamed)
}

/// Forgets what the patterns name; nobody needs it any more. Returns the addresses.
pub fn forget(state: &mut State, patterns: &[Pattern]) -> Result<BTreeSet<Address>, EditError> {
    let mut forgotten = BTreeSet::new();
    for pattern in patterns {
        let before = forgotten.len();
        let known = state.resources.keys();
        let named = known.filter(|address| pattern.rest(address).is_some());
        forgotten.extend(named.cloned());
        if forgotten.len() == before
            && !forgotten.iter().any(|address| pattern.rest(address).is_some())
        {
            return Err(EditError::Nothing { pattern: pattern.0.clone() });
        }
    }
    for address in &forgotten {
        // Perhaps it was made: only its record leads to it.
        if matches!(state.resources[address].status, Status::Creating(_)) {
            return Err(EditError::Open { address: address.clone() });
        }
    }
    state.resources.retain(|address, record| {
        record.needs.retain(|to, _| !forgotten.contains(to));
        !forgotten.contains(address)
    });
    Ok(forgotten)
}

/// In what one version of a state differs from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Recorded in the new one alone.
    pub returning: BTreeSet<Address>,
    /// Recorded in the old one alone.
    pub leaving: BTreeSet<Address>,
    /// Recorded in both, and not the same.
    pub differing: BTreeSet<Address>,
}

impl Difference {
    pub fn between(old: &State, new: &State) -> Self {
        let only = |in_one: &State, not_in: &State| {
            let addresses = in_one.resources.keys();
            addresses.filter(|at| !not_in.resources.contains_key(*at)).cloned().collect()
        };
        let differs = |(address, record): (&Address, &Record)| {
            let known = old.resources.get(address)?;
            (known != record).then(|| address.clone())
        };
        Self {
            returning: only(new, old),
            leaving: only(old, new),
            differing: new.resources.iter().filter_map(differs).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        let Self { returning, leaving, differing } = self;
        returning.is_empty() && leaving.is_empty() && differing.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{PhysicalId, Stack};
    use crate::graph::Needs;
    use crate::kind::{DeletionPolicy, Need, Outputs, Token};

    /// A state of these addresses, each of which needs the one before it.
    fn state(addresses: &[&str]) -> State {
        let mut state = State::new(Stack::new("shop"), "l".into());
        let mut before: Option<Address> = None;
        for address in addresses {
            let address: Address = address.parse().unwrap();
            let record = Record {
                kind: "AWS::EC2::VPC".into(),
                region: "eu-west-1".into(),
                id: Some(PhysicalId::new(address.as_str())),
                status: Status::Stable,
                spec: serde_json::json!({}).into(),
                intended: None,
                outputs: Outputs::new(),
                needs: before.iter().map(|to| (to.clone(), Need::Id)).collect::<Needs>(),
                deletion: DeletionPolicy::Delete,
            };
            state.resources.insert(address.clone(), record);
            before = Some(address);
        }
        state
    }

    fn addresses(state: &State) -> Vec<&str> {
        state.resources.keys().map(Address::as_str).collect()
    }

    fn needs(state: &State, address: &str) -> Vec<String> {
        let record = &state.resources[&address.parse::<Address>().unwrap()];
        record.needs.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn a_component_moves_with_all_that_need_it() {
        let mut state =
            state(&["databases.a/instance", "databases.a/replica/1", "databases.ab/instance"]);
        let renamed = rename(&mut state, &Pattern::new("databases.a"), "databases.b").unwrap();
        assert_eq!(renamed.len(), 2);
        let expected = ["databases.ab/instance", "databases.b/instance", "databases.b/replica/1"];
        assert_eq!(addresses(&state), expected);
        assert_eq!(needs(&state, "databases.b/replica/1"), ["databases.b/instance"]);
        assert_eq!(needs(&state, "databases.ab/instance"), ["databases.b/replica/1"]);
        let id = &state.resources[&Address::of("databases.b", "instance")].id;
        assert_eq!(id.as_ref().unwrap().as_str(), "databases.a/instance", "the same object");
    }

    #[test]
    fn one_resource_moves_with_its_old_half() {
        let mut state = state(&["a/cert", "a/cert@replaced", "a/cert-2", "a/certs"]);
        rename(&mut state, &Pattern::new("a/cert"), "b/cert").unwrap();
        assert_eq!(addresses(&state), ["a/cert-2", "a/certs", "b/cert", "b/cert@replaced"]);
    }

    #[test]
    fn groups_of_components_and_parts_of_one_move_too() {
        let mut state = state(&["regions.dr.network/vpc", "network/subnet/a", "network/subnets"]);
        rename(&mut state, &Pattern::new("regions.dr"), "regions.backup").unwrap();
        rename(&mut state, &Pattern::new("network/subnet"), "network/data").unwrap();
        let expected = ["network/data/a", "network/subnets", "regions.backup.network/vpc"];
        assert_eq!(addresses(&state), expected);
    }

    #[test]
    fn what_cannot_be_moved_leaves_all_as_it_is() {
        let before = state(&["a/x", "a/y", "b/x", "c/open"]);
        let mut state = before.clone();
        let open = state.resources.get_mut(&Address::of("c", "open")).unwrap();
        open.status = Status::Creating(Token("t".into()));
        let before = state.clone();
        let mut refused = |from: &str, to: &str| {
            let error = rename(&mut state, &Pattern::new(from), to).unwrap_err();
            assert_eq!(state, before, "{from}");
            error.to_string()
        };
        assert_eq!(refused("a", "b"), "something is recorded at b/x already");
        assert_eq!(refused("a/x", "a/x"), "something is recorded at a/x already");
        assert_eq!(refused("nowhere", "b"), "nothing is recorded at nowhere");
        assert_eq!(refused("a/x", "b"), "a/x cannot become b");
        assert_eq!(refused("c", "d"), "an apply was cut off in the middle of c/open");
    }

    #[test]
    fn a_group_does_not_move_onto_its_own_members() {
        let mut state = state(&["a/x", "a/x/x"]);
        let error = rename(&mut state, &Pattern::new("a"), "a/x").unwrap_err();
        assert_eq!(error, EditError::Below { from: "a".into() });
    }

    #[test]
    fn what_is_forgotten_is_needed_by_nobody() {
        let mut state = state(&["a/x", "b/y", "b/z"]);
        let gone = forget(&mut state, &[Pattern::new("a/x"), Pattern::new("a")]).unwrap();
        assert_eq!(gone.len(), 1, "named twice, forgotten once");
        assert_eq!(addresses(&state), ["b/y", "b/z"]);
        assert!(needs(&state, "b/y").is_empty());
        let before = state.clone();
        let refused = forget(&mut state, &[Pattern::new("b/y"), Pattern::new("b/w")]);
        assert_eq!(refused, Err(EditError::Nothing { pattern: "b/w".into() }));
        assert_eq!(state, before);
    }
}
