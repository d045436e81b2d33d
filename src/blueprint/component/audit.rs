//! `audit`: who did what in the account, whether what is there is as it should be, and who attacks it.

use std::collections::BTreeMap;

use super::Component;
use super::alarm::check_topics;
use super::key::Key;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::{ComponentType, Link, Reference};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{ConfigRuleName, Days, Int, Name, ParameterName, Retention};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// The audit of an account. An account has one recorder and one detector in a region, so one stack audits it.
    pub struct Audit("an audit") {
        /// Records who did what: CloudTrail, in all regions, with files that prove that nobody changed them.
        pub trail: Option<Trail>,
        /// Records what is there and judges it by rules: AWS Config.
        pub config: Option<Config>,
        /// Finds attacks: GuardDuty.
        pub threats: Option<Threats>,
    }
}

schema! {
    /// Records who did what.
    pub struct Trail("a trail") {
        /// How long the files are kept.
        pub retention: Days<1, 36_500> = "365d",
        /// Sends the events to CloudWatch, too, where they can be searched.
        pub logs: Option<TrailLogs>,
        /// Tells unusual numbers of calls and errors.
        pub insights: bool = "false",
        /// The key that encrypts the files; one of S3 if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
    }
}

schema! {
    /// Events in CloudWatch.
    pub struct TrailLogs("a trail's logs") {
        /// How long they are kept.
        pub retention: Retention = "90d",
    }
}

schema! {
    /// Records what is there and judges it by rules.
    pub struct Config("a configuration recorder") {
        /// How long the record is kept.
        pub retention: Days<1, 36_500> = "365d",
        /// How often the whole is written down.
        pub snapshots: SnapshotFrequency = "24h",
        /// Also what belongs to no region, such as roles: in one region of an account.
        pub global: bool = "true",
        /// The rules by which it is judged: names of AWS's rules, or names with parameters.
        pub rules: Vec<Spanned<ConfigRule>>,
    }
}

schema! {
    /// How often the whole is written down.
    pub enum SnapshotFrequency {
        /// Every hour.
        Hours1 = "1h",
        /// Every three hours.
        Hours3 = "3h",
        /// Every six hours.
        Hours6 = "6h",
        /// Every twelve hours.
        Hours12 = "12h",
        /// Every day.
        Hours24 = "24h",
    }
}

/// A rule of AWS Config; its name alone stands for one without parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigRule {
    pub rule: Spanned<ConfigRuleName>,
    pub parameters: BTreeMap<ParameterName, String>,
}

schema! {
    /// A rule of AWS Config.
    struct ConfigRuleSettings("a rule") {
        /// Its name.
        rule: Spanned<ConfigRuleName>,
        /// Its parameters.
        parameters: BTreeMap<ParameterName, String>,
    }
}

impl Decode for ConfigRule {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if let Value::Scalar(_) = node.value {
            let rule = Spanned::decode(node, decoder)?;
            return Some(Self { rule, parameters: BTreeMap::new() });
        }
        let ConfigRuleSettings { rule, parameters } = ConfigRuleSettings::decode(node, decoder)?;
        Some(Self { rule, parameters })
    }

    fn shape() -> Shape {
        Shape::Either(vec![<ConfigRuleName as Decode>::shape(), ConfigRuleSettings::shape()])
    }
}

schema! {
    /// Finds attacks.
    pub struct Threats("threat detection") {
        /// What is watched beside calls, connections and names asked for.
        pub watch: Vec<Spanned<Watched>> = "[buckets, clusters, databases, functions, volumes]",
        /// The topics that are told of findings.
        pub notify: Vec<Spanned<Reference>>,
        /// How severe a finding must be to be told, from 1 to 10: 4 is medium, 7 high.
        pub severity: Int<1, 10> = "4",
    }
}

schema! {
    /// What GuardDuty watches beside calls, connections and names asked for.
    pub enum Watched {
        /// Who uses objects of buckets.
        Buckets = "buckets",
        /// The audit logs of EKS clusters.
        Clusters = "clusters",
        /// Logins to databases.
        Databases = "databases",
        /// The connections of Lambda functions.
        Functions = "functions",
        /// What runs on nodes, by an agent that GuardDuty installs in clusters.
        Runtime = "runtime",
        /// Malware on the volumes of suspicious instances.
        Volumes = "volumes",
    }
}

impl Component for Audit {
    const TYPE: ComponentType = ComponentType::Audit;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        if self.trail.is_none() && self.config.is_none() && self.threats.is_none() {
            check.report(
                Diagnostic::error("an audit needs a `trail`, a `config` or `threats`")
                    .at(at, "audits nothing"),
            );
        }
        if let Some(config) = &self.config {
            let mut seen: Vec<&Spanned<ConfigRuleName>> = Vec::new();
            for rule in &config.rules {
                if let Some(first) = seen.iter().find(|it| it.value == rule.rule.value) {
                    check.report(
                        Diagnostic::error(format!("rule `{}` is used twice", rule.rule))
                            .at(rule.rule.span, "used again")
                            .also(first.span, "first used here"),
                    );
                }
                seen.push(&rule.rule);
            }
        }
        if let Some(threats) = &self.threats {
            check_topics(&threats.notify, check);
        }
    }
}
