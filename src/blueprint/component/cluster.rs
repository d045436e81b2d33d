//! `cluster`: one EKS cluster with its node groups, add-ons and who may enter it.

use std::collections::BTreeMap;

use super::Component;
use super::identity::Identity;
use super::key::Key;
use super::network::Tier;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Plain, Value};
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{
    AccessPolicy, AddonName, AddonVersion, Arn, Cidr, Gib, InstanceType, Int, KubernetesVersion,
    LabelKey, LabelValue, Name, Range, Retention, RoleArn, ServiceAccount,
};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// An EKS cluster. Its secrets, logs and endpoint are safe by default.
    pub struct Cluster("a cluster") {
        /// The Kubernetes minor version.
        pub version: Spanned<KubernetesVersion>,
        /// The tier of the control plane's network interfaces.
        pub subnets: Spanned<Tier> = "private",
        /// How the Kubernetes API is reached.
        pub endpoint: Endpoint = "{}",
        /// The control plane's logs to keep in CloudWatch.
        pub logging: Vec<ControlPlaneLog> = "[api, audit, authenticator, controllerManager, scheduler]",
        /// How long to keep them.
        pub log_retention: Retention = "30d",
        /// The key that encrypts Kubernetes secrets, beside the encryption that EKS always does.
        pub encryption: Option<Spanned<Link<Key>>>,
        /// Where the cluster looks for who may enter it.
        pub authentication: Authentication = "api",
        /// Refuses to delete the cluster.
        pub deletion_protection: bool = "true",
        /// The managed node groups.
        pub node_groups: BTreeMap<Name, Spanned<NodeGroup>>,
        /// The EKS add-ons.
        pub addons: BTreeMap<AddonName, Spanned<Addon>>,
        /// The IAM principals who may enter the cluster, each under a name of your choice.
        pub access: BTreeMap<Name, Spanned<AccessEntry>>,
        /// Lets in whoever makes the cluster, as its administrator: what runs on it is applied with the same credentials.
        pub creator_is_admin: bool = "true",
        /// Makes the cluster an identity provider of IAM, as IRSA needs it.
        pub oidc: bool = "true",
    }
}

schema! {
    /// How the Kubernetes API is reached.
    pub struct Endpoint("an endpoint") {
        /// From inside the VPC.
        pub private: Spanned<bool> = "true",
        /// From the internet: the address ranges that may, or `false`.
        pub public: Spanned<PublicAccess> = "false",
    }
}

/// Who may reach the Kubernetes API from the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicAccess {
    Off,
    From(Vec<Spanned<Cidr>>),
}

impl Decode for PublicAccess {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) if scalar.resolve() == Plain::Boolean(false) => Some(Self::Off),
            Value::Scalar(scalar) if scalar.resolve() == Plain::Boolean(true) => {
                decoder.report(
                    Diagnostic::error("a public endpoint needs the addresses that may reach it")
                        .at(node.span, "expected a list of address ranges or `false`")
                        .hint("Write `[0.0.0.0/0]` for the whole internet."),
                );
                None
            }
            Value::Null | Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => {
                Vec::decode(node, decoder).map(Self::From)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![Vec::<Cidr>::shape(), Shape::Boolean])
    }
}

schema! {
    /// A log of the control plane.
    pub enum ControlPlaneLog {
        /// Requests to the API server.
        Api = "api",
        /// Who did what.
        Audit = "audit",
        /// Logins with IAM.
        Authenticator = "authenticator",
        /// The controllers' decisions.
        ControllerManager = "controllerManager",
        /// The scheduler's decisions.
        Scheduler = "scheduler",
    }
}

schema! {
    /// Where the cluster looks for who may enter it.
    pub enum Authentication {
        /// Access entries alone.
        Api = "api",
        /// Access entries, and the `aws-auth` ConfigMap for clusters on their way to them.
        ApiAndConfigMap = "api-and-config-map",
    }
}

