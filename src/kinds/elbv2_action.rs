//! Actions of listeners and rules: CloudFormation's shape of them, to the wire and back.
//!
//! Secrets are no part of it: an OIDC client's secret is the one that the listener has already.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{
    self, ActionTypeEnum, AuthenticateCognitoActionConfig, AuthenticateOidcActionConfig,
    FixedResponseActionConfig, ForwardActionConfig, JwtValidationActionAdditionalClaim,
    JwtValidationActionConfig, RedirectActionConfig, TargetGroupTuple,
};
use serde::{Deserialize, Serialize};

use super::scalar::{Number, Text};

/// One action. `Type` says which of the configurations rules it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Action {
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticate_cognito_config: Option<Cognito>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticate_oidc_config: Option<Oidc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_response_config: Option<FixedResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forward_config: Option<Forward>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt_validation_config: Option<JwtValidation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_config: Option<Redirect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_group_arn: Option<String>,
    r#type: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Cognito {
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_request_extra_params: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_unauthenticated_request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_cookie_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_timeout: Option<Number>,
    user_pool_arn: String,
    user_pool_client_id: String,
    user_pool_domain: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Oidc {
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_request_extra_params: Option<BTreeMap<String, String>>,
    authorization_endpoint: String,
    client_id: String,
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_unauthenticated_request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_cookie_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_timeout: Option<Number>,
    token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_existing_client_secret: Option<bool>,
    user_info_endpoint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FixedResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_body: Option<String>,
    status_code: Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Forward {
    #[serde(skip_serializing_if = "Option::is_none")]
    target_group_stickiness_config: Option<Stickiness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_groups: Option<Vec<WeightedGroup>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Stickiness {
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WeightedGroup {
    target_group_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<Number>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct JwtValidation {
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_claims: Option<Vec<Claim>>,
    issuer: String,
    jwks_endpoint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Claim {
    format: String,
    name: String,
    values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Redirect {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    status_code: String,
}

/// The actions of a reply, in their order.
pub(super) fn from_wire(actions: &[types::Action]) -> Vec<Action> {
    let mut actions: Vec<Action> = actions.iter().map(Action::from).collect();
    actions.sort_by_key(|action| action.order.map(i32::from));
    actions
}

/// The actions of a request.
pub(super) fn to_wire(actions: &[Action]) -> Vec<types::Action> {
    actions.iter().map(types::Action::from).collect()
}

impl From<&types::Action> for Action {
    fn from(action: &types::Action) -> Self {
        Self {
            authenticate_cognito_config: action.authenticate_cognito_config().map(Into::into),
            authenticate_oidc_config: action.authenticate_oidc_config().map(Into::into),
            fixed_response_config: action.fixed_response_config().map(Into::into),
            forward_config: forward(action),
            jwt_validation_config: action.jwt_validation_config().map(Into::into),
            order: action.order.map(Number),
            redirect_config: action.redirect_config().map(Into::into),
            target_group_arn: only_target_group(action),
            r#type: action.r#type().map_or_else(String::new, |kind| kind.as_str().into()),
        }
    }
}

/// A forward to one target group may be written in two ways. Both are shown, whichever the service tells, so that each
/// reads back as asked.
fn forward(action: &types::Action) -> Option<Forward> {
    match (action.forward_config(), action.target_group_arn()) {
        (Some(config), _) => Some(config.into()),
        (None, Some(arn)) => Some(Forward {
            target_group_stickiness_config: None,
            target_groups: Some(vec![WeightedGroup {
                target_group_arn: arn.into(),
                weight: Some(Number(1)),
            }]),
        }),
        (None, None) => None,
    }
}

fn only_target_group(action: &types::Action) -> Option<String> {
    let groups = action.forward_config().map(ForwardActionConfig::target_groups);
    match (&action.target_group_arn, groups) {
        (Some(arn), _) => Some(arn.clone()),
        (None, Some([only])) => only.target_group_arn.clone(),
        (None, _) => None,
    }
}

impl From<&Action> for types::Action {
    fn from(action: &Action) -> Self {
        Self::builder()
            .r#type(ActionTypeEnum::from(action.r#type.as_str()))
            .set_order(action.order.map(Into::into))
            .set_authenticate_cognito_config(
                action.authenticate_cognito_config.as_ref().map(Into::into),
            )
            .set_authenticate_oidc_config(action.authenticate_oidc_config.as_ref().map(Into::into))
            .set_fixed_response_config(action.fixed_response_config.as_ref().map(Into::into))
            .set_forward_config(action.forward_config.as_ref().map(Into::into))
            .set_jwt_validation_config(action.jwt_validation_config.as_ref().map(Into::into))
            .set_redirect_config(action.redirect_config.as_ref().map(Into::into))
            .set_target_group_arn(action.target_group_arn.clone())
            .build()
    }
}

impl From<&AuthenticateCognitoActionConfig> for Cognito {
    fn from(config: &AuthenticateCognitoActionConfig) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let params = config.authentication_request_extra_params();
        Self {
            authentication_request_extra_params: params
                .map(|params| params.clone().into_iter().collect()),
            on_unauthenticated_request: config
                .on_unauthenticated_request()
                .map(|behavior| behavior.as_str().into()),
            scope: config.scope.clone(),
            session_cookie_name: config.session_cookie_name.clone(),
            session_timeout: config.session_timeout.and_then(seconds),
            user_pool_arn: text(config.user_pool_arn()),
            user_pool_client_id: text(config.user_pool_client_id()),
            user_pool_domain: text(config.user_pool_domain()),
        }
    }
}

impl From<&Cognito> for AuthenticateCognitoActionConfig {
    fn from(config: &Cognito) -> Self {
        let params = config.authentication_request_extra_params.clone();
        let behavior = config.on_unauthenticated_request.as_deref();
        Self::builder()
            .set_authentication_request_extra_params(
                params.map(|params| params.into_iter().collect()),
            )
            .set_on_unauthenticated_request(behavior.map(Into::into))
            .set_scope(config.scope.clone())
            .set_session_cookie_name(config.session_cookie_name.clone())
            .set_session_timeout(config.session_timeout.map(|seconds| seconds.0.into()))
            .user_pool_arn(&config.user_pool_arn)
            .user_pool_client_id(&config.user_pool_client_id)
            .user_pool_domain(&config.user_pool_domain)
            .build()
    }
}

impl From<&AuthenticateOidcActionConfig> for Oidc {
    fn from(config: &AuthenticateOidcActionConfig) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let params = config.authentication_request_extra_params();
        Self {
            authentication_request_extra_params: params
                .map(|params| params.clone().into_iter().collect()),
            authorization_endpoint: text(config.authorization_endpoint()),
            client_id: text(config.client_id()),
            issuer: text(config.issuer()),
            on_unauthenticated_request: config
                .on_unauthenticated_request()
                .map(|behavior| behavior.as_str().into()),
            scope: config.scope.clone(),
            session_cookie_name: config.session_cookie_name.clone(),
            session_timeout: config.session_timeout.and_then(seconds),
            token_endpoint: text(config.token_endpoint()),
            // A live action has its secret.
            use_existing_client_secret: Some(true),
            user_info_endpoint: text(config.user_info_endpoint()),
        }
    }
}

impl From<&Oidc> for AuthenticateOidcActionConfig {
    fn from(config: &Oidc) -> Self {
        let params = config.authentication_request_extra_params.clone();
        let behavior = config.on_unauthenticated_request.as_deref();
        Self::builder()
            .set_authentication_request_extra_params(
                params.map(|params| params.into_iter().collect()),
            )
            .authorization_endpoint(&config.authorization_endpoint)
            .client_id(&config.client_id)
            .issuer(&config.issuer)
            .set_on_unauthenticated_request(behavior.map(Into::into))
            .set_scope(config.scope.clone())
            .set_session_cookie_name(config.session_cookie_name.clone())
            .set_session_timeout(config.session_timeout.map(|seconds| seconds.0.into()))
            .token_endpoint(&config.token_endpoint)
            .use_existing_client_secret(config.use_existing_client_secret.unwrap_or(true))
            .user_info_endpoint(&config.user_info_endpoint)
            .build()
    }
}

impl From<&FixedResponseActionConfig> for FixedResponse {
    fn from(config: &FixedResponseActionConfig) -> Self {
        Self {
            content_type: config.content_type.clone(),
            message_body: config.message_body.clone(),
            status_code: config.status_code().unwrap_or_default().into(),
        }
    }
}

impl From<&FixedResponse> for FixedResponseActionConfig {
    fn from(config: &FixedResponse) -> Self {
        Self::builder()
            .set_content_type(config.content_type.clone())
            .set_message_body(config.message_body.clone())
            .status_code(&config.status_code.0)
            .build()
    }
}

impl From<&ForwardActionConfig> for Forward {
    fn from(config: &ForwardActionConfig) -> Self {
        let group = |group: &TargetGroupTuple| WeightedGroup {
            target_group_arn: group.target_group_arn().unwrap_or_default().into(),
            weight: group.weight.map(Number),
        };
        let stickiness = config.target_group_stickiness_config();
        Self {
            target_group_stickiness_config: stickiness.map(|stickiness| Stickiness {
                duration_seconds: stickiness.duration_seconds.map(Number),
                enabled: stickiness.enabled,
            }),
            target_groups: Some(config.target_groups().iter().map(group).collect()),
        }
    }
}

impl From<&Forward> for ForwardActionConfig {
    fn from(config: &Forward) -> Self {
        let group = |group: &WeightedGroup| {
            TargetGroupTuple::builder()
                .target_group_arn(&group.target_group_arn)
                .set_weight(group.weight.map(Into::into))
                .build()
        };
        let stickiness = config.target_group_stickiness_config.as_ref().map(|stickiness| {
            types::TargetGroupStickinessConfig::builder()
                .set_duration_seconds(stickiness.duration_seconds.map(Into::into))
                .set_enabled(stickiness.enabled)
                .build()
        });
        let groups = config.target_groups.as_ref();
        Self::builder()
            .set_target_groups(groups.map(|groups| groups.iter().map(group).collect()))
            .set_target_group_stickiness_config(stickiness)
            .build()
    }
}

impl From<&JwtValidationActionConfig> for JwtValidation {
    fn from(config: &JwtValidationActionConfig) -> Self {
        let claim = |claim: &JwtValidationActionAdditionalClaim| Claim {
            format: claim.format().map_or_else(String::new, |format| format.as_str().into()),
            name: claim.name().unwrap_or_default().into(),
            values: claim.values().to_vec(),
        };
        let claims = config.additional_claims.as_deref();
        Self {
            additional_claims: claims.map(|claims| claims.iter().map(claim).collect()),
            issuer: config.issuer().unwrap_or_default().into(),
            jwks_endpoint: config.jwks_endpoint().unwrap_or_default().into(),
        }
    }
}

impl From<&JwtValidation> for JwtValidationActionConfig {
    fn from(config: &JwtValidation) -> Self {
        let claim = |claim: &Claim| {
            JwtValidationActionAdditionalClaim::builder()
                .format(claim.format.as_str().into())
                .name(&claim.name)
                .set_values(Some(claim.values.clone()))
                .build()
        };
        let claims = config.additional_claims.as_ref();
        Self::builder()
            .set_additional_claims(claims.map(|claims| claims.iter().map(claim).collect()))
            .issuer(&config.issuer)
            .jwks_endpoint(&config.jwks_endpoint)
            .build()
    }
}

impl From<&RedirectActionConfig> for Redirect {
    fn from(config: &RedirectActionConfig) -> Self {
        Self {
            host: config.host.clone(),
            path: config.path.clone(),
            port: config.port().map(Text::from),
            protocol: config.protocol.clone(),
            query: config.query.clone(),
            status_code: config.status_code().map_or_else(String::new, |code| code.as_str().into()),
        }
    }
}

impl From<&Redirect> for RedirectActionConfig {
    fn from(config: &Redirect) -> Self {
        Self::builder()
            .set_host(config.host.clone())
            .set_path(config.path.clone())
            .set_port(config.port.clone().map(Into::into))
            .set_protocol(config.protocol.clone())
            .set_query(config.query.clone())
            .status_code(config.status_code.as_str().into())
            .build()
    }
}

/// A session lasts seven days at most.
fn seconds(seconds: i64) -> Option<Number> {
    i32::try_from(seconds).ok().map(Number)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(action: Value) -> Value {
        let actions: Vec<Action> = serde_json::from_value(json!([action])).unwrap();
        serde_json::to_value(from_wire(&to_wire(&actions))).unwrap()[0].clone()
    }

    #[test]
    fn every_action_reads_back_as_asked() {
        for action in [
            json!({
                "Type": "redirect",
                "RedirectConfig": {
                    "Host": "#{host}", "Path": "/#{path}", "Port": "443", "Protocol": "HTTPS",
                    "Query": "#{query}", "StatusCode": "HTTP_301",
                },
            }),
            json!({
                "Type": "fixed-response",
                "FixedResponseConfig":
                    {"ContentType": "text/plain", "MessageBody": "no", "StatusCode": "404"},
            }),
            json!({
                "Type": "authenticate-cognito", "Order": 1,
                "AuthenticateCognitoConfig": {
                    "AuthenticationRequestExtraParams": {"prompt": "login"},
                    "OnUnauthenticatedRequest": "deny", "Scope": "openid", "SessionTimeout": 3600,
                    "UserPoolArn": "arn:p", "UserPoolClientId": "c", "UserPoolDomain": "d",
                },
            }),
            json!({
                "Type": "authenticate-oidc", "Order": 1,
                "AuthenticateOidcConfig": {
                    "AuthorizationEndpoint": "https://a", "ClientId": "c", "Issuer": "https://i",
                    "SessionCookieName": "s", "TokenEndpoint": "https://t",
                    "UseExistingClientSecret": true, "UserInfoEndpoint": "https://u",
                },
            }),
            json!({
                "Type": "jwt-validation",
                "JwtValidationConfig": {
                    "AdditionalClaims":
                        [{"Format": "single-string", "Name": "aud", "Values": ["shop"]}],
                    "Issuer": "https://i", "JwksEndpoint": "https://j",
                },
            }),
            json!({
                "Type": "forward", "Order": 2,
                "ForwardConfig": {
                    "TargetGroupStickinessConfig": {"DurationSeconds": 60, "Enabled": true},
                    "TargetGroups": [
                        {"TargetGroupArn": "arn:blue", "Weight": 90},
                        {"TargetGroupArn": "arn:green", "Weight": 10},
                    ],
                },
            }),
        ] {
            assert_eq!(seen(action.clone()), action);
        }
    }

    #[test]
    fn a_forward_to_one_group_is_seen_in_both_forms() {
        let both = json!({
            "Type": "forward", "TargetGroupArn": "arn:blue",
            "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "arn:blue", "Weight": 1}]},
        });
        assert_eq!(seen(json!({"Type": "forward", "TargetGroupArn": "arn:blue"})), both);
        let config = json!({"TargetGroups": [{"TargetGroupArn": "arn:blue", "Weight": 1}]});
        assert_eq!(seen(json!({"Type": "forward", "ForwardConfig": config})), both);
    }

    #[test]
    fn actions_are_in_their_order() {
        let action = |order| types::Action::builder().order(order).build();
        let actions = from_wire(&[action(2), action(1)]);
        let orders: Vec<_> = actions.iter().map(|action| action.order.map(i32::from)).collect();
        assert_eq!(orders, [Some(1), Some(2)]);
    }

    #[test]
    fn a_client_secret_is_no_property() {
        let config = json!({
            "AuthorizationEndpoint": "https://a", "ClientId": "c", "ClientSecret": "x",
            "Issuer": "https://i", "TokenEndpoint": "https://t", "UserInfoEndpoint": "https://u",
        });
        assert!(serde_json::from_value::<Oidc>(config).is_err());
    }
}
