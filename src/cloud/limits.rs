//! Request limits as data: a token bucket for each group of actions, per region, so that no throttle comes by
//! construction. A throttle that comes anyway halves the bucket's refill, which then recovers slowly.
//!
//! Figures: the services' documented quotas (EC2 "Request throttling", Elastic Load Balancing "API throttling",
//! Route 53 "Maximums on API requests", Secrets Manager, Lambda and EKS quotas). S3 takes 5500 reads a second for each
//! prefix of keys and 3500 writes, and says nothing of configurations; a small part of that. An API server of Kubernetes
//! shares its seats fairly and answers 429 when there are none; `kubectl` starts with bursts of 300. Where a service publishes none, we start at
//! 10 / 5 for mutating and 20 / 10 for reading actions and adapt.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::aws::scaled;
use crate::fault::Call;

/// A bucket's size and its refill per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub burst: f64,
    pub refill: f64,
}

/// Buckets shared by all clients of a region.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How much faster than AWS the endpoint lives: 1 for AWS, the sandbox's speed there.
    speed: f64,
    buckets: Arc<Mutex<BTreeMap<(&'static str, String), Bucket>>>,
}

#[derive(Debug)]
struct Bucket {
    limit: Limit,
    /// May be negative: requests that wait have taken theirs already.
    tokens: f64,
    /// Refill per second now: at most the limit's.
    refill: f64,
    filled: Instant,
}

/// A refill that was halved gains this share of the documented one each second.
const RECOVERY_PER_SECOND: f64 = 0.05;
/// Timers tick in milliseconds: who waited for a token may come that much too early.
const ROUNDING: f64 = 0.01;
/// However often it is halved, some requests go through.
const REFILL_MIN: f64 = 0.2;

struct Rule {
    group: &'static str,
    service: &'static str,
    /// Prefixes of actions; the first rule that matches counts. Empty: all.
    actions: &'static [&'static str],
    limit: Limit,
}

const fn rule(
    group: &'static str,
    service: &'static str,
    actions: &'static [&'static str],
    burst: f64,
    refill: f64,
) -> Rule {
    Rule { group, service, actions, limit: Limit { burst, refill } }
}

const READS: &[&str] = &["Describe", "Get", "List", "BatchGet"];

const RULES: &[Rule] = &[
    rule(
        "ec2 endpoints",
        "ec2",
        &["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoint"],
        4.0,
        0.3,
    ),
    rule("ec2 nat", "ec2", &["CreateNatGateway", "DeleteNatGateway"], 10.0, 1.0),
    rule("ec2 tags", "ec2", &["CreateTags", "DeleteTags"], 100.0, 10.0),
    rule("ec2 read", "ec2", READS, 100.0, 20.0),
    rule("ec2 write", "ec2", &[], 50.0, 5.0),
    rule("elb read", "elasticloadbalancing", READS, 40.0, 10.0),
    rule("elb write", "elasticloadbalancing", &[], 10.0, 3.0),
    rule("lambda function", "lambda", &["GetFunction"], 100.0, 100.0),
    rule("lambda policy", "lambda", &["GetPolicy"], 15.0, 15.0),
    rule("lambda", "lambda", &[], 15.0, 15.0),
    rule("route53", "route53", &[], 5.0, 5.0),
    rule("secrets list", "secretsmanager", &["List"], 100.0, 100.0),
    rule("secrets read", "secretsmanager", READS, 10_000.0, 10_000.0),
    rule("secrets write", "secretsmanager", &[], 50.0, 50.0),
    rule("s3 read", "s3", READS, 100.0, 100.0),
    rule("s3 objects", "s3", &["PutObject", "DeleteObject"], 100.0, 100.0),
    rule("kubernetes", "kubernetes", &[], 200.0, 50.0),
    rule("any read", "", READS, 20.0, 10.0),
    rule("any write", "", &[], 10.0, 5.0),
];

impl Limits {
    /// Limits of an endpoint that lives `speed` times as fast as AWS.
    pub fn new(speed: f64) -> Self {
        Self { speed, buckets: Arc::default() }
    }

    /// The bucket into which a call falls, and how large that is.
    pub fn of(call: &Call) -> (&'static str, Limit) {
        let rule = rule_of(call);
        (rule.group, rule.limit)
    }

