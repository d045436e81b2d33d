//! What is wrong with a service although each of its values is right.

use std::collections::BTreeMap;

use super::{Backlog, Scale, Service};
use crate::blueprint::check::Check;
use crate::blueprint::component::Component;
use crate::blueprint::component::cluster::POD_IDENTITY_AGENT;
use crate::blueprint::component::identity::Via;
use crate::blueprint::component::platform::istio;
use crate::blueprint::component::variable;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::{DomainName, Name, Range};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

/// Namespaces that a cluster has by itself, or that whoever runs it keeps for itself.
const RESERVED_NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];
/// Mounted into every pod: the root file system is read-only.
const TEMPORARY: &str = "/tmp";
/// The most characters of a label's value, which names the queue for the autoscaler.
const LABEL_VALUE_MAX: usize = 63;

impl Component for Service {
    const TYPE: ComponentType = ComponentType::Service;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_cluster("a service", at);
        self.check_image(check);
        self.check_ports(check);
        self.check_replicas(check);
        self.check_scale(check);
        self.check_volumes(check);
        self.check_routes(name, check);
        self.check_uses(name, check);
        variable::check(&self.uses, "the pods", check);
        self.check_role(name, at, check);
        self.check_namespace(check);
    }
}

impl Service {
    fn check_image(&self, check: &mut Check<'_>) {
        if self.image.version.is_none() {
            check.report(
                Diagnostic::warning(format!("image `{}` has no tag", self.image.value))
                    .at(self.image.span, "means `latest`, whatever that is when a pod starts")
                    .hint(format!("Name what was tested, as in `{}:1.0.0`.", self.image.value)),
            );
        }
    }

    fn check_ports(&self, check: &mut Check<'_>) {
        let ports: Vec<_> = self.all_ports().collect();
        for (at, (name, port)) in ports.iter().enumerate() {
            if let Some((other, first)) = ports[..at].iter().find(|(_, it)| it.value == port.value)
            {
                check.report(
                    Diagnostic::error(format!("port {} is there twice", port.value))
                        .at(port.span, format!("as `{name}`"))
                        .also(first.span, format!("as `{other}`")),
                );
            }
            let meshed = check.blueprint.istio().is_some();
            if meshed && istio::PORTS.contains(&port.get()) {
                check.report(
                    Diagnostic::error(format!("port {} is that of the mesh's proxy", port.value))
                        .at(port.span, "taken in every pod"),
                );
            }
        }
        if let (Some(health), None) = (&self.health, &self.port) {
            check.report(
                Diagnostic::error("a health check needs a port")
                    .at(health.span, "is asked on no port"),
            );
        }
    }

    fn check_replicas(&self, check: &mut Check<'_>) {
        let Range { min, max } = self.replicas.value;
        if min.get() == 0 && max.get() > 0 {
            check.report(
                Diagnostic::error("a service that scales has at least one pod")
                    .at(self.replicas.span, "may have none")
                    .hint(format!("Write `1..{max}`, or `0` to stop it.")),
            );
        }
        if self.disruption.max_unavailable.is_zero() {
            check.report(
                Diagnostic::warning("no node with a pod of the service can ever be drained")
                    .at(self.disruption.max_unavailable.span, "none may be missing"),
            );
        }
    }

    fn check_scale(&self, check: &mut Check<'_>) {
        let Some(scale) = &self.scale else {
            if self.is_scaled() && self.resources.cpu.is_none() {
                check.report(
                    self.without_requests("cpu")
                        .at(self.replicas.span, "scales by 70% of its processors"),
                );
            }
            return;
        };
        let Scale { cpu, memory, queue } = &scale.value;
        if cpu.is_none() && memory.is_none() && queue.is_none() {
            check.report(
                Diagnostic::error("a scale needs something to scale by")
                    .at(scale.span, "has neither `cpu` nor `memory` nor `queue`"),
            );
        }
        for share in [cpu, memory].into_iter().flatten().filter(|share| share.get() == 0) {
            check.report(
                Diagnostic::error("no pod uses 0% of what it asks for")
                    .at(share.span, "must be more"),
            );
        }
        for (share, asked, what) in [
            (cpu, self.resources.cpu.is_some(), "cpu"),
            (memory, self.resources.memory.is_some(), "memory"),
        ] {
            if let (Some(share), false) = (share, asked) {
                check.report(self.without_requests(what).at(share.span, "a share of nothing"));
            }
        }
        if let Some(queue) = queue {
            check_backlog(queue, check);
        }
        if !self.is_scaled() {
            let Range { min, max: _ } = self.replicas.value;
            check.report(
                Diagnostic::warning("the service never scales")
                    .at(scale.span, "says when")
                    .also(self.replicas.span, "has no room to")
                    .hint(format!("Write a range, such as `{min}..10`.")),
            );
        }
    }