schema! {
    /// Nodes of one make that EKS adds, updates and removes.
    pub struct NodeGroup("a node group") {
        /// The instance types, the preferred one first.
        pub instance_types: Spanned<Vec<Spanned<InstanceType>>>,
        /// The smallest and the largest number of nodes.
        pub size: Spanned<Range<Int<0, 450>>>,
        /// The number of nodes to start with; the smallest if nothing is said.
        pub desired: Option<Spanned<Int<0, 450>>>,
        /// The volume of each node: its size, or its size with type and key.
        pub disk: Spanned<Disk> = "50Gi",
        /// How the nodes are paid for.
        pub capacity: Capacity = "on-demand",
        /// The machine image. Graviton instances need an `ARM_64` one.
        pub ami: Spanned<AmiType> = "AL2023_x86_64_STANDARD",
        /// The labels of the nodes.
        pub labels: BTreeMap<LabelKey, LabelValue>,
        /// The taints of the nodes, which keep pods away that do not tolerate them.
        pub taints: Vec<Taint>,
        /// The tier of the nodes.
        pub subnets: Spanned<Tier> = "private",
    }
}

/// The volume of each node.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    pub size: DiskSize,
    /// What only a launch template can say.
    pub settings: Option<DiskSettings>,
}

/// The size of a node's volume.
pub type DiskSize = Gib<20, 16_384>;

schema! {
    /// The volume of each node, encrypted.
    pub struct DiskSettings("a disk") {
        /// Its size.
        pub size: DiskSize = "50Gi",
        /// Its type.
        pub r#type: DiskType = "gp3",
        /// How many operations it does in a second; what the type does at its usual price if nothing is said.
        pub iops: Option<Spanned<Int<100, 64_000>>>,
        /// The key that encrypts it; AWS's own if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
    }
}

schema! {
    /// A type of volumes.
    pub enum DiskType {
        /// An SSD for most purposes.
        Gp3 = "gp3",
        /// An SSD whose speed grows with its size.
        Gp2 = "gp2",
        /// An SSD with as many operations in a second as asked for.
        Io2 = "io2",
    }
}

impl Decode for Disk {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Mapping(_) => {
                let settings = DiskSettings::decode(node, decoder)?;
                Some(Self { size: settings.size, settings: Some(settings) })
            }
            Value::Null | Value::Scalar(_) | Value::Sequence(_) => {
                DiskSize::decode(node, decoder).map(|size| Self { size, settings: None })
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![<DiskSize as Decode>::shape(), DiskSettings::shape()])
    }
}

impl NodeGroup {
    /// The number of nodes to start with.
    pub fn desired(&self) -> u32 {
        self.desired.map_or(self.size.min, |desired| desired.value).get()
    }
}

schema! {
    /// How nodes are paid for.
    pub enum Capacity {
        /// At the list price, for as long as they are needed.
        OnDemand = "on-demand",
        /// Cheaper, and gone two minutes after AWS says so.
        Spot = "spot",
    }
}

schema! {
    /// A machine image of EKS.
    pub enum AmiType {
        /// Amazon Linux 2023 for Intel and AMD.
        Al2023X86 = "AL2023_x86_64_STANDARD",
        /// Amazon Linux 2023 for Graviton.
        Al2023Arm = "AL2023_ARM_64_STANDARD",
        /// Amazon Linux 2023 with NVIDIA drivers.
        Al2023X86Nvidia = "AL2023_x86_64_NVIDIA",
        /// Amazon Linux 2023 with the drivers of Trainium and Inferentia.
        Al2023X86Neuron = "AL2023_x86_64_NEURON",
        /// Amazon Linux 2023 for Graviton with NVIDIA drivers.
        Al2023ArmNvidia = "AL2023_ARM_64_NVIDIA",
        /// Bottlerocket for Intel and AMD.
        BottlerocketX86 = "BOTTLEROCKET_x86_64",
        /// Bottlerocket for Graviton.
        BottlerocketArm = "BOTTLEROCKET_ARM_64",
        /// Bottlerocket with NVIDIA drivers.
        BottlerocketX86Nvidia = "BOTTLEROCKET_x86_64_NVIDIA",
        /// Bottlerocket for Graviton with NVIDIA drivers.
        BottlerocketArmNvidia = "BOTTLEROCKET_ARM_64_NVIDIA",
    }
}

impl AmiType {
    pub fn is_arm(self) -> bool {
        self.as_str().contains("ARM_64")
    }

    pub fn is_bottlerocket(self) -> bool {
        self.as_str().starts_with("BOTTLEROCKET")
    }
}

