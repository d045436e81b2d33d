//! What a refusal of the Kubernetes API means to the engine: the one table of its reasons.

use std::error::Error;

use kube::core::Status;

use crate::fault::{Call, Class, Fault};

/// The fault of a request that failed.
pub(super) fn of(call: Call, error: &kube::Error, endpoint: &str) -> Fault {
    match error {
        kube::Error::Api(status) => refused(call, status),
        kube::Error::SerdeError(error) => {
            Fault { call: Some(call), ..Fault::bug(format!("the reply is no JSON: {error}")) }
        }
        kube::Error::Auth(error) => {
            Fault { call: Some(call), ..Fault::new(Class::Credentials, chain(error)) }
        }
        other => {
            let message = format!("no answer from {endpoint}: {}", chain(other));
            Fault { call: Some(call), ..Fault::new(Class::Unanswered, message) }
        }
    }
}

pub(super) fn no_answer(call: Call, endpoint: &str) -> Fault {
    let message = format!("no answer from {endpoint} before the deadline");
    Fault { call: Some(call), ..Fault::new(Class::Unanswered, message) }
}

pub(super) fn not_sent(call: Call) -> Fault {
    let message = "it was not sent: the lock of the stack was lost";
    let fault = Fault::new(Class::Unanswered, message);
    Fault { call: Some(call), residue: crate::fault::Residue::None, ..fault }
}

fn refused(call: Call, status: &Status) -> Fault {
    let class = classify(status.code, &status.reason, &status.message);
    let code = (!status.reason.is_empty()).then(|| status.reason.clone());
    let message = if status.message.is_empty() {
        format!("status {}", status.code)
    } else {
        status.message.clone()
    };
    Fault { call: Some(call), code, ..Fault::new(class, message) }
}

/// By the reasons that the API conventions list (`metav1.StatusReason`), then by the status.
fn classify(status: u16, reason: &str, message: &str) -> Class {
    match reason {
        "Unauthorized" => Class::Credentials,
        "Forbidden" if message.contains("exceeded quota") => Class::Quota,
        // Its namespace is on its way out, and may come back with this plan.
        "Forbidden" if message.contains("is being terminated") => Class::Busy,
        "Forbidden" => Class::Denied,
        "NotFound" | "Gone" => Class::NotFound,
        "AlreadyExists" => Class::Exists,
        // Another field manager has another value there, and was not to be overruled.
        "Conflict" if message.contains("Apply failed with") => Class::Exists,
        // What an answer in pages began with is forgotten.
        "Conflict" | "Expired" => Class::Stale,
        "Invalid" | "BadRequest" | "RequestEntityTooLarge" | "UnsupportedMediaType" => {
            Class::Invalid
        }
        "MethodNotAllowed" | "NotAcceptable" => Class::Unsupported,
        "TooManyRequests" => Class::Throttled,
        "InternalError" if message.contains("failed calling webhook") => Class::NotYet,
        "ServerTimeout" | "Timeout" | "InternalError" | "ServiceUnavailable" => Class::Unavailable,
        _ => match status {
            401 => Class::Credentials,
            403 => Class::Denied,
            404 | 410 => Class::NotFound,
            409 => Class::Stale,
            429 => Class::Throttled,
            400..500 => Class::Invalid,
            _ => Class::Unavailable,
        },
    }
}

/// An error with its causes, each once.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.extend([": ", &cause_text]);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_decide_before_the_status() {
        let cases = [
            (409, "AlreadyExists", "", Class::Exists),
            (
                409,
                "Conflict",
                "Apply failed with 1 conflict: conflict with \"helm\"",
                Class::Exists,
            ),
            (409, "Conflict", "the object has been modified", Class::Stale),
            (403, "Forbidden", "pods \"a\" is forbidden: exceeded quota: q", Class::Quota),
            (403, "Forbidden", "unable to create: namespace a is being terminated", Class::Busy),
            (403, "Forbidden", "User cannot list", Class::Denied),
            (500, "InternalError", "failed calling webhook \"a\": no endpoints", Class::NotYet),
            (500, "InternalError", "etcd", Class::Unavailable),
            (410, "Expired", "The provided continue parameter is too old", Class::Stale),
            (422, "Invalid", "field is immutable", Class::Invalid),
            (429, "", "", Class::Throttled),
            (502, "", "", Class::Unavailable),
        ];
        for (status, reason, message, expected) in cases {
            assert_eq!(classify(status, reason, message), expected, "{reason} {message}");
        }
    }
}