    fn without_requests(&self, what: &str) -> Diagnostic {
        Diagnostic::error(format!("the pods ask for no {what} to take a share of"))
            .also(self.resources.span, format!("`{what}` is missing"))
            .hint(match what {
                "cpu" => "Add what a pod needs, as in `cpu: 100m..500m`.",
                _ => "Add what a pod needs, as in `memory: 128Mi..256Mi`.",
            })
    }

    fn check_volumes(&self, check: &mut Check<'_>) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for volume in self.volumes.values() {
            let path = &volume.path;
            if path.as_str() == TEMPORARY {
                check.report(
                    Diagnostic::error(format!("every pod has `{TEMPORARY}` already"))
                        .at(path.span, "another volume is there"),
                );
            }
            if let Some(first) = seen.insert(path.as_str(), path.span) {
                check.report(
                    Diagnostic::error(format!("two volumes are at `{}`", path.value))
                        .at(path.span, "again")
                        .also(first, "first here"),
                );
            }
        }
    }

    fn check_routes(&self, name: &Name, check: &mut Check<'_>) {
        if let (Some(route), None) = (self.routes.first(), &self.port) {
            check.report(
                Diagnostic::error("a service with routes needs a port")
                    .at(route.span, "leads to no port"),
            );
        }
        if let (Some(host), true) = (self.hosts.first(), self.routes.is_empty()) {
            check.report(
                Diagnostic::error("a service with hosts needs routes")
                    .at(host.span, "no path of it leads here")
                    .hint("Write `routes: [/]` for all of them."),
            );
        }
        let blueprint = check.blueprint;
        let earlier = blueprint.services.range(..name).flat_map(|(name, service)| {
            service.routes.iter().map(move |route| (name, &service.value, route))
        });
        let earlier: Vec<_> = earlier.collect();
        for (at, route) in self.routes.iter().enumerate() {
            let own = self.routes[..at].iter().map(|route| (name, self, route));
            let mut all = earlier.iter().copied().chain(own);
            let same = all.find(|(_, other, it)| {
                it.value == route.value && overlap(&other.hosts, &self.hosts)
            });
            if let Some((owner, _, first)) = same {
                check.report(
                    Diagnostic::error(format!("two services answer `{route}`"))
                        .at(route.span, format!("leads to `{name}`"))
                        .also(first.span, format!("leads to `{owner}`")),
                );
            }
        }
        self.check_reach(name, check);
    }

    /// Somebody must lead requests from outside to its routes.
    fn check_reach(&self, name: &Name, check: &mut Check<'_>) {
        let Some(route) = self.routes.first() else { return };
        let served = check.blueprint.istio().is_some() || check.blueprint.offers().load_balancers;
        if !served {
            check.report(
                Diagnostic::warning(format!("nobody leads requests to `{name}`"))
                    .at(route.span, "reached only inside the cluster")
                    .hint("Add `istio: {}` or `loadBalancerController: {}` to `platform`."),
            );
        }
    }

    fn check_uses(&self, name: &Name, check: &mut Check<'_>) {
        let components = self.uses.iter().filter(|it| it.component != ComponentType::Service);
        check.uses("a service", components);
        let services = self.uses.iter().filter(|it| it.component == ComponentType::Service);
        for used in services {
            if used.name == *name {
                check.report(
                    Diagnostic::warning(format!("service `{name}` uses itself"))
                        .at(used.span, "needs no permission for that"),
                );
            } else if let Some(other) = check.blueprint.services.get(&used.name)
                && other.port.is_none()
            {
                check.report(
                    Diagnostic::error(format!("service `{}` has no port", used.name))
                        .at(used.span, "cannot be called")
                        .also(other.span, "answers nobody")
                        .hint("Add the `port` on which it answers."),
                );
            }
        }
    }

    fn check_role(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        let Some(used) = self.permitted().next() else { return };
        match (self.identity.value, &check.blueprint.cluster) {
            (Via::PodIdentity, Some(cluster)) if !cluster.has_pod_identity_agent() => check.report(
                Diagnostic::error(format!("pods of `{name}` cannot get their role"))
                    .at(used.span, format!("needs the add-on `{POD_IDENTITY_AGENT}`"))
                    .hint(format!("Add `{POD_IDENTITY_AGENT}: {{}}` to the cluster's `addons`.")),
            ),
            (Via::Irsa, Some(cluster)) if !cluster.oidc => check.report(
                Diagnostic::error("IRSA needs the cluster to be an identity provider")
                    .at(self.identity.span, "asks for IRSA")
                    .hint("Set `oidc: true` in `cluster`."),
            ),
            (Via::Irsa, None) => check.report(
                Diagnostic::error("IRSA needs the identity provider of the cluster")
                    .at(self.identity.span, "known only of a cluster of this blueprint")
                    .hint("Write `identity: pod-identity`."),
            ),
            (Via::PodIdentity | Via::Irsa, _) => {}
        }
        self.check_account(name, at, check);
    }

    /// A service account has one role: that of the service, or an identity's if the service needs none.
    fn check_account(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        let mine = self.account(name, &check.blueprint.name);
        let mut identities = check.blueprint.identities.values();
        let same = identities.find_map(|identity| {
            identity.service_account.as_ref().filter(|account| account.value == mine)
        });
        if let Some(account) = same {
            check.report(
                Diagnostic::error(format!("service account `{mine}` has two roles"))
                    .at(account.span, "given one here")
                    .also(at, "has another by what the service uses")
                    .hint("Move the identity's `uses` to the service, or name another account."),
            );
        }
    }

    /// Its namespace is made, and closed to all that is not said: it cannot be one that others live in.
    fn check_namespace(&self, check: &mut Check<'_>) {
        let blueprint = check.blueprint;
        let namespace = self.namespace(&blueprint.name).as_str();
        let at = self.namespace.as_ref().map_or(blueprint.name.span, |it| it.span);
        let addons = blueprint.cluster.iter().flat_map(|cluster| cluster.addons.values());
        let mut accounts = addons.filter_map(|addon| addon.service_account.as_ref());
        let owner = if RESERVED_NAMESPACES.contains(&namespace) {
            "the cluster's own"
        } else if blueprint.istio().is_some() && istio::NAMESPACES.contains(&namespace) {
            "the mesh's"
        } else if accounts.any(|account| account.namespace == namespace) {
            "that of an add-on"
        } else {
            return;
        };
        check.report(
            Diagnostic::error(format!("services cannot stand in namespace `{namespace}`"))
                .at(at, format!("is {owner}"))
                .hint("Name another one at `namespace` of the service."),
        );
    }
}

/// Whether a request can be for both; no hosts are all hosts.
fn overlap(one: &[Spanned<DomainName>], other: &[Spanned<DomainName>]) -> bool {
    let both = |host: &Spanned<DomainName>| other.iter().any(|it| it.value == host.value);
    one.is_empty() || other.is_empty() || one.iter().any(both)
}

fn check_backlog(backlog: &Spanned<Backlog>, check: &mut Check<'_>) {
    let Backlog { of, each: _ } = &backlog.value;
    if of.component != ComponentType::Queue {
        check.report(
            Diagnostic::error(format!("nothing waits in `{}.{}`", of.component, of.name))
                .at(of.span, "must be a queue, as in `queue.orders`"),
        );
        return;
    }
    let suffix = check.blueprint.queues.get(&of.name).map_or("", |queue| queue.suffix());
    let full = format!("{}-{}{suffix}", check.stack, of.name);
    if full.len() > LABEL_VALUE_MAX {
        check.report(
            Diagnostic::error(format!("the name `{full}` is too long for a label"))
                .at(of.span, format!("has more than {LABEL_VALUE_MAX} characters"))
                .hint("Shorten the name of the queue or that of the blueprint."),
        );
    }
}
