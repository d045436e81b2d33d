//! Conditions of listener rules: CloudFormation's shape of them, to the wire and back.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig,
    PathPatternConditionConfig, QueryStringConditionConfig, QueryStringKeyValuePair, RuleCondition,
    SourceIpConditionConfig,
};
use serde::{Deserialize, Serialize};

/// One condition. `Field` says what it looks at, and with that which configuration it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Condition {
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_header_config: Option<Patterns>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_header_config: Option<Header>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_request_method_config: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_pattern_config: Option<Patterns>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_config: Option<Query>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regex_values: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ip_config: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeSet<String>>,
}

/// Of all values one must match; so their order has no meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Values {
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Patterns {
    #[serde(skip_serializing_if = "Option::is_none")]
    regex_values: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Header {
    #[serde(skip_serializing_if = "Option::is_none")]
    http_header_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regex_values: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Query {
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeSet<Pair>>,
}

/// A pair without a key matches any.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Pair {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// The conditions of a reply.
pub(super) fn from_wire(conditions: &[RuleCondition]) -> Vec<Condition> {
    conditions.iter().map(Condition::from).collect()
}

/// The conditions of a request.
pub(super) fn to_wire(conditions: &[Condition]) -> Vec<RuleCondition> {
    conditions.iter().map(RuleCondition::from).collect()
}

impl From<&RuleCondition> for Condition {
    fn from(condition: &RuleCondition) -> Self {
        let host = condition.host_header_config();
        let path = condition.path_pattern_config();
        let host = host.map(|it| Patterns::seen(it.values.as_ref(), it.regex_values.as_ref()));
        let path = path.map(|it| Patterns::seen(it.values.as_ref(), it.regex_values.as_ref()));
        // Host and path patterns may be written in two ways. Both are shown, whichever the service tells, so that each
        // reads back as asked.
        let told = [&condition.values, &condition.regex_values].map(|list| set(list.as_ref()));
        let [values, regex_values] = told;
        let told = (values.is_some() || regex_values.is_some())
            .then(|| Patterns { values: values.clone(), regex_values: regex_values.clone() });
        let of = |field| told.clone().filter(|_| condition.field() == Some(field));
        let (host, path) = (host.or_else(|| of(HOST)), path.or_else(|| of(PATH)));
        let patterns = host.clone().or_else(|| path.clone()).unwrap_or_default();
        let http_header = condition.http_header_config();
        let methods = condition.http_request_method_config();
        let query = condition.query_string_config();
        let sources = condition.source_ip_config();
        Self {
            field: condition.field.clone(),
            host_header_config: host,
            http_header_config: http_header.map(|header| Header {
                http_header_name: header.http_header_name.clone(),
                regex_values: set(header.regex_values.as_ref()),
                values: set(header.values.as_ref()),
            }),
            http_request_method_config: methods
                .map(|methods| Values { values: set(methods.values.as_ref()) }),
            path_pattern_config: path,
            query_string_config: query.map(|query| Query {
                values: Some(query.values().iter().map(Pair::from).collect()),
            }),
            regex_values: regex_values.or(patterns.regex_values),
            source_ip_config: sources
                .map(|sources| Values { values: set(sources.values.as_ref()) }),
            values: values.or(patterns.values),
        }
    }
}

const HOST: &str = "host-header";
const PATH: &str = "path-pattern";

impl Patterns {
    fn seen(values: Option<&Vec<String>>, regex_values: Option<&Vec<String>>) -> Self {
        Self { values: set(values), regex_values: set(regex_values) }
    }
}

impl From<&Condition> for RuleCondition {
    fn from(condition: &Condition) -> Self {
        let host = condition.host_header_config.as_ref().map(|host| {
            HostHeaderConditionConfig::builder()
                .set_values(list(host.values.as_ref()))
                .set_regex_values(list(host.regex_values.as_ref()))
                .build()
        });
        let path = condition.path_pattern_config.as_ref().map(|path| {
            PathPatternConditionConfig::builder()
                .set_values(list(path.values.as_ref()))
                .set_regex_values(list(path.regex_values.as_ref()))
                .build()
        });
        let header = condition.http_header_config.as_ref().map(|header| {
            HttpHeaderConditionConfig::builder()
                .set_http_header_name(header.http_header_name.clone())
                .set_values(list(header.values.as_ref()))
                .set_regex_values(list(header.regex_values.as_ref()))
                .build()
        });
        let methods = condition.http_request_method_config.as_ref().map(|methods| {
            let values = list(methods.values.as_ref());
            HttpRequestMethodConditionConfig::builder().set_values(values).build()
        });
        let query = condition.query_string_config.as_ref().map(|query| {
            let pairs = query.values.iter().flatten().map(QueryStringKeyValuePair::from).collect();
            QueryStringConditionConfig::builder().set_values(Some(pairs)).build()
        });
        let sources = condition.source_ip_config.as_ref().map(|sources| {
            let values = list(sources.values.as_ref());
            SourceIpConditionConfig::builder().set_values(values).build()
        });
        Self::builder()
            .set_field(condition.field.clone())
            .set_host_header_config(host)
            .set_http_header_config(header)
            .set_http_request_method_config(methods)
            .set_path_pattern_config(path)
            .set_query_string_config(query)
            .set_regex_values(list(condition.regex_values.as_ref()))
            .set_source_ip_config(sources)
            .set_values(list(condition.values.as_ref()))
            .build()
    }
}

impl From<&QueryStringKeyValuePair> for Pair {
    fn from(pair: &QueryStringKeyValuePair) -> Self {
        Self { key: pair.key.clone(), value: pair.value.clone() }
    }
}

impl From<&Pair> for QueryStringKeyValuePair {
    fn from(pair: &Pair) -> Self {
        Self::builder().set_key(pair.key.clone()).set_value(pair.value.clone()).build()
    }
}

/// An empty list is none: the service may tell one of what a condition does not look at.
fn set(values: Option<&Vec<String>>) -> Option<BTreeSet<String>> {
    values.filter(|values| !values.is_empty()).map(|values| values.iter().cloned().collect())
}

fn list(values: Option<&BTreeSet<String>>) -> Option<Vec<String>> {
    values.map(|values| values.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(condition: &Value) -> Value {
        let condition: Condition = serde_json::from_value(condition.clone()).unwrap();
        serde_json::to_value(Condition::from(&RuleCondition::from(&condition))).unwrap()
    }

    #[test]
    fn every_condition_reads_back_as_asked() {
        for asked in [
            json!({"Field": "http-header", "HttpHeaderConfig": {
                "HttpHeaderName": "x-canary", "Values": ["always", "yes"],
            }}),
            json!({"Field": "http-header", "HttpHeaderConfig": {
                "HttpHeaderName": "user-agent", "RegexValues": ["^curl"],
            }}),
            json!({"Field": "http-request-method", "HttpRequestMethodConfig": {
                "Values": ["GET", "HEAD"],
            }}),
            json!({"Field": "query-string", "QueryStringConfig": {
                "Values": [{"Value": "*beta*"}, {"Key": "version", "Value": "2"}],
            }}),
            json!({"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}),
        ] {
            assert_eq!(seen(&asked), asked);
        }
    }

    #[test]
    fn patterns_are_seen_in_both_forms() {
        for (field, config) in [(HOST, "HostHeaderConfig"), (PATH, "PathPatternConfig")] {
            for values in ["Values", "RegexValues"] {
                let short = json!({"Field": field, values: ["a", "b"]});
                let long = json!({"Field": field, config: {values: ["a", "b"]}});
                let both =
                    json!({"Field": field, values: ["a", "b"], config: {values: ["a", "b"]}});
                assert_eq!(seen(&short), both);
                assert_eq!(seen(&long), both);
            }
        }
    }

    #[test]
    fn values_have_no_order() {
        let asked = json!({"Field": "source-ip", "SourceIpConfig": {"Values": ["b", "a"]}});
        assert_eq!(seen(&asked)["SourceIpConfig"]["Values"], json!(["a", "b"]));
    }
}