schema! {
    /// Keeps pods away from nodes.
    pub struct Taint("a taint") {
        /// What pods must tolerate.
        pub key: LabelKey,
        /// The value that they must tolerate with it.
        pub value: Option<LabelValue>,
        /// What happens to pods that do not.
        pub effect: TaintEffect,
    }
}

schema! {
    /// What happens to pods that do not tolerate a taint.
    pub enum TaintEffect {
        /// They are not scheduled here.
        NoSchedule = "NoSchedule",
        /// They are scheduled here if nowhere else fits.
        PreferNoSchedule = "PreferNoSchedule",
        /// They are not scheduled here, and evicted if they run here.
        NoExecute = "NoExecute",
    }
}

schema! {
    /// Software of the cluster that EKS installs and keeps.
    pub struct Addon("an add-on") {
        /// A version; the default one of the cluster's version if nothing is said.
        pub version: Option<AddonVersion>,
        /// Its settings, as its own configuration schema defines them.
        pub configuration: Option<serde_json::Value>,
        /// Managed policies, which give its service account a role by pod identity.
        pub policies: Spanned<Vec<Spanned<Arn>>> = "[]",
        /// The service account that gets the role.
        pub service_account: Option<ServiceAccount>,
        /// Installs it before the first node joins, as networking needs it.
        pub before_nodes: bool = "false",
    }
}

schema! {
    /// An IAM principal who may enter the cluster.
    pub struct AccessEntry("an access entry") {
        /// An IAM role or user that exists already.
        pub principal: Option<Spanned<RoleArn>>,
        /// An identity of this blueprint, instead of a principal.
        pub identity: Option<Spanned<Link<Identity>>>,
        /// What it may do.
        pub policy: AccessPolicy,
        /// The namespaces where it may; all if none is named.
        pub namespaces: Vec<Name>,
    }
}

/// The add-on that hands roles to pods.
pub const POD_IDENTITY_AGENT: &str = "eks-pod-identity-agent";

impl Cluster {
    pub fn has_pod_identity_agent(&self) -> bool {
        self.addons.keys().any(|name| name.as_str() == POD_IDENTITY_AGENT)
    }
}

impl Component for Cluster {
    const TYPE: ComponentType = ComponentType::Cluster;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_network("a cluster", at);
        check.tier_has_zones(&self.subnets, 2, "EKS needs subnets in at least two zones");
        self.check_endpoint(check);
        for group in self.node_groups.values() {
            check_node_group(group, check);
        }
        for (name, addon) in &self.addons {
            self.check_addon(name, addon, check);
        }
        self.check_access(check);
    }
}

impl Cluster {
    fn check_endpoint(&self, check: &mut Check<'_>) {
        let Endpoint { private, public } = &self.endpoint;
        match &public.value {
            PublicAccess::Off if !private.value => check.report(
                Diagnostic::error("nothing can reach the Kubernetes API")
                    .at(private.span, "neither private")
                    .also(public.span, "nor public"),
            ),
            PublicAccess::From(ranges) if ranges.is_empty() => check.report(
                Diagnostic::error("the list of addresses for the public endpoint is empty")
                    .at(public.span, "EKS would open it to the whole internet")
                    .hint("Write `false` to close it."),
            ),
            PublicAccess::From(ranges) => {
                for range in ranges.iter().filter(|range| range.value == Cidr::ANYWHERE) {
                    check.report(
                        Diagnostic::warning("the Kubernetes API is open to the whole internet")
                            .at(range.span, "everyone may try to log in"),
                    );
                }
            }
            PublicAccess::Off => {}
        }
    }

    fn check_addon(&self, name: &AddonName, addon: &Addon, check: &mut Check<'_>) {
        let policies = &addon.policies;
        if policies.is_empty() {
            return;
        }
        if addon.service_account.is_none() {
            check.report(
                Diagnostic::error(format!("add-on `{name}` has policies and no service account"))
                    .at(policies.span, "nobody gets them")
                    .hint("Name its `serviceAccount`, as in `kube-system/ebs-csi-controller-sa`."),
            );
        }
        if !self.has_pod_identity_agent() {
            check.report(
                Diagnostic::error(format!("add-on `{name}` needs `{POD_IDENTITY_AGENT}`"))
                    .at(policies.span, "pod identity gives it these policies")
                    .hint(format!("Add `{POD_IDENTITY_AGENT}: {{}}` to `addons`.")),
            );
        }
    }

