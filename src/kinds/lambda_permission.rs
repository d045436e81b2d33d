//! `AWS::Lambda::Permission`

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::lambda;
use super::reply::{gone, present};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::{Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Tagging, Token, Typical,
    Update, outputs,
};

pub struct Permission;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    action: String,
    #[serde(deserialize_with = "lambda::function")]
    function_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_url_auth_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoked_via_function_url: Option<bool>,
    #[serde(deserialize_with = "account_or_service")]
    principal: String,
    #[serde(rename = "PrincipalOrgID", skip_serializing_if = "Option::is_none")]
    principal_org_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_arn: Option<String>,
}

/// A statement of a function's policy.
#[derive(Debug)]
pub struct Live {
    function_name: String,
    statement: Value,
}

impl Kind for Permission {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Lambda::Permission";
    const DOC: &'static str = "Lets a service or another account call a function. \
        It stands at once; whoever it lets in may need some seconds to notice. Nothing blocks its deletion. \
        It is a statement of the function's policy, whose id follows from what it says: another permission is another \
        statement, so every change replaces it, the new one first. \
        `EventSourceToken` (Alexa only) is not supported: it would stand in the blueprint.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("Action", "What is allowed: `lambda:InvokeFunction`."),
        Field::replaces("FunctionName", "The function by name or ARN, with or without an alias."),
        Field::replaces("FunctionUrlAuthType", "Of a function URL: `AWS_IAM` or `NONE`."),
        Field::replaces("InvokedViaFunctionUrl", "Whether only calls by its URL are allowed."),
        Field::replaces("Principal", "Who is let in: `events.amazonaws.com`, an account, `*`."),
        Field::replaces("PrincipalOrgID", "The organization whose accounts are let in."),
        Field::replaces("SourceAccount", "The account that the calling resource belongs to."),
        Field::replaces("SourceArn", "The ARN of the calling resource; `*` stands for any text."),
    ];
    const OUTPUTS: &'static [Output] = &[Output::with_id("Id", "The id of the statement.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::joined([&live.function_name, sid(&live.statement)])
    }

    fn spec(live: &Live) -> Spec {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let statement = &live.statement;
        let principal = match &statement["Principal"] {
            Value::Object(all) => all.values().next().map(text).unwrap_or_default(),
            anybody => text(anybody),
        };
        Spec {
            action: text(&statement["Action"]),
            function_name: live.function_name.clone(),
            function_url_auth_type: condition(statement, "lambda:FunctionUrlAuthType"),
            invoked_via_function_url: condition(statement, "lambda:InvokedViaFunctionUrl")
                .map(|it| it == "true"),
            principal: account_of(&principal).into(),
            principal_org_id: condition(statement, "aws:PrincipalOrgID"),
            source_account: condition(statement, "aws:SourceAccount"),
            source_arn: condition(statement, "aws:SourceArn"),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Id", Some(sid(&live.statement)))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::joined([&spec.function_name, &statement_id(spec)?]))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut functions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for lookup in wanted {
            // A permission has no tags: nobody's name is on it.
            if let Lookup::Id(id) = lookup
                && let Some((function, sid)) = id.as_str().rsplit_once('|')
            {
                functions.entry(function.into()).or_default().insert(sid.into());
            }
        }
        // A policy belongs to one function: a call for each.
        let asked = stream::iter(functions).map(|(function, sids)| async move {
            let asked = cx.lambda.get_policy().function_name(&function).send().await;
            let policy = present(asked)?.and_then(|reply| reply.policy).unwrap_or_default();
            Ok::<_, Fault>(statements(&function, &policy, &sids))
        });
        let found: Vec<_> = asked.buffer_unordered(READS_MAX).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let id = statement_id(spec).required("value of every property")?;
        cx.lambda
            .add_permission()
            .function_name(&spec.function_name)
            .statement_id(&id)
            .action(&spec.action)
            .principal(&spec.principal)
            .set_function_url_auth_type(spec.function_url_auth_type.as_deref().map(Into::into))
            .set_invoked_via_function_url(spec.invoked_via_function_url)
            .set_principal_org_id(spec.principal_org_id.clone())
            .set_source_account(spec.source_account.clone())
            .set_source_arn(spec.source_arn.clone())
            .send()
            .await?;
        Ok(PhysicalId::joined([&spec.function_name, &id]))
    }

    /// All properties are its identity: there is nothing to update.
    async fn update(_: &Cx, _: &PhysicalId, _: Update<'_, Spec>) -> Result<(), Fault> {
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let (function, sid) = id.as_str().rsplit_once('|').required("statement id")?;
        let remove = cx.lambda.remove_permission().function_name(function);
        gone(remove.statement_id(sid).send().await)
    }
}