    /// A pause where time runs as fast as here.
    pub(super) fn scaled(&self, pause: Duration) -> Duration {
        scaled(pause, self.speed)
    }

    /// Waits until the call fits into its bucket.
    pub async fn admit(&self, call: &Call) {
        let wait = self.take(call, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// The service's side of the same bucket: whether a call that comes now is taken.
    pub fn accept(&self, call: &Call) -> bool {
        self.with_bucket(call, Instant::now(), |bucket| {
            let accepted = bucket.tokens >= 1.0 - ROUNDING;
            if accepted {
                bucket.tokens -= 1.0;
            }
            accepted
        })
    }

    /// Notes that the service refused a call for its rate.
    pub fn throttled(&self, call: &Call) {
        self.with_bucket(call, Instant::now(), |bucket| {
            bucket.refill = (bucket.refill / 2.0).max(REFILL_MIN);
            bucket.tokens = bucket.tokens.min(0.0);
        });
    }

    fn take(&self, call: &Call, now: Instant) -> Duration {
        self.with_bucket(call, now, |bucket| {
            bucket.tokens -= 1.0;
            let debt = (-bucket.tokens).max(0.0);
            Duration::from_secs_f64(debt / bucket.refill)
        })
    }

    fn with_bucket<T>(&self, call: &Call, now: Instant, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let rule = rule_of(call);
        let limit = Limit { burst: rule.limit.burst, refill: rule.limit.refill * self.speed };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        // The rules for services without published limits are shared, their buckets are not.
        let bucket = buckets.entry((rule.group, call.service.clone())).or_insert_with(|| Bucket {
            limit,
            tokens: limit.burst,
            refill: limit.refill,
            filled: now,
        });
        bucket.fill(now);
        act(bucket)
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + seconds * self.refill).min(self.limit.burst);
        let recovered = self.refill + seconds * self.limit.refill * RECOVERY_PER_SECOND;
        self.refill = recovered.min(self.limit.refill);
    }
}

fn rule_of(call: &Call) -> &'static Rule {
    let matches = |rule: &&Rule| {
        (rule.service.is_empty() || rule.service == call.service)
            && (rule.actions.is_empty() || rule.actions.iter().any(|p| call.action.starts_with(p)))
    };
    RULES.iter().find(matches).expect("the last rule matches every call")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(service: &str, action: &str) -> Call {
        Call { service: service.into(), action: action.into() }
    }

    #[test]
    fn actions_fall_into_their_documented_buckets() {
        let group = |service, action| rule_of(&call(service, action)).group;
        assert_eq!(group("ec2", "CreateNatGateway"), "ec2 nat");
        assert_eq!(group("ec2", "DescribeVpcs"), "ec2 read");
        assert_eq!(group("ec2", "CreateVpc"), "ec2 write");
        assert_eq!(group("route53", "ListHostedZones"), "route53");
        assert_eq!(group("iam", "GetRole"), "any read");
        assert_eq!(group("iam", "CreateRole"), "any write");
    }

    #[test]
    fn a_burst_is_free_and_then_the_refill_rules() {
        let (limits, now) = (Limits::new(1.0), Instant::now());
        let waits: Vec<f64> = (0..12)
            .map(|_| limits.take(&call("ec2", "CreateNatGateway"), now).as_secs_f64())
            .collect();
        assert!(waits[..10].iter().all(|&wait| wait == 0.0));
        assert_eq!(waits[10..], [1.0, 2.0]);
    }

    #[test]
    fn a_throttle_halves_the_refill_and_time_heals_it() {
        let (limits, call) = (Limits::new(1.0), call("ec2", "CreateNatGateway"));
        limits.throttled(&call);
        let wait = limits.take(&call, Instant::now()).as_secs_f64();
        assert!((1.9..=2.0).contains(&wait), "{wait}");
        let later = Instant::now() + Duration::from_mins(1);
        assert!(limits.take(&call, later).is_zero());
    }

    #[test]
    fn services_without_published_limits_do_not_share_a_bucket() {
        let (limits, now) = (Limits::new(1.0), Instant::now());
        for _ in 0..10 {
            limits.take(&call("iam", "CreateRole"), now);
        }
        assert!(!limits.take(&call("iam", "CreateRole"), now).is_zero());
        assert!(limits.take(&call("rds", "CreateDBInstance"), now).is_zero());
    }
}
