//! What tests of the API share.

use std::time::{Duration, Instant};

use kube::api::DynamicObject;
use serde_json::Value;

/// Asks again until something holds.
pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} does not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An object for a typed call.
pub(super) fn object(json: Value) -> DynamicObject {
    serde_json::from_value(json).unwrap()
}

/// As JSON, with all of its metadata.
pub(super) fn json_of(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap()
}

/// Code, reason and message of a refusal.
pub(super) fn refusal<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> (u16, String, String) {
    match result {
        Err(kube::Error::Api(status)) => {
            (status.code, status.reason.clone(), status.message.clone())
        }
        other => panic!("no refusal: {other:?}"),
    }
}
