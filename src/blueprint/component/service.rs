//! `services`: applications on the cluster, and what they use.

use super::Component;
use super::cluster::POD_IDENTITY_AGENT;
use super::key::Key;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Link, Reference};
use crate::blueprint::value::{
    HttpPath, Image, Int, Name, Percent, Port, Range, Retention, ServiceAccount,
};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// An application on the cluster: its image, its pods, and what they use.
    pub struct Service("a service") {
        /// Its image: a repository that is made for it, one of the `registries`, or one with its registry's host.
        pub image: Spanned<Image>,
        /// The port on which it answers.
        pub port: Option<Spanned<Port>>,
        /// How many pods it has; between the ends of a range it scales by itself.
        pub replicas: Spanned<Range<Int<0, 1000>>> = "2",
        /// What it scales by; by 70% of its processors if nothing is said.
        pub scale: Option<Spanned<Scale>>,
        /// The paths of the load balancer that lead to it, and all below them.
        pub routes: Vec<Spanned<HttpPath>>,
        /// The components that it uses, and how: `queue.orders:send`, `service.product`.
        pub uses: Vec<Spanned<Reference>>,
        /// Its namespace; that of the blueprint's name if nothing is said.
        pub namespace: Option<Spanned<Name>>,
        /// How many images its repository keeps, the newest.
        pub keep: Int<1, 100_000> = "10",
        /// How long its logs are kept.
        pub log_retention: Retention = "30d",
        /// The key that encrypts its images and logs; AWS's own if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
    }
}

schema! {
    /// What a service scales by: the share of what its pods ask for that they should use.
    pub struct Scale("a scale") {
        /// Of their processors.
        pub cpu: Option<Spanned<Percent>>,
        /// Of their memory.
        pub memory: Option<Spanned<Percent>>,
    }
}

impl Service {
    /// The service account of its pods. `blueprint` is the name of the blueprint.
    pub fn account(&self, name: &Name, blueprint: &Name) -> ServiceAccount {
        let namespace = self.namespace.as_ref().map_or(blueprint, |it| &it.value);
        ServiceAccount { namespace: namespace.to_string(), name: name.to_string() }
    }

    /// The uses by which its pods need a role of IAM.
    pub fn permitted(&self) -> impl Iterator<Item = &Spanned<Reference>> {
        self.uses.iter().filter(|it| it.access.is_some())
    }
}

impl Component for Service {
    const TYPE: ComponentType = ComponentType::Service;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_cluster("a service", at);
        self.check_scale(check);
        self.check_routes(name, check);
        self.check_uses(name, check);
        self.check_account(name, at, check);
    }
}

impl Service {
    fn check_scale(&self, check: &mut Check<'_>) {
        let Range { min, max } = self.replicas.value;
        if min.get() == 0 && max.get() > 0 {
            check.report(
                Diagnostic::error("a service that scales has at least one pod")
                    .at(self.replicas.span, "may have none")
                    .hint(format!("Write `1..{max}`, or `0` to stop it.")),
            );
        }
        let Some(scale) = &self.scale else { return };
        let Scale { cpu, memory } = &scale.value;
        if cpu.is_none() && memory.is_none() {
            check.report(
                Diagnostic::error("a scale needs something to scale by")
                    .at(scale.span, "has neither `cpu` nor `memory`"),
            );
        }
        for share in [cpu, memory].into_iter().flatten().filter(|share| share.get() == 0) {
            check.report(
                Diagnostic::error("no pod uses 0% of what it asks for")
                    .at(share.span, "must be more"),
            );
        }
        if min == max {
            check.report(
                Diagnostic::warning("the service never scales")
                    .at(scale.span, "says when")
                    .also(self.replicas.span, "has no room to")
                    .hint(format!("Write a range, such as `{min}..10`.")),
            );
        }
    }

    fn check_routes(&self, name: &Name, check: &mut Check<'_>) {
        if let (Some(route), None) = (self.routes.first(), &self.port) {
            check.report(
                Diagnostic::error("a service with routes needs a port")
                    .at(route.span, "leads to no port"),
            );
        }
        let blueprint = check.blueprint;
        let earlier = blueprint
            .services
            .range(..name)
            .flat_map(|(name, service)| service.routes.iter().map(move |route| (name, route)));
        let earlier: Vec<_> = earlier.collect();
        for (at, route) in self.routes.iter().enumerate() {
            let own = self.routes[..at].iter().map(|route| (name, route));
            let mut all = earlier.iter().copied().chain(own);
            if let Some((owner, first)) = all.find(|(_, it)| it.value == route.value) {
                check.report(
                    Diagnostic::error(format!("two services answer `{route}`"))
                        .at(route.span, format!("leads to `{name}`"))
                        .also(first.span, format!("leads to `{owner}`")),
                );
            }
        }
    }

    fn check_uses(&self, name: &Name, check: &mut Check<'_>) {
        let components = self.uses.iter().filter(|it| it.component != ComponentType::Service);
        check.uses("a service", components);
        let services = self.uses.iter().filter(|it| it.component == ComponentType::Service);
        for itself in services.filter(|it| it.name == *name) {
            check.report(
                Diagnostic::warning(format!("service `{name}` uses itself"))
                    .at(itself.span, "needs no permission for that"),
            );
        }
        let Some(used) = self.permitted().next() else { return };
        if let Some(cluster) = &check.blueprint.cluster
            && !cluster.has_pod_identity_agent()
        {
            check.report(
                Diagnostic::error(format!("pods of `{name}` cannot get their role"))
                    .at(used.span, format!("needs the add-on `{POD_IDENTITY_AGENT}`"))
                    .hint(format!("Add `{POD_IDENTITY_AGENT}: {{}}` to the cluster's `addons`.")),
            );
        }
    }

    /// A service account has one role: that of the service, or an identity's if the service needs none.
    fn check_account(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        if self.permitted().next().is_none() {
            return;
        }
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
}
