//! The rules of WAF in CloudFormation's shape: JSON from and to the types of the SDK, which cannot do it themselves.
//!
//! The table at the end says what a shape's members are called in CloudFormation; the compiler checks it against the
//! SDK. It has all shapes that a web ACL and its logs can hold, also the few that CloudFormation does not have yet, so that an edit
//! from outside is always seen. It is why this file is long.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use aws_sdk_wafv2::error::BuildError;
use aws_sdk_wafv2::primitives::Blob;
use aws_sdk_wafv2::types;
use aws_smithy_types::base64;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// A value of the SDK that serializes in CloudFormation's shape. Unknown members and wrong types are refused.
#[derive(Clone, Debug)]
pub(super) struct Shaped<T>(pub(super) T);

/// Rules in the order of their priorities, which is the order in which WAF tries them.
#[derive(Clone, Debug)]
pub(super) struct Rules(Vec<types::Rule>);

/// What has a shape in CloudFormation. Absent members are `Null`.
pub(super) trait Shape: Sized {
    fn read(value: &Value) -> Result<Self, Wrong>;
    fn write(&self) -> Value;
}

/// Why a value has not the shape that it should have, and where: `[0].Statement.Typo`.
#[derive(Debug)]
pub(super) struct Wrong {
    path: String,
    what: String,
}

impl Rules {
    pub(super) fn new(mut rules: Vec<types::Rule>) -> Self {
        rules.sort_by_key(|rule| rule.priority);
        Self(rules)
    }

    pub(super) fn to_vec(&self) -> Vec<types::Rule> {
        self.0.clone()
    }
}

impl<T: Shape> Serialize for Shaped<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write().serialize(serializer)
    }
}

impl<'de, T: Shape> Deserialize<'de> for Shaped<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(&Value::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.strip_prefix('.').unwrap_or(&self.path) {
            "" => write!(out, "{}", self.what),
            path => write!(out, "{path}: {}", self.what),
        }
    }
}

impl Wrong {
    fn new(what: impl Into<String>) -> Self {
        Self { path: String::new(), what: what.into() }
    }

    fn expected(what: &str, found: &Value) -> Self {
        Self::new(format!("expected {what}, found `{found}`"))
    }

    fn in_member(mut self, name: &str) -> Self {
        self.path = format!(".{name}{}", self.path);
        self
    }

    fn in_item(mut self, index: usize) -> Self {
        self.path = format!("[{index}]{}", self.path);
        self
    }
}

/// The members of an object, all of them known.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn of(value: &'a Value, known: &[&str]) -> Result<Self, Wrong> {
        let members = value.as_object().ok_or_else(|| Wrong::expected("an object", value))?;
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Wrong::new("unknown property").in_member(name)),
            None => Ok(Self(members)),
        }
    }

    fn get<T: Shape>(&self, name: &str) -> Result<Option<T>, Wrong> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::read(value).map(Some).map_err(|wrong| wrong.in_member(name)),
        }
    }
}

/// What a builder of the SDK gives: a value, or a complaint about a missing member where there are required ones.
trait Built<T> {
    fn built(self) -> Result<T, Wrong>;
}

impl<T> Built<T> for T {
    fn built(self) -> Result<T, Wrong> {
        Ok(self)
    }
}

impl<T> Built<T> for Result<T, BuildError> {
    fn built(self) -> Result<T, Wrong> {
        self.map_err(|error| Wrong::new(error.to_string()))
    }
}

