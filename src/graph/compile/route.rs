//! The routes of a load balancer: a rule for each path, the more exact ones asked first.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Compiler, get, load_balancer, short_hash};
use crate::address::Address;
use crate::blueprint::component::load_balancer::LoadBalancer;
use crate::blueprint::component::route::{Destination, Redirect, Response, Route};
use crate::blueprint::value::{HostPattern, Name, PathPattern};

impl Compiler<'_> {
    pub(super) fn routes(&mut self, name: &Name, balancer: &LoadBalancer, listener: &Address) {
        let mut taken = BTreeSet::new();
        for route in &balancer.routes {
            for path in route.paths() {
                let hosts: Vec<&str> = route.hosts.iter().map(|host| host.as_str()).collect();
                let key = format!("{}{}", hosts.join(","), path.map_or("", |path| path.as_str()));
                let mut conditions = Vec::new();
                if !hosts.is_empty() {
                    conditions.push(
                        json!({"Field": "host-header", "HostHeaderConfig": {"Values": hosts}}),
                    );
                }
                if let Some(path) = path {
                    conditions.push(
                        json!({"Field": "path-pattern", "PathPatternConfig": {"Values": [path.as_str()]}}),
                    );
                }
                let spec = json!({
                    "ListenerArn": get(listener, "ListenerArn"),
                    "Priority": priority(route, path, &key, &mut taken),
                    "Conditions": conditions,
                    "Actions": [action(name, route)],
                });
                let role = format!("rule/{}", slug(&key));
                let at = Address::of(&load_balancer::component(name), &role);
                self.add(&at, "AWS::ElasticLoadBalancingV2::ListenerRule", spec);
            }
        }
    }
}

/// The action that forwards to targets of a load balancer.
pub(super) fn forward(balancer: &Name, destination: &Destination) -> Value {
    let arn = |target: &Name| get(&load_balancer::target_group(balancer, target), "TargetGroupArn");
    match destination {
        Destination::One(target) => json!({"Type": "forward", "TargetGroupArn": arn(target)}),
        Destination::Weighted(weights) => {
            let groups: Vec<Value> = weights
                .iter()
                .map(|(target, weight)| json!({"TargetGroupArn": arn(target), "Weight": weight.get()}))
                .collect();
            json!({"Type": "forward", "ForwardConfig": {"TargetGroups": groups}})
        }
    }
}

fn action(balancer: &Name, route: &Route) -> Value {
    match (&route.to, &route.redirect, &route.respond) {
        (Some(to), ..) => forward(balancer, to),
        (None, Some(redirect), _) => redirection(redirect),
        (None, None, Some(response)) => fixed(response),
        (None, None, None) => Value::Null,
    }
}

fn redirection(redirect: &Redirect) -> Value {
    let Redirect { host, path, port, permanent } = redirect;
    json!({"Type": "redirect", "RedirectConfig": {
        "Protocol": "#{protocol}",
        "Host": host.as_ref().map_or("#{host}", |host| host.as_str()),
        "Port": port.map_or("#{port}".into(), |port| port.to_string()),
        "Path": path.as_ref().map_or("/#{path}", |path| path.as_str()),
        "Query": "#{query}",
        "StatusCode": if *permanent { "HTTP_301" } else { "HTTP_302" },
    }})
}

fn fixed(response: &Response) -> Value {
    json!({"Type": "fixed-response", "FixedResponseConfig": {
        "StatusCode": response.status.to_string(),
        "MessageBody": response.body.as_ref().map(|body| body.value.clone()),
        "ContentType": response.body.as_ref().map(|_| response.r#type.as_str()),
    }})
}

/// Priorities of a listener go from 1 to 50,000. So many share each degree of exactness, and within it the hash of what
/// a rule matches decides: no rule moves because another one comes or goes.
const SLOTS: u32 = 64;
/// No, some or only literal host names; and for each 129 lengths of a path's literal part, with wildcards or without.
const DEGREES: u32 = 3 * PATH_DEGREES;
const PATH_DEGREES: u32 = 2 * 129;

fn priority(
    route: &Route,
    path: Option<&PathPattern>,
    key: &str,
    taken: &mut BTreeSet<u32>,
) -> u32 {
    let literal = |host: &HostPattern| !host.as_str().contains(['*', '?']);
    let hosts = match route.hosts.as_slice() {
        [] => 0,
        hosts if hosts.iter().all(|host| literal(host)) => 2,
        _ => 1,
    };
    let (whole, length) = path.map_or((false, 0), PathPattern::precision);
    let length = u32::try_from(length).unwrap_or(u32::MAX).min(PATH_DEGREES / 2 - 1);
    let degree = hosts * PATH_DEGREES + 2 * length + u32::from(whole);
    let first = (DEGREES - 1 - degree) * SLOTS + 1;
    let slot = u32::from(Sha256::digest(key)[0]) % SLOTS;
    let slots = (0..SLOTS).map(|step| first + (slot + step) % SLOTS);
    let free = slots.into_iter().find(|priority| taken.insert(*priority));
    free.unwrap_or(first)
}

/// A word for a pattern that may stand in addresses and names: what of it may, and its hash.
pub(super) fn slug(text: &str) -> String {
    const WORDS_MAX: usize = 40;
    let kept = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' });
    let kept: String = kept.collect::<String>().split_whitespace().collect::<Vec<_>>().join("-");
    let kept = kept.chars().take(WORDS_MAX).chain(['-']).collect::<String>();
    format!("{kept}{}", short_hash(text)).trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_exact_route_is_asked_first() {
        let order = [
            ("api.example.com", "/login"),
            ("api.example.com", "/log*"),
            ("api.example.com", ""),
            ("*.example.com", "/login"),
            ("", "/api/orders/*"),
            ("", "/api/*"),
            ("", "*"),
        ];
        let mut taken = BTreeSet::new();
        let priorities: Vec<u32> = order
            .iter()
            .map(|(host, path)| {
                let route = Route {
                    paths: Vec::new(),
                    hosts: host
                        .parse()
                        .map(|host| crate::source::Spanned::new(host, nowhere()))
                        .into_iter()
                        .collect(),
                    to: None,
                    redirect: None,
                    respond: None,
                };
                priority(&route, path.parse().ok().as_ref(), &format!("{host}{path}"), &mut taken)
            })
            .collect();
        assert!(priorities.is_sorted(), "{priorities:?}");
        assert!(priorities.iter().all(|it| (1..=50_000).contains(it)), "{priorities:?}");
    }

    fn nowhere() -> crate::source::Span {
        let mut sources = crate::source::SourceMap::default();
        crate::source::Span::new(sources.add("test", String::new()), 0..0)
    }
}
