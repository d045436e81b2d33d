//! A web ACL.

use serde_json::{Value, json};

use super::Compiler;
use crate::address::Address;
use crate::blueprint::component::firewall::{
    CountryRule, Firewall, Mode, RateRule, Rule, RuleSet, RuleSetRule, Scope, Verdict,
};
use crate::blueprint::value::Name;

/// CloudFront's web ACLs live here, wherever the rest of a stack is.
const CLOUDFRONT_REGION: &str = "us-east-1";

impl Compiler<'_> {
    pub(super) fn firewall(&mut self, name: &Name, firewall: &Firewall) {
        let rules = firewall.rules.iter().enumerate();
        let rules: Vec<Value> = rules.map(|(priority, it)| rule(priority, &it.value)).collect();
        let spec = json!({
            "Name": self.name(name),
            "Scope": match firewall.scope.value {
                Scope::Regional => "REGIONAL",
                Scope::Cloudfront => "CLOUDFRONT",
            },
            "DefaultAction": action(firewall.default),
            "Rules": rules,
            "VisibilityConfig": visibility(&self.name(name)),
        });
        let added = self.add(&address(name), "AWS::WAFv2::WebACL", spec);
        if firewall.scope.value == Scope::Cloudfront {
            added.region(CLOUDFRONT_REGION);
        }
    }
}

fn rule(priority: usize, rule: &Rule) -> Value {
    match rule {
        Rule::RuleSet(RuleSetRule { rule_set, mode }) => {
            rule_set_rule(priority, rule_set.value, *mode)
        }
        Rule::Rate(RateRule { rate, per, mode }) => {
            let statement = json!({"RateBasedStatement": {
                "Limit": rate.get(),
                "AggregateKeyType": "IP",
                "EvaluationWindowSec": per.seconds(),
            }});
            own(priority, &format!("rate-{rate}-per-{per}"), statement, refusal(*mode))
        }
        Rule::Countries(CountryRule { countries, then }) => {
            let codes: Vec<&str> = countries.iter().map(|code| code.as_str()).collect();
            let statement = json!({"GeoMatchStatement": {"CountryCodes": codes}});
            own(priority, &format!("{then}-countries-{priority}"), statement, action(*then))
        }
    }
}

fn rule_set_rule(priority: usize, rule_set: RuleSet, mode: Mode) -> Value {
    let managed = match rule_set {
        RuleSet::CrossSiteScripting => {
            return own(priority, rule_set.as_str(), cross_site_scripting(), refusal(mode));
        }
        RuleSet::SqlInjection => "AWSManagedRulesSQLiRuleSet",
        RuleSet::IpReputation => "AWSManagedRulesAmazonIpReputationList",
        RuleSet::AnonymousIp => "AWSManagedRulesAnonymousIpList",
        RuleSet::KnownBadInputs => "AWSManagedRulesKnownBadInputsRuleSet",
        RuleSet::Common => "AWSManagedRulesCommonRuleSet",
        RuleSet::AdminProtection => "AWSManagedRulesAdminProtectionRuleSet",
        RuleSet::Linux => "AWSManagedRulesLinuxRuleSet",
    };
    json!({
        "Name": rule_set.as_str(),
        "Priority": priority,
        "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": managed}},
        "OverrideAction": match mode {
            Mode::Block => json!({"None": {}}),
            Mode::Count => json!({"Count": {}}),
        },
        "VisibilityConfig": visibility(rule_set.as_str()),
    })
}

fn own(priority: usize, name: &str, statement: Value, action: Value) -> Value {
    json!({
        "Name": name,
        "Priority": priority,
        "Statement": statement,
        "Action": action,
        "VisibilityConfig": visibility(name),
    })
}

/// The parts of a request in which script may hide, decoded as a browser would.
fn cross_site_scripting() -> Value {
    let fields = [
        json!({"QueryString": {}}),
        json!({"Body": {"OversizeHandling": "CONTINUE"}}),
        json!({"Cookies": {"MatchPattern": {"All": {}}, "MatchScope": "VALUE", "OversizeHandling": "CONTINUE"}}),
        json!({"UriPath": {}}),
    ];
    let statements = fields.map(|field| {
        json!({"XssMatchStatement": {
            "FieldToMatch": field,
            "TextTransformations": [
                {"Priority": 0, "Type": "URL_DECODE"},
                {"Priority": 1, "Type": "HTML_ENTITY_DECODE"},
            ],
        }})
    });
    json!({"OrStatement": {"Statements": statements}})
}

fn action(verdict: Verdict) -> Value {
    match verdict {
        Verdict::Allow => json!({"Allow": {}}),
        Verdict::Block => json!({"Block": {}}),
    }
}

fn refusal(mode: Mode) -> Value {
    match mode {
        Mode::Block => json!({"Block": {}}),
        Mode::Count => json!({"Count": {}}),
    }
}

fn visibility(metric: &str) -> Value {
    json!({"CloudWatchMetricsEnabled": true, "SampledRequestsEnabled": true, "MetricName": metric})
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&format!("firewalls.{name}"), "web-acl")
}
