//! `services`: applications on the cluster, and what they use.

mod check;

use std::collections::{BTreeMap, BTreeSet};

use super::identity::Via;
use super::key::Key;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{Access, ComponentType, Link, Reference};
use crate::blueprint::value::{
    Cidr, Cpu, DomainName, HttpPath, Image, Int, MountPath, Name, Percent, PodCount, Port,
    PortName, Range, Retention, Seconds, ServiceAccount, Size, VariableName,
};
use crate::source::Spanned;

schema! {
    /// An application on the cluster: its image, its pods, and what they use.
    pub struct Service("a service") {
        /// Its image: a repository that is made for it, one of the `registries`, or one with its registry's host.
        pub image: Spanned<Image>,
        /// What is run in place of the image's entry point.
        pub command: Vec<String>,
        /// The arguments of what is run.
        pub args: Vec<String>,
        /// Plain configuration, as environment variables. What stands here wins over what `uses` gives.
        pub env: BTreeMap<VariableName, String>,
        /// The port on which it answers, over HTTP.
        pub port: Option<Spanned<Port>>,
        /// Further ports by their names, open to the whole cluster, such as that of its metrics.
        pub ports: BTreeMap<PortName, Spanned<Port>>,
        /// How it is known that a pod is well; if nothing is said, it is ready once it accepts connections.
        pub health: Option<Spanned<Probes>>,
        /// What a pod asks for, and at most gets.
        pub resources: Spanned<Resources> = "{cpu: 100m..500m, memory: 128Mi..256Mi}",
        /// How many pods it has; between the ends of a range it scales by itself.
        pub replicas: Spanned<Range<Int<0, 1000>>> = "2",
        /// What it scales by; by 70% of its processors if nothing is said.
        pub scale: Option<Spanned<Scale>>,
        /// How many pods may be missing while nodes are drained.
        pub disruption: Disruption = "{}",
        /// How its pods are kept apart.
        pub spread: Spread = "preferred",
        /// How long a pod still answers after it was told to stop, until nobody sends it requests any more.
        pub drain: Seconds<0, 600> = "10s",
        /// How long a pod may take to end after that.
        pub grace: Seconds<1, 3_600> = "30s",
        /// The user that it runs as; that of the image if nothing is said, which must be a number and not root's.
        pub user: Option<Int<1, 65_535>>,
        /// Folders that it may write to besides `/tmp`, by names of your choice. They are as short-lived as the pod.
        pub volumes: BTreeMap<Name, Spanned<Volume>>,
        /// The paths of the load balancer that lead to it, and all below them.
        pub routes: Vec<Spanned<HttpPath>>,
        /// The host names under which these paths are its; those of the mesh's gateway if nothing is said, or every one.
        pub hosts: Vec<Spanned<DomainName>>,
        /// The components that it uses, and how: `queue.orders:send`, `service.product`. Each is a path in the network,
        /// permissions, and variables in the environment of the pods.
        pub uses: Vec<Spanned<Reference>>,
        /// How its pods get the role that lets them use what they use.
        pub identity: Spanned<Via> = "pod-identity",
        /// Where it connects to besides what it uses. All else is closed, if the cluster enforces network policies: the
        /// add-on `vpc-cni` does with `enableNetworkPolicy` in its configuration.
        pub egress: Vec<Reach>,
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
    /// How it is known that a pod is well: paths that it answers on its port.
    pub struct Probes("health") {
        /// The path that is asked for whatever has none of its own.
        pub path: HttpPath,
        /// The path that tells that it lives; a pod that does not is started again.
        pub live: Option<HttpPath>,
        /// The path that tells that it is ready; a pod that is not gets no requests.
        pub ready: Option<HttpPath>,
        /// The path that tells that it has started; before that, nothing else is asked.
        pub startup: Option<HttpPath>,
        /// How often to ask.
        pub interval: Seconds<1, 300> = "10s",
        /// How long to wait for an answer.
        pub timeout: Seconds<1, 60> = "2s",
        /// How long it may take to start.
        pub starts_within: Seconds<1, 3_600> = "60s",
    }
}

schema! {
    /// What a pod asks for, and at most gets: `100m..500m`. A single value is both.
    pub struct Resources("resources") {
        /// Of processors.
        pub cpu: Option<Spanned<Range<Cpu>>>,
        /// Of memory.
        pub memory: Option<Spanned<Range<Size>>>,
    }
}

schema! {
    /// What a service scales by. Of several, the one that asks for the most pods rules.
    pub struct Scale("a scale") {
        /// The share of the processors that its pods ask for and should use.
        pub cpu: Option<Spanned<Percent>>,
        /// The share of the memory that its pods ask for and should use.
        pub memory: Option<Spanned<Percent>>,
        /// The messages that wait in a queue.
        pub queue: Option<Spanned<Backlog>>,
    }
}

schema! {
    /// The messages that wait in a queue, which an autoscaler knows only if something on the cluster tells it: an adapter
    /// that serves `aws_sqs_approximate_number_of_messages_visible_average` as an external metric, labelled with
    /// `dimension_QueueName`, such as prometheus-adapter with the CloudWatch exporter YACE. Without one the service scales
    /// up by what else it scales by, and never down.
    pub struct Backlog("a backlog") {
        /// The queue: `queue.orders`.
        pub of: Spanned<Reference>,
        /// How many messages a pod may have waiting.
        pub each: Int<1, 1_000_000>,
    }
}

schema! {
    /// What the draining of nodes may do to a service.
    pub struct Disruption("a disruption") {
        /// How many of its pods may be missing, or what share of them.
        pub max_unavailable: Spanned<PodCount> = "1",
    }
}

schema! {
    /// How the pods of a service are kept apart.
    pub enum Spread {
        /// Over zones and nodes, as far as there is room.
        Preferred = "preferred",
        /// Over zones strictly: a pod that would tip the balance waits. Over nodes as far as there is room.
        Required = "required",
        /// Not at all.
        None = "none",
    }
}

schema! {
    /// A folder that is empty when a pod starts, and gone with it.
    pub struct Volume("a volume") {
        /// Where it is in the container.
        pub path: Spanned<MountPath>,
        /// How much it may hold; a pod that writes more is ended.
        pub size: Size = "1Gi",
    }
}

schema! {
    /// Where a service connects to besides what it uses.
    pub struct Reach("an egress") {
        /// The addresses.
        pub to: Cidr = "0.0.0.0/0",
        /// The port.
        pub port: Port = "443",
    }
}

/// The name of the port that is [`Service::port`].
pub const PORT_NAME: &str = "http";

impl Service {
    /// Its namespace. `blueprint` is the name of the blueprint.
    pub fn namespace<'a>(&'a self, blueprint: &'a Name) -> &'a Name {
        self.namespace.as_ref().map_or(blueprint, |it| &it.value)
    }

    /// The service account of its pods. `blueprint` is the name of the blueprint.
    pub fn account(&self, name: &Name, blueprint: &Name) -> ServiceAccount {
        let namespace = self.namespace(blueprint).to_string();
        ServiceAccount { namespace, name: name.to_string() }
    }

    /// The uses by which its pods need a role of IAM.
    pub fn permitted(&self) -> impl Iterator<Item = &Spanned<Reference>> {
        self.uses.iter().filter(|it| it.access.is_some())
    }

    /// Whether it uses another service.
    pub fn calls(&self, other: &Name) -> bool {
        let of_service = |it: &&Spanned<Reference>| it.component == ComponentType::Service;
        self.uses.iter().filter(of_service).any(|it| it.name == *other)
    }

    /// Whether it connects to a component by what it uses: as a user of IAM, or with the password.
    pub fn connects_to(&self, component: ComponentType, name: &Name) -> bool {
        self.uses.iter().any(|it| {
            it.component == component
                && it.name == *name
                && matches!(it.access, Some(Access::Connect | Access::Secret))
        })
    }

    /// Whether it has some pods, and an autoscaler decides how many.
    pub fn is_scaled(&self) -> bool {
        let Range { min, max } = self.replicas.value;
        min != max
    }

    /// All of its ports with their names.
    pub fn all_ports(&self) -> impl Iterator<Item = (&str, &Spanned<Port>)> {
        let own = self.port.as_ref().map(|port| (PORT_NAME, port));
        own.into_iter().chain(self.ports.iter().map(|(name, port)| (name.as_str(), port)))
    }
}

/// The namespaces of some services. `blueprint` is the name of the blueprint.
pub fn namespaces<'a>(
    services: impl IntoIterator<Item = &'a Spanned<Service>>,
    blueprint: &'a Name,
) -> BTreeSet<&'a Name> {
    services.into_iter().map(|service| service.value.namespace(blueprint)).collect()
}
