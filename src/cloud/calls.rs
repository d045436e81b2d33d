//! Counts every request that goes out, by service and action.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::fault::Call;

/// How often each action of each service was called: `{"ec2": {"DescribeVpcs": 1}}`. Retries count.
pub type CallsSince = BTreeMap<String, BTreeMap<String, u64>>;

/// A shared counter of requests.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<CallsSince>>);

impl Calls {
    pub fn count(&self, call: &Call) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let actions = counts.entry(call.service.clone()).or_default();
        *actions.entry(call.action.clone()).or_default() += 1;
    }

    /// All requests so far.
    pub fn snapshot(&self) -> CallsSince {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