impl Shape for String {
    fn read(value: &Value) -> Result<Self, Wrong> {
        value.as_str().map(Into::into).ok_or_else(|| Wrong::expected("a text", value))
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

impl Shape for bool {
    fn read(value: &Value) -> Result<Self, Wrong> {
        value.as_bool().ok_or_else(|| Wrong::expected("a boolean", value))
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Shape for i64 {
    fn read(value: &Value) -> Result<Self, Wrong> {
        value.as_i64().ok_or_else(|| Wrong::expected("a whole number", value))
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Shape for i32 {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let number = i64::read(value)?;
        number.try_into().map_err(|_| Wrong::expected("a 32-bit number", value))
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl<T: Shape> Shape for Option<T> {
    fn read(value: &Value) -> Result<Self, Wrong> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }
}

impl<T: Shape> Shape for Box<T> {
    fn read(value: &Value) -> Result<Self, Wrong> {
        T::read(value).map(Self::new)
    }

    fn write(&self) -> Value {
        self.as_ref().write()
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let items = value.as_array().ok_or_else(|| Wrong::expected("a list", value))?;
        let read = |(index, item)| T::read(item).map_err(|wrong| wrong.in_item(index));
        items.iter().enumerate().map(read).collect()
    }

    fn write(&self) -> Value {
        self.iter().map(T::write).collect()
    }
}

impl<K: Shape + Eq + Hash, V: Shape> Shape for HashMap<K, V> {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let members = value.as_object().ok_or_else(|| Wrong::expected("an object", value))?;
        let read = |(key, value): (&String, &Value)| {
            let member = V::read(value).map_err(|wrong| wrong.in_member(key))?;
            Ok((K::read(&Value::String(key.clone()))?, member))
        };
        members.iter().map(read).collect()
    }

    fn write(&self) -> Value {
        let member = |(key, value): (&K, &V)| {
            let key = key.write();
            (key.as_str().unwrap_or_default().to_owned(), value.write())
        };
        self.iter().map(member).collect::<Map<_, _>>().into()
    }
}

impl Shape for Rules {
    fn read(value: &Value) -> Result<Self, Wrong> {
        Vec::read(value).map(Self::new)
    }

    fn write(&self) -> Value {
        self.0.write()
    }
}

/// CloudFormation writes the bytes to look for as a text or, where they are none, in base 64.
impl Shape for types::ByteMatchStatement {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let members = Members::of(
            value,
            &[
                "FieldToMatch",
                "PositionalConstraint",
                "PreParseTextTransformations",
                "SearchString",
                "SearchStringBase64",
                "TextTransformations",
            ],
        )?;
        let encoded: Option<String> = members.get("SearchStringBase64")?;
        let decoded = encoded.map(base64::decode).transpose().map_err(|error| {
            Wrong::new(format!("not base 64: {error}")).in_member("SearchStringBase64")
        })?;
        let plain: Option<String> = members.get("SearchString")?;
        Self::builder()
            .set_field_to_match(members.get("FieldToMatch")?)
            .set_positional_constraint(members.get("PositionalConstraint")?)
            .set_pre_parse_text_transformations(members.get("PreParseTextTransformations")?)
            .set_search_string(plain.map(String::into_bytes).or(decoded).map(Blob::new))
            .set_text_transformations(members.get("TextTransformations")?)
            .build()
            .built()
    }

    fn write(&self) -> Value {
        let bytes = self.search_string.as_ref();
        let (name, text) = match std::str::from_utf8(bytes) {
            Ok(text) => ("SearchString", text.to_owned()),
            Err(_) => ("SearchStringBase64", base64::encode(bytes)),
        };
        let members = [
            (name, text.write()),
            ("FieldToMatch", self.field_to_match.write()),
            ("PositionalConstraint", self.positional_constraint.write()),
            ("PreParseTextTransformations", self.pre_parse_text_transformations.write()),
            ("TextTransformations", self.text_transformations.write()),
        ];
        let told = members.into_iter().filter(|(_, value)| !value.is_null());
        told.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
    }
}

/// `Type { "Member": field setter }`, with `unless 0` where the SDK has that value for an absent member.
macro_rules! shapes {
    ($($type:ident {
        $($name:literal: $field:ident $set:ident $(unless $absent:literal)?),* $(,)?
    })*) => {
        // CloudFormation keeps members that the SDK calls deprecated.
        $(#[allow(deprecated)]
        impl Shape for types::$type {
            fn read(value: &Value) -> Result<Self, Wrong> {
                let _members = Members::of(value, &[$($name),*])?;
                Self::builder()$(.$set(_members.get($name)?))*.build().built()
            }

            fn write(&self) -> Value {
                let mut _members = Map::new();
                $({
                    let value = self.$field.write();
                    if !value.is_null() $(&& self.$field != $absent)? {
                        _members.insert($name.into(), value);
                    }
                })*
                _members.into()
            }
        })*
    };
}

/// Words that are texts on the wire; new ones pass through.
macro_rules! words {
    ($($type:ident)*) => {
        $(impl Shape for types::$type {
            fn read(value: &Value) -> Result<Self, Wrong> {
                String::read(value).map(|word| Self::from(word.as_str()))
            }

            fn write(&self) -> Value {
                self.as_str().into()
            }
        })*
    };
}

words! {
    ActionValue AssociatedResourceType BodyParsingFallbackBehavior ComparisonOperator CountryCode
    DataProtectionAction FallbackBehavior FieldToProtectType FilterBehavior FilterRequirement
    ForwardedIpPosition InspectionLevel
    JsonMatchScope LabelMatchScope LowReputationMode MapMatchScope OversizeHandling PayloadType
    PositionalConstraint PreParseTextTransformationType RateBasedStatementAggregateKeyType
    ResponseContentType SensitivityLevel SensitivityToAct SizeInspectionLimit
    TextTransformationType UsageOfAction
}

shapes! {
    ActionCondition { "Action": action set_action }
    AddressField { "Identifier": identifier set_identifier }
    All {}
    AllQueryArguments {}
    AllowAction { "CustomRequestHandling": custom_request_handling set_custom_request_handling }
    AndStatement { "Statements": statements set_statements }
    ApplicationAttribute { "Name": name set_name, "Values": values set_values }
    ApplicationConfig { "Attributes": attributes set_attributes }
    AsnMatchStatement {
        "AsnList": asn_list set_asn_list,
        "ForwardedIPConfig": forwarded_ip_config set_forwarded_ip_config,
    }
    AssociationConfig {
        "RequestBody": request_body set_request_body,
        "ChallengeJavascriptSdkInjection": challenge_javascript_sdk_injection set_challenge_javascript_sdk_injection,
    }
    AwsManagedRulesAcfpRuleSet {
        "CreationPath": creation_path set_creation_path,
        "RegistrationPagePath": registration_page_path set_registration_page_path,
        "RequestInspection": request_inspection set_request_inspection,
        "ResponseInspection": response_inspection set_response_inspection,
        "EnableRegexInPath": enable_regex_in_path set_enable_regex_in_path,
    }
    AwsManagedRulesAntiDDoSRuleSet {
        "ClientSideActionConfig": client_side_action_config set_client_side_action_config,
        "SensitivityToBlock": sensitivity_to_block set_sensitivity_to_block,
    }
    AwsManagedRulesAtpRuleSet {
        "LoginPath": login_path set_login_path,
        "RequestInspection": request_inspection set_request_inspection,
        "ResponseInspection": response_inspection set_response_inspection,
        "EnableRegexInPath": enable_regex_in_path set_enable_regex_in_path,
    }
    AwsManagedRulesBotControlRuleSet {
        "InspectionLevel": inspection_level set_inspection_level,
        "EnableMachineLearning": enable_machine_learning set_enable_machine_learning,
    }
    BlockAction { "CustomResponse": custom_response set_custom_response }
    Body { "OversizeHandling": oversize_handling set_oversize_handling }
    CaptchaAction { "CustomRequestHandling": custom_request_handling set_custom_request_handling }
    CaptchaConfig { "ImmunityTimeProperty": immunity_time_property set_immunity_time_property }
    ChallengeAction { "CustomRequestHandling": custom_request_handling set_custom_request_handling }
    ChallengeConfig { "ImmunityTimeProperty": immunity_time_property set_immunity_time_property }
    ChallengeJavascriptSdkInjectionConfig {}
    ClientSideAction {
        "UsageOfAction": usage_of_action set_usage_of_action,
        "Sensitivity": sensitivity set_sensitivity,
        "ExemptUriRegularExpressions": exempt_uri_regular_expressions set_exempt_uri_regular_expressions,
    }
    ClientSideActionConfig { "Challenge": challenge set_challenge }
    Condition {
        "ActionCondition": action_condition set_action_condition,
        "LabelNameCondition": label_name_condition set_label_name_condition,
    }
    CookieMatchPattern {
        "All": all set_all,
        "IncludedCookies": included_cookies set_included_cookies,
        "ExcludedCookies": excluded_cookies set_excluded_cookies,
    }
    Cookies {
        "MatchPattern": match_pattern set_match_pattern,
        "MatchScope": match_scope set_match_scope,
        "OversizeHandling": oversize_handling set_oversize_handling,
    }
    CountAction { "CustomRequestHandling": custom_request_handling set_custom_request_handling }
    CustomHttpHeader { "Name": name set_name, "Value": value set_value }
    CustomRequestHandling { "InsertHeaders": insert_headers set_insert_headers }
    CustomResponse {
        "ResponseCode": response_code set_response_code,
        "CustomResponseBodyKey": custom_response_body_key set_custom_response_body_key,
        "ResponseHeaders": response_headers set_response_headers,
    }
    CustomResponseBody {
        "ContentType": content_type set_content_type,
        "Content": content set_content,
    }
    DataProtection {
        "Field": field set_field,
        "Action": action set_action,
        "ExcludeRuleMatchDetails": exclude_rule_match_details set_exclude_rule_match_details,
        "ExcludeRateBasedDetails": exclude_rate_based_details set_exclude_rate_based_details,
    }
    DataProtectionConfig { "DataProtections": data_protections set_data_protections }
    DefaultAction { "Block": block set_block, "Allow": allow set_allow }
    EmailField { "Identifier": identifier set_identifier }
    ExcludedRule { "Name": name set_name }
    FieldToMatch {
        "SingleHeader": single_header set_single_header,
        "SingleQueryArgument": single_query_argument set_single_query_argument,
        "AllQueryArguments": all_query_arguments set_all_query_arguments,
        "UriPath": uri_path set_uri_path,
        "QueryString": query_string set_query_string,
        "Body": body set_body,
        "Method": method set_method,
        "JsonBody": json_body set_json_body,
        "Headers": headers set_headers,
        "Cookies": cookies set_cookies,
        "HeaderOrder": header_order set_header_order,
        "JA3Fingerprint": ja3_fingerprint set_ja3_fingerprint,
        "JA4Fingerprint": ja4_fingerprint set_ja4_fingerprint,
        "UriFragment": uri_fragment set_uri_fragment,
    }
    FieldToProtect {
        "FieldType": field_type set_field_type,
        "FieldKeys": field_keys set_field_keys,
    }
    Filter {
        "Behavior": behavior set_behavior,
        "Requirement": requirement set_requirement,
        "Conditions": conditions set_conditions,
    }
    ForwardedIpConfig {
        "HeaderName": header_name set_header_name,
        "FallbackBehavior": fallback_behavior set_fallback_behavior,
    }
    GeoMatchStatement {
        "CountryCodes": country_codes set_country_codes,
        "ForwardedIPConfig": forwarded_ip_config set_forwarded_ip_config,
    }
    HeaderMatchPattern {
        "All": all set_all,
        "IncludedHeaders": included_headers set_included_headers,
        "ExcludedHeaders": excluded_headers set_excluded_headers,
    }
    HeaderOrder { "OversizeHandling": oversize_handling set_oversize_handling }
    Headers {
        "MatchPattern": match_pattern set_match_pattern,
        "MatchScope": match_scope set_match_scope,
        "OversizeHandling": oversize_handling set_oversize_handling,
    }
    ImmunityTimeProperty { "ImmunityTime": immunity_time set_immunity_time }
    IpSetForwardedIpConfig {
        "HeaderName": header_name set_header_name,
        "FallbackBehavior": fallback_behavior set_fallback_behavior,
        "Position": position set_position,
    }
    IpSetReferenceStatement {
        "Arn": arn set_arn,
        "IPSetForwardedIPConfig": ip_set_forwarded_ip_config set_ip_set_forwarded_ip_config,
    }
    Ja3Fingerprint { "FallbackBehavior": fallback_behavior set_fallback_behavior }
    Ja4Fingerprint { "FallbackBehavior": fallback_behavior set_fallback_behavior }
    JsonBody {
        "MatchPattern": match_pattern set_match_pattern,
        "MatchScope": match_scope set_match_scope,
        "InvalidFallbackBehavior": invalid_fallback_behavior set_invalid_fallback_behavior,
        "OversizeHandling": oversize_handling set_oversize_handling,
    }
    JsonMatchPattern { "All": all set_all, "IncludedPaths": included_paths set_included_paths }
    Label { "Name": name set_name }
    LabelMatchStatement { "Scope": scope set_scope, "Key": key set_key }
    LabelNameCondition { "LabelName": label_name set_label_name }
    LoggingFilter { "Filters": filters set_filters, "DefaultBehavior": default_behavior set_default_behavior }
    ManagedRuleGroupConfig {
        "LoginPath": login_path set_login_path,
        "PayloadType": payload_type set_payload_type,
        "UsernameField": username_field set_username_field,
        "PasswordField": password_field set_password_field,
        "AWSManagedRulesBotControlRuleSet": aws_managed_rules_bot_control_rule_set set_aws_managed_rules_bot_control_rule_set,
        "AWSManagedRulesATPRuleSet": aws_managed_rules_atp_rule_set set_aws_managed_rules_atp_rule_set,
        "AWSManagedRulesACFPRuleSet": aws_managed_rules_acfp_rule_set set_aws_managed_rules_acfp_rule_set,
        "AWSManagedRulesAntiDDoSRuleSet": aws_managed_rules_anti_d_do_s_rule_set set_aws_managed_rules_anti_d_do_s_rule_set,
    }
    ManagedRuleGroupStatement {
        "VendorName": vendor_name set_vendor_name,
        "Name": name set_name,
        "Version": version set_version,
        "ExcludedRules": excluded_rules set_excluded_rules,
        "ScopeDownStatement": scope_down_statement set_scope_down_statement,
        "ManagedRuleGroupConfigs": managed_rule_group_configs set_managed_rule_group_configs,
        "RuleActionOverrides": rule_action_overrides set_rule_action_overrides,
    }
    Method {}
    MonetizeAction { "PriceMultiplier": price_multiplier set_price_multiplier }
    NoneAction {}
    NotStatement { "Statement": statement set_statement }
    OnSourceDDoSProtectionConfig {
        "ALBLowReputationMode": alb_low_reputation_mode set_alb_low_reputation_mode,
    }
    OrStatement { "Statements": statements set_statements }
    OverrideAction { "Count": count set_count, "None": none set_none }
    PasswordField { "Identifier": identifier set_identifier }
    PhoneNumberField { "Identifier": identifier set_identifier }
    PreParseTextTransformation { "Priority": priority set_priority, "Type": r#type set_type }
    QueryString {}
    RateBasedStatement {
        "Limit": limit set_limit,
        "EvaluationWindowSec": evaluation_window_sec set_evaluation_window_sec unless 0,
        "AggregateKeyType": aggregate_key_type set_aggregate_key_type,
        "ScopeDownStatement": scope_down_statement set_scope_down_statement,
        "ForwardedIPConfig": forwarded_ip_config set_forwarded_ip_config,
        "CustomKeys": custom_keys set_custom_keys,
    }
    RateBasedStatementCustomKey {
        "Header": header set_header,
        "Cookie": cookie set_cookie,
        "QueryArgument": query_argument set_query_argument,
        "QueryString": query_string set_query_string,
        "HTTPMethod": http_method set_http_method,
        "ForwardedIP": forwarded_ip set_forwarded_ip,
        "IP": ip set_ip,
        "LabelNamespace": label_namespace set_label_namespace,
        "UriPath": uri_path set_uri_path,
        "JA3Fingerprint": ja3_fingerprint set_ja3_fingerprint,
        "JA4Fingerprint": ja4_fingerprint set_ja4_fingerprint,
        "ASN": asn set_asn,
    }
    RateLimitAsn {}
    RateLimitCookie {
        "Name": name set_name,
        "TextTransformations": text_transformations set_text_transformations,
    }
    RateLimitForwardedIp {}
    RateLimitHeader {
        "Name": name set_name,
        "TextTransformations": text_transformations set_text_transformations,
    }
    RateLimitHttpMethod {}
    RateLimitIp {}
    RateLimitJa3Fingerprint { "FallbackBehavior": fallback_behavior set_fallback_behavior }
    RateLimitJa4Fingerprint { "FallbackBehavior": fallback_behavior set_fallback_behavior }
    RateLimitLabelNamespace { "Namespace": namespace set_namespace }
    RateLimitQueryArgument {
        "Name": name set_name,
        "TextTransformations": text_transformations set_text_transformations,
    }
    RateLimitQueryString { "TextTransformations": text_transformations set_text_transformations }
    RateLimitUriPath { "TextTransformations": text_transformations set_text_transformations }
    Regex { "RegexString": regex_string set_regex_string }
    RegexMatchStatement {
        "RegexString": regex_string set_regex_string,
        "FieldToMatch": field_to_match set_field_to_match,
        "TextTransformations": text_transformations set_text_transformations,
        "PreParseTextTransformations": pre_parse_text_transformations set_pre_parse_text_transformations,
    }
    RegexPatternSetReferenceStatement {
        "Arn": arn set_arn,
        "FieldToMatch": field_to_match set_field_to_match,
        "TextTransformations": text_transformations set_text_transformations,
        "PreParseTextTransformations": pre_parse_text_transformations set_pre_parse_text_transformations,
    }
    RequestBodyAssociatedResourceTypeConfig {
        "DefaultSizeInspectionLimit": default_size_inspection_limit set_default_size_inspection_limit,
    }
    RequestInspection {
        "PayloadType": payload_type set_payload_type,
        "UsernameField": username_field set_username_field,
        "PasswordField": password_field set_password_field,
    }
    RequestInspectionAcfp {
        "PayloadType": payload_type set_payload_type,
        "UsernameField": username_field set_username_field,
        "PasswordField": password_field set_password_field,
        "EmailField": email_field set_email_field,
        "PhoneNumberFields": phone_number_fields set_phone_number_fields,
        "AddressFields": address_fields set_address_fields,
    }
    ResponseInspection {
        "StatusCode": status_code set_status_code,
        "Header": header set_header,
        "BodyContains": body_contains set_body_contains,
        "Json": json set_json,
    }
    ResponseInspectionBodyContains {
        "SuccessStrings": success_strings set_success_strings,
        "FailureStrings": failure_strings set_failure_strings,
    }
    ResponseInspectionHeader {
        "Name": name set_name,
        "SuccessValues": success_values set_success_values,
        "FailureValues": failure_values set_failure_values,
    }
    ResponseInspectionJson {
        "Identifier": identifier set_identifier,
        "SuccessValues": success_values set_success_values,
        "FailureValues": failure_values set_failure_values,
    }
    ResponseInspectionStatusCode {
        "SuccessCodes": success_codes set_success_codes,
        "FailureCodes": failure_codes set_failure_codes,
    }
    Rule {
        "Name": name set_name,
        "Priority": priority set_priority,
        "Statement": statement set_statement,
        "Action": action set_action,
        "OverrideAction": override_action set_override_action,
        "RuleLabels": rule_labels set_rule_labels,
        "VisibilityConfig": visibility_config set_visibility_config,
        "CaptchaConfig": captcha_config set_captcha_config,
        "ChallengeConfig": challenge_config set_challenge_config,
    }
    RuleAction {
        "Block": block set_block,
        "Allow": allow set_allow,
        "Count": count set_count,
        "Captcha": captcha set_captcha,
        "Challenge": challenge set_challenge,
        "Monetize": monetize set_monetize,
    }
    RuleActionOverride { "Name": name set_name, "ActionToUse": action_to_use set_action_to_use }
    RuleGroupReferenceStatement {
        "Arn": arn set_arn,
        "ExcludedRules": excluded_rules set_excluded_rules,
        "RuleActionOverrides": rule_action_overrides set_rule_action_overrides,
    }
    SingleHeader { "Name": name set_name }
    SingleQueryArgument { "Name": name set_name }
    SizeConstraintStatement {
        "FieldToMatch": field_to_match set_field_to_match,
        "ComparisonOperator": comparison_operator set_comparison_operator,
        "Size": size set_size,
        "TextTransformations": text_transformations set_text_transformations,
        "PreParseTextTransformations": pre_parse_text_transformations set_pre_parse_text_transformations,
    }
    SqliMatchStatement {
        "FieldToMatch": field_to_match set_field_to_match,
        "TextTransformations": text_transformations set_text_transformations,
        "PreParseTextTransformations": pre_parse_text_transformations set_pre_parse_text_transformations,
        "SensitivityLevel": sensitivity_level set_sensitivity_level,
    }
    Statement {
        "ByteMatchStatement": byte_match_statement set_byte_match_statement,
        "SqliMatchStatement": sqli_match_statement set_sqli_match_statement,
        "XssMatchStatement": xss_match_statement set_xss_match_statement,
        "SizeConstraintStatement": size_constraint_statement set_size_constraint_statement,
        "GeoMatchStatement": geo_match_statement set_geo_match_statement,
        "RuleGroupReferenceStatement": rule_group_reference_statement set_rule_group_reference_statement,
        "IPSetReferenceStatement": ip_set_reference_statement set_ip_set_reference_statement,
        "RegexPatternSetReferenceStatement": regex_pattern_set_reference_statement set_regex_pattern_set_reference_statement,
        "RateBasedStatement": rate_based_statement set_rate_based_statement,
        "AndStatement": and_statement set_and_statement,
        "OrStatement": or_statement set_or_statement,
        "NotStatement": not_statement set_not_statement,
        "ManagedRuleGroupStatement": managed_rule_group_statement set_managed_rule_group_statement,
        "LabelMatchStatement": label_match_statement set_label_match_statement,
        "RegexMatchStatement": regex_match_statement set_regex_match_statement,
        "AsnMatchStatement": asn_match_statement set_asn_match_statement,
    }
    TextTransformation { "Priority": priority set_priority, "Type": r#type set_type }
    UriFragment { "FallbackBehavior": fallback_behavior set_fallback_behavior }
    UriPath {}
    UsernameField { "Identifier": identifier set_identifier }
    VisibilityConfig {
        "SampledRequestsEnabled": sampled_requests_enabled set_sampled_requests_enabled,
        "CloudWatchMetricsEnabled": cloud_watch_metrics_enabled set_cloud_watch_metrics_enabled,
        "MetricName": metric_name set_metric_name,
    }
    XssMatchStatement {
        "FieldToMatch": field_to_match set_field_to_match,
        "TextTransformations": text_transformations set_text_transformations,
        "PreParseTextTransformations": pre_parse_text_transformations set_pre_parse_text_transformations,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(value: &Value) -> Result<Shaped<Rules>, serde_json::Error> {
        Shaped::deserialize(value)
    }

    fn visible(name: &str) -> Value {
        json!({
            "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": name,
        })
    }

    fn transformed(statement: &str) -> Value {
        json!({statement: {
            "FieldToMatch": {"Body": {"OversizeHandling": "CONTINUE"}},
            "TextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}],
        }})
    }

    /// A rule of every sort that people write.
    fn all_sorts() -> Value {
        let statements = [
            json!({"ManagedRuleGroupStatement": {
                "VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet", "Version": "1.1",
                "ExcludedRules": [{"Name": "NoUserAgent_HEADER"}],
                "RuleActionOverrides": [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}],
                "ScopeDownStatement": {"NotStatement": {"Statement": {
                    "LabelMatchStatement": {"Scope": "LABEL", "Key": "internal"},
                }}},
                "ManagedRuleGroupConfigs": [{"AWSManagedRulesBotControlRuleSet": {
                    "InspectionLevel": "COMMON", "EnableMachineLearning": true,
                }}],
            }}),
            json!({"RateBasedStatement": {
                "Limit": 2000, "AggregateKeyType": "CUSTOM_KEYS", "EvaluationWindowSec": 60,
                "CustomKeys": [{"IP": {}}, {"Header": {
                    "Name": "x-user", "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
                }}],
                "ScopeDownStatement": {"GeoMatchStatement": {
                    "CountryCodes": ["DE", "FR"],
                    "ForwardedIPConfig": {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "MATCH"},
                }},
            }}),
            transformed("SqliMatchStatement"),
            transformed("XssMatchStatement"),
            json!({"AndStatement": {"Statements": [
                {"IPSetReferenceStatement": {"Arn": "arn:ips"}},
                {"OrStatement": {"Statements": [
                    {"RegexPatternSetReferenceStatement": {
                        "Arn": "arn:regexes", "FieldToMatch": {"UriPath": {}},
                        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
                    }},
                    {"SizeConstraintStatement": {
                        "ComparisonOperator": "GT", "Size": 8192, "FieldToMatch": {"QueryString": {}},
                        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
                    }},
                    {"ByteMatchStatement": {
                        "SearchString": "/admin", "PositionalConstraint": "STARTS_WITH",
                        "FieldToMatch": {"SingleHeader": {"Name": "referer"}},
                        "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}],
                    }},
                ]}},
            ]}}),
        ];
        let rule = |(priority, statement): (usize, &Value)| {
            let name = format!("rule-{priority}");
            let mut rule = json!({
                "Name": name, "Priority": priority, "Statement": statement,
                "VisibilityConfig": visible(&name), "RuleLabels": [{"Name": "seen"}],
                "CaptchaConfig": {"ImmunityTimeProperty": {"ImmunityTime": 300}},
            });
            let (member, action) = if priority == 0 {
                ("OverrideAction", json!({"None": {}}))
            } else {
                let response = json!({"ResponseCode": 429, "CustomResponseBodyKey": "slow"});
                ("Action", json!({"Block": {"CustomResponse": response}}))
            };
            rule[member] = action;
            rule
        };
        statements.iter().enumerate().map(rule).collect()
    }

    #[test]
    fn rules_of_all_sorts_pass_unchanged() {
        let written = all_sorts();
        assert_eq!(serde_json::to_value(rules(&written).unwrap()).unwrap(), written);
    }

    #[test]
    fn rules_are_in_the_order_of_their_priorities() {
        let mut reversed = all_sorts();
        reversed.as_array_mut().unwrap().reverse();
        assert_eq!(serde_json::to_value(rules(&reversed).unwrap()).unwrap(), all_sorts());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let mistake = |edit: &dyn Fn(&mut Value)| {
            let mut written = all_sorts();
            edit(&mut written);
            rules(&written).unwrap_err().to_string()
        };
        let typo =
            mistake(&|rules| rules[1]["Statement"]["RateBasedStatement"]["Limits"] = 1.into());
        assert_eq!(typo, "[1].Statement.RateBasedStatement.Limits: unknown property");
        let text = mistake(&|rules| rules[0]["Priority"] = "first".into());
        assert_eq!(text, "[0].Priority: expected a whole number, found `\"first\"`");
        let missing = mistake(&|rules| rules[0]["VisibilityConfig"] = json!({}));
        assert!(missing.starts_with("[0].VisibilityConfig: "), "{missing}");
    }

    #[test]
    fn bytes_are_text_where_they_can_be() {
        let statement = |member: &str, text: &str| {
            json!({
                member: text, "PositionalConstraint": "EXACTLY", "FieldToMatch": {"Method": {}},
                "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
            })
        };
        let passed = |value: &Value| types::ByteMatchStatement::read(value).unwrap().write();
        let text = statement("SearchStringBase64", "YWRtaW4=");
        assert_eq!(passed(&text), statement("SearchString", "admin"));
        let bytes = statement("SearchStringBase64", "/w==");
        assert_eq!(passed(&bytes), bytes);
    }
}
