//! A firewall: its lists of addresses, and a web ACL wherever something uses it.

use serde_json::{Value, json};

use super::{Compiler, EDGE_REGION, get};
use crate::address::Address;
use crate::blueprint::component::firewall::{
    CountryRule, Firewall, FirewallLogging, LoggedRequests, Mode, RateRule, Rule, RuleSet,
    RuleSetRule, Scope, Verdict,
};
use crate::blueprint::value::{Cidr, Name};
use crate::source::Spanned;

impl Compiler<'_> {
    pub(super) fn firewall(&mut self, name: &Name, firewall: &Firewall) {
        for scope in self.scopes(name) {
            self.web_acl(name, firewall, scope);
        }
    }

    /// Where a firewall stands: wherever something uses it, and in the region if nothing does.
    pub(super) fn scopes(&self, name: &Name) -> Vec<Scope> {
        let used_by_cdn = self
            .blueprint
            .cdn
            .values()
            .any(|cdn| cdn.firewall.as_ref().is_some_and(|it| it.name == *name));
        let used_by_balancer = self
            .blueprint
            .load_balancers
            .values()
            .any(|balancer| balancer.firewall.as_ref().is_some_and(|it| it.name == *name));
        match (used_by_balancer, used_by_cdn) {
            (true, true) => vec![Scope::Regional, Scope::Edge],
            (false, true) => vec![Scope::Edge],
            (_, false) => vec![Scope::Regional],
        }
    }

    fn web_acl(&mut self, name: &Name, firewall: &Firewall, scope: Scope) {
        let lists = [
            ("block", &firewall.block, Verdict::Block),
            ("allow", &firewall.allow, Verdict::Allow),
        ];
        let mut rules = Vec::new();
        for (list, ranges, verdict) in lists {
            if ranges.is_empty() {
                continue;
            }
            let addresses = self.addresses(name, list, ranges, scope);
            let statement = json!({"IPSetReferenceStatement": {"Arn": get(&addresses, "Arn")}});
            rules.push(own(rules.len(), &format!("{list}-addresses"), statement, action(verdict)));
        }
        for written in firewall.rules.iter() {
            rules.push(rule(rules.len(), &written.value));
        }
        let spec = json!({
            "Name": self.name(name),
            "Scope": word(scope),
            "DefaultAction": action(firewall.default),
            "Rules": rules,
            "VisibilityConfig": visibility(&self.name(name)),
        });
        let region = self.region_of(scope);
        let acl = address_in(name, scope);
        self.add(&acl, "AWS::WAFv2::WebACL", spec).region(&region);
        if let Some(logging) = &firewall.logging {
            self.firewall_logging(name, logging, scope);
        }
    }

    fn addresses(
        &mut self,
        name: &Name,
        list: &str,
        ranges: &[Spanned<Cidr>],
        scope: Scope,
    ) -> Address {
        let ranges: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        let spec = json!({
            "Name": self.name(format!("{name}-{list}")),
            "Scope": word(scope),
            "IPAddressVersion": "IPV4",
            "Addresses": ranges,
        });
        let region = self.region_of(scope);
        let address = at(name, &format!("addresses/{list}"), scope);
        self.add(&address, "AWS::WAFv2::IPSet", spec).region(&region);
        address
    }

    fn firewall_logging(&mut self, name: &Name, logging: &FirewallLogging, scope: Scope) {
        let region = self.region_of(scope);
        // WAF writes only to groups whose names begin so.
        let group_name = format!("aws-waf-logs-{}", self.name(name));
        let group = at(name, "log-group", scope);
        let spec = json!({
            "LogGroupName": group_name,
            "RetentionInDays": logging.retention.days,
        });
        self.add(&group, "AWS::Logs::LogGroup", spec).region(&region);
        let redacted: Vec<Value> = logging
            .redact
            .iter()
            .map(|name| json!({"SingleHeader": {"Name": name.as_str()}}))
            .collect();
        let spec = json!({
            "ResourceArn": get(&address_in(name, scope), "Arn"),
            // Without the `:*` with which the group's own ARN ends.
            "LogDestinationConfigs": [self.arn("logs", &region, &format!("log-group:{group_name}"))],
            "RedactedFields": (!redacted.is_empty()).then_some(redacted),
            "LoggingFilter": match logging.requests {
                LoggedRequests::All => Value::Null,
                LoggedRequests::Matched => json!({
                    "DefaultBehavior": "DROP",
                    "Filters": [{
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [
                            {"ActionCondition": {"Action": "BLOCK"}},
                            {"ActionCondition": {"Action": "COUNT"}},
                            {"ActionCondition": {"Action": "EXCLUDED_AS_COUNT"}},
                        ],
                    }],
                }),
            },
        });
        let logging = at(name, "logging", scope);
        self.add(&logging, "AWS::WAFv2::LoggingConfiguration", spec).region(&region).after(&group);
    }

    /// Where what belongs to a web ACL of a scope stands.
    fn region_of(&self, scope: Scope) -> String {
        match scope {
            Scope::Regional => self.builder.region().to_owned(),
            Scope::Edge => EDGE_REGION.to_owned(),
        }
    }
}

fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::Regional => "REGIONAL",
        Scope::Edge => "CLOUDFRONT",
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

/// The web ACL for load balancers.
pub(super) fn address(name: &Name) -> Address {
    address_in(name, Scope::Regional)
}

/// The web ACL for CDNs.
pub(super) fn edge_address(name: &Name) -> Address {
    address_in(name, Scope::Edge)
}

pub(super) fn address_in(name: &Name, scope: Scope) -> Address {
    at(name, "web-acl", scope)
}

fn at(name: &Name, role: &str, scope: Scope) -> Address {
    let component = format!("firewalls.{name}");
    match scope {
        Scope::Regional => Address::of(&component, role),
        Scope::Edge => Address::of(&component, &format!("edge/{role}")),
    }
}