    fn check_access(&self, check: &mut Check<'_>) {
        let mut seen: Vec<Spanned<String>> = Vec::new();
        for entry in self.access.values() {
            let who = match (&entry.principal, &entry.identity) {
                (Some(principal), None) => Spanned::new(principal.to_string(), principal.span),
                (None, Some(identity)) => Spanned::new(identity.to_string(), identity.span),
                (Some(principal), Some(identity)) => {
                    check.report(
                        Diagnostic::error("an access entry is for one principal")
                            .at(identity.span, "names an identity")
                            .also(principal.span, "names a principal")
                            .hint("Leave one of them out, or write two entries."),
                    );
                    continue;
                }
                (None, None) => {
                    check.report(
                        Diagnostic::error("an access entry is for nobody")
                            .at(entry.span, "has neither `principal` nor `identity`"),
                    );
                    continue;
                }
            };
            if let Some(first) = seen.iter().find(|it| it.value == who.value) {
                check.report(
                    Diagnostic::error(format!("`{who}` has two access entries"))
                        .at(who.span, "entered again")
                        .also(first.span, "first entered here")
                        .hint("EKS keeps one access entry for each principal."),
                );
            }
            seen.push(who);
        }
    }
}

fn check_node_group(group: &NodeGroup, check: &mut Check<'_>) {
    check.tier_has_zones(&group.subnets, 1, "a node group needs subnets");
    if group.instance_types.is_empty() {
        check.report(
            Diagnostic::error("a node group needs an instance type")
                .at(group.instance_types.span, "the list is empty"),
        );
    }
    for instance in group.instance_types.iter() {
        if instance.is_database_class() {
            check.report(
                Diagnostic::error(format!("`{instance}` is a database instance class"))
                    .at(instance.span, "not an instance type of EC2"),
            );
        } else if instance.is_arm() != group.ami.is_arm() {
            let (processor, ami) = if instance.is_arm() {
                ("Graviton", AmiType::Al2023Arm)
            } else {
                ("Intel or AMD", AmiType::Al2023X86)
            };
            check.report(
                Diagnostic::error(format!("`{}` does not run on `{instance}`", group.ami))
                    .at(instance.span, format!("has {processor} processors"))
                    .also(group.ami.span, "the machine image")
                    .hint(format!("Set `ami: {ami}`, or mix no processors in one group.")),
            );
        }
    }
    if let Some(settings) = &group.disk.settings {
        check_disk(settings, group.disk.span, check);
    }
    let range = group.size.value;
    if range.max.get() == 0 {
        check.report(
            Diagnostic::error("a node group must be able to have a node")
                .at(group.size.span, "the maximum is 0"),
        );
    }
    if let Some(desired) = group.desired.filter(|it| it.value < range.min || it.value > range.max) {
        check.report(
            Diagnostic::error(format!("desired size {desired} is outside `{range}`"))
                .at(desired.span, "outside the range")
                .also(group.size.span, "the range"),
        );
    }
}

/// The limits of `Iops` of `AWS::EC2::LaunchTemplate`.
fn check_disk(disk: &DiskSettings, at: Span, check: &mut Check<'_>) {
    let (least, most) = match disk.r#type {
        DiskType::Gp3 => (3_000, 16_000),
        DiskType::Io2 => (100, 64_000),
        DiskType::Gp2 => {
            if let Some(iops) = disk.iops {
                check.report(
                    Diagnostic::error("the speed of a `gp2` volume follows from its size")
                        .at(iops.span, "not used")
                        .hint("Take a `gp3` volume, which is cheaper."),
                );
            }
            return;
        }
    };
    match disk.iops {
        Some(iops) if !(least..=most).contains(&iops.get()) => check.report(
            Diagnostic::error(format!(
                "a `{}` volume has no {iops} operations a second",
                disk.r#type
            ))
            .at(iops.span, format!("must be between {least} and {most}")),
        ),
        None if disk.r#type == DiskType::Io2 => check.report(
            Diagnostic::error("an `io2` volume needs the number of operations a second")
                .at(at, "`iops` is missing"),
        ),
        Some(_) | None => {}
    }
}
