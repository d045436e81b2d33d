//! Refusals: `Status` objects as an API server forms them.

use serde_json::{Value, json};

use super::resources::Resource;

pub(super) type Answer<T> = Result<T, Status>;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
    details: Value,
}

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cause {
    pub(super) reason: &'static str,
    pub(super) field: String,
    pub(super) message: String,
}

impl Cause {
    pub(super) fn invalid(field: &str, value: &Value, why: &str) -> Self {
        // Go prints what is no plain value as JSON.
        let message = format!("Invalid value: {value}: {why}");
        Self { reason: "FieldValueInvalid", field: field.into(), message }
    }

    pub(super) fn required(field: &str, why: &str) -> Self {
        let message =
            if why.is_empty() { "Required value".into() } else { format!("Required value: {why}") };
        Self { reason: "FieldValueRequired", field: field.into(), message }
    }

    pub(super) fn duplicate(field: &str, value: &Value) -> Self {
        let message = format!("Duplicate value: {value}");
        Self { reason: "FieldValueDuplicate", field: field.into(), message }
    }

    pub(super) fn unsupported(field: &str, value: &Value, supported: &[String]) -> Self {
        let message =
            format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        Self { reason: "FieldValueNotSupported", field: field.into(), message }
    }

    pub(super) fn forbidden(field: &str, why: &str) -> Self {
        Self {
            reason: "FieldValueForbidden",
            field: field.into(),
            message: format!("Forbidden: {why}"),
        }
    }

    pub(super) fn mistyped(field: &str, value: &Value, why: &str) -> Self {
        let shown = match value {
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
            Value::Array(_) => "\"array\"".into(),
            Value::Object(_) => "\"object\"".into(),
        };
        Self {
            reason: "FieldValueTypeInvalid",
            field: field.into(),
            message: format!("Invalid value: {shown}: {why}"),
        }
    }
}

impl Status {
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    fn about(mut self, resource: &Resource, name: &str) -> Self {
        self.details = json!({ "name": name, "group": resource.group, "kind": resource.plural });
        if resource.group.is_empty() {
            self.details.as_object_mut().map(|details| details.remove("group"));
        }
        self
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        let message = message.into();
        let mut status =
            Self::new(500, "InternalError", format!("Internal error occurred: {message}"));
        status.details = json!({ "causes": [{ "message": message }] });
        status
    }

    /// The path is served by nobody.
    pub(super) fn no_such_path() -> Self {
        let mut status =
            Self::new(404, "NotFound", "the server could not find the requested resource");
        status.details = json!({});
        status
    }

    pub(super) fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", resource.id()))
            .about(resource, name)
    }

    pub(super) fn exists(resource: &Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} {name:?} already exists", resource.id()))
            .about(resource, name)
    }

    pub(super) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.id());
        Self::new(409, "Conflict", message).about(resource, name)
    }

    pub(super) fn stale(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    pub(super) fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("{} {name:?} is forbidden: {why}", resource.id());
        Self::new(403, "Forbidden", message).about(resource, name)
    }

    pub(super) fn with_cause(mut self, reason: &str, field: &str, message: &str) -> Self {
        self.details["causes"] = json!([{ "reason": reason, "field": field, "message": message }]);
        self
    }

    /// The object breaks its rules, in all these places.
    pub(super) fn invalid(resource: &Resource, name: &str, causes: &[Cause]) -> Self {
        let told: Vec<String> =
            causes.iter().map(|it| format!("{}: {}", it.field, it.message)).collect();
        let told = match told.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let kind = if resource.group.is_empty() {
            resource.kind.clone()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        let mut status = Self::new(422, "Invalid", format!("{kind} {name:?} is invalid: {told}"));
        let causes: Vec<Value> = causes
            .iter()
            .map(|it| json!({ "reason": it.reason, "message": it.message, "field": it.field }))
            .collect();
        status.details = json!({ "kind": resource.kind, "causes": causes });
        if !name.is_empty() {
            status.details["name"] = name.into();
        }
        if !resource.group.is_empty() {
            status.details["group"] = resource.group.as_str().into();
        }
        status
    }

    /// Others manage fields that are applied with other values.
    pub(super) fn apply_conflict(message: String, causes: Vec<Value>) -> Self {
        let mut status = Self::new(409, "Conflict", message);
        status.details = json!({ "causes": causes });
        status
    }

    pub(super) fn to_json(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            body["reason"] = self.reason.into();
        }
        if !self.details.is_null() {
            body["details"] = self.details.clone();
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::kube::resources;

    #[test]
    fn refusals_read_as_those_of_a_real_server() {
        let deployments = resources::builtin("apps", "deployments").unwrap();
        let status = Status::not_found(deployments, "web");
        assert_eq!(status.message, r#"deployments.apps "web" not found"#);
        let json = status.to_json();
        assert_eq!(
            json["details"],
            json!({ "name": "web", "group": "apps", "kind": "deployments" })
        );
        assert_eq!((&json["code"], &json["reason"]), (&json!(404), &json!("NotFound")));

        let cause = Cause::invalid(
            "spec.selector",
            &json!({"matchLabels": {"a": "b"}}),
            "field is immutable",
        );
        let status = Status::invalid(deployments, "web", &[cause]);
        assert_eq!(
            status.message,
            r#"Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable"#
        );
        let services = resources::builtin("", "services").unwrap();
        let causes = [
            Cause::required("spec.ports", ""),
            Cause::duplicate("spec.ports[1].name", &json!("http")),
        ];
        let status = Status::invalid(services, "web", &causes);
        assert_eq!(
            status.message,
            r#"Service "web" is invalid: [spec.ports: Required value, spec.ports[1].name: Duplicate value: "http"]"#
        );
    }
}