/// Functions whose policies are read at once.
const READS_MAX: usize = 16;
/// Bytes of the hash that tell two permissions of a function apart.
const ID_BYTES: usize = 12;

/// The id of the statement that says this; `None` while part of it is an open reference.
fn statement_id(spec: &Spec) -> Option<String> {
    let via_url = spec.invoked_via_function_url.map(|it| it.to_string());
    let optional = [
        &spec.function_url_auth_type,
        &via_url,
        &spec.principal_org_id,
        &spec.source_account,
        &spec.source_arn,
    ];
    let optional = optional.into_iter().map(|it| it.as_deref().unwrap_or_default());
    let parts: Vec<&str> = [&*spec.action, &*spec.principal].into_iter().chain(optional).collect();
    if parts.iter().any(|part| part.contains('\0')) {
        return None;
    }
    let hash = Sha256::digest(parts.join("\n"));
    Some(format!("platctl-{}", hex::encode(&hash[..ID_BYTES])))
}

/// The statements with these ids of a function's policy.
fn statements(function: &str, policy: &str, sids: &BTreeSet<String>) -> Vec<Live> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let all = policy["Statement"].as_array().into_iter().flatten();
    let wanted = all.filter(|statement| sids.contains(sid(statement)));
    let live =
        |statement: &Value| Live { function_name: function.into(), statement: statement.clone() };
    wanted.map(live).collect()
}

fn sid(statement: &Value) -> &str {
    statement["Sid"].as_str().unwrap_or_default()
}

/// The operand of a condition. Names of keys have no case, and each of ours stands under one operator only.
fn condition(statement: &Value, name: &str) -> Option<String> {
    let operators = statement["Condition"].as_object()?.values().filter_map(Value::as_object);
    let mut operands = operators.flatten();
    let (_, operand) = operands.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(operand.as_str().map_or_else(|| operand.to_string(), str::to_owned))
}

/// An account is told by the ARN of its root.
fn account_of(principal: &str) -> &str {
    let root = principal.split_once(":iam::").and_then(|(_, rest)| rest.strip_suffix(":root"));
    root.unwrap_or(principal)
}

fn account_or_service<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|principal| account_of(&principal).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(value: Value) -> Spec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_statement_is_seen_as_the_permission_that_made_it() {
        let asked = json!({
            "Action": "lambda:InvokeFunction", "FunctionName": "api:live",
            "Principal": "events.amazonaws.com", "SourceAccount": "123456789012",
            "SourceArn": "arn:rule",
        });
        let id = statement_id(&spec(asked.clone())).unwrap();
        let policy = json!({"Statement": [
            {"Sid": "other"},
            {
                "Sid": &id, "Effect": "Allow", "Action": "lambda:InvokeFunction",
                "Principal": {"Service": "events.amazonaws.com"},
                "Condition": {
                    "StringEquals": {"AWS:SourceAccount": "123456789012"},
                    "ArnLike": {"AWS:SourceArn": "arn:rule"},
                },
            },
        ]});
        let found = statements("api:live", &policy.to_string(), &[id].into());
        let [live] = found.as_slice() else { panic!("one statement: {found:?}") };
        assert_eq!(serde_json::to_value(Permission::spec(live)).unwrap(), asked);
        assert_eq!(Permission::natural_id(&spec(asked)), Some(Permission::id(live)));
    }

    #[test]
    fn an_account_has_one_form() {
        let of = |principal: &str| {
            let spec = spec(json!({"Action": "a", "FunctionName": "f", "Principal": principal}));
            (spec.principal.clone(), statement_id(&spec))
        };
        assert_eq!(of("arn:aws:iam::123456789012:root"), of("123456789012"));
        assert_ne!(of("*"), of("123456789012"));
    }

    #[test]
    fn an_open_reference_has_no_id_yet() {
        let open = json!({
            "Action": "a", "FunctionName": "f", "Principal": "p", "SourceArn": "\0open",
        });
        assert_eq!(Permission::natural_id(&spec(open)), None);
    }
}
