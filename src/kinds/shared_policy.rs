//! One policy on several resources of a service: what `AWS::SQS::QueuePolicy` and `AWS::SNS::TopicPolicy` have in common.
//!
//! The policy is no object of its own. Its natural key is the list of its holders; it is there as long as one of them
//! has a policy.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::address::PhysicalId;
use crate::fault::Fault;
use crate::kind::Lookup;

/// The holders of a policy, each with what it has.
#[derive(Debug)]
pub struct Live {
    policies: BTreeMap<String, Option<Value>>,
}

/// Holders that are read at once.
const READS_MAX: usize = 16;
const SEPARATOR: &str = "|";

impl Live {
    pub(super) fn holders(&self) -> BTreeSet<String> {
        self.policies.keys().cloned().collect()
    }

    /// What all of them have; where they differ, the list of what each one has: no document is equal to that.
    pub(super) fn document(&self) -> Value {
        let distinct: Vec<&Option<Value>> = self.policies.values().collect();
        match distinct.split_first() {
            Some((Some(first), rest)) if rest.iter().all(|it| it.as_ref() == Some(first)) => {
                first.clone()
            }
            _ => distinct.into_iter().map(|it| it.clone().unwrap_or(Value::Null)).collect(),
        }
    }
}

/// The natural key of the policy of these holders.
pub(super) fn id(holders: &BTreeSet<String>) -> PhysicalId {
    let holders: Vec<&str> = holders.iter().map(String::as_str).collect();
    PhysicalId::new(holders.join(SEPARATOR))
}

/// Whose policy has this key.
pub(super) fn holders(id: &PhysicalId) -> BTreeSet<String> {
    id.as_str().split(SEPARATOR).map(str::to_owned).collect()
}

/// The policies that are there. `ask` reads that of one holder: no list tells policies, so it is a call for each, and
/// one alone however many policies name the holder.
pub(super) async fn read<F>(
    wanted: &[Lookup],
    ask: impl Fn(String) -> F,
) -> Result<Vec<Live>, Fault>
where
    F: Future<Output = Result<Option<Value>, Fault>>,
{
    let keys: Vec<BTreeSet<String>> = wanted
        .iter()
        .filter_map(|lookup| match lookup {
            Lookup::Id(id) => Some(holders(id)),
            // A policy has no tags: nobody's name is on it.
            Lookup::Owner { .. } => None,
        })
        .collect();
    let all: BTreeSet<String> = keys.iter().flatten().cloned().collect();
    let asked = stream::iter(all).map(|holder| {
        let answer = ask(holder.clone());
        async move { Ok::<_, Fault>((holder, answer.await?)) }
    });
    let found: BTreeMap<_, _> = asked.buffer_unordered(READS_MAX).try_collect().await?;
    let lives = keys.into_iter().map(|holders| {
        let policy = |holder: String| {
            let policy = found.get(&holder).cloned().flatten();
            (holder, policy)
        };
        Live { policies: holders.into_iter().map(policy).collect() }
    });
    Ok(lives.filter(|live| live.policies.values().any(Option::is_some)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(policies: [(&str, Option<Value>); 2]) -> Live {
        Live { policies: policies.map(|(holder, policy)| (holder.into(), policy)).into() }
    }

    #[test]
    fn the_holders_are_the_key() {
        let holders: BTreeSet<String> = ["b".into(), "a".into()].into();
        assert_eq!(id(&holders), PhysicalId::new("a|b"));
        assert_eq!(super::holders(&id(&holders)), holders);
    }

    #[test]
    fn a_policy_is_what_all_holders_have() {
        let policy = json!({"Statement": []});
        let same = live([("a", Some(policy.clone())), ("b", Some(policy.clone()))]);
        assert_eq!(same.document(), policy);
        let half = live([("a", Some(policy.clone())), ("b", None)]);
        assert_eq!(half.document(), json!([policy, null]));
    }
}
