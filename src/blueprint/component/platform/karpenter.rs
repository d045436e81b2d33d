//! Karpenter.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Chart, ChartSettings, marker};
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::component::cluster::{Capacity, Taint};
use crate::blueprint::component::network::Tier;
use crate::blueprint::decode::{Invalid, schema};
use crate::blueprint::value::{
    Duration, Gib, InstanceType, Int, LabelKey, LabelValue, Name, OrNone, Size, word,
};
use crate::chart::ChartUse;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

// The chart `karpenter-crd` is for those whose tool does not update what stands in a chart's folder `crds`.
const CHART: Chart = Chart {
    component: "karpenter",
    repository: "oci://public.ecr.aws/karpenter",
    name: "karpenter",
};

/// The service account of its pods.
pub(crate) const ACCOUNT: &str = "karpenter";

schema! {
    /// Makes nodes as pods need them, and takes them away when they are not needed any more.
    pub struct Karpenter("Karpenter") {
        ..chart: ChartSettings,
        /// Its namespace.
        pub namespace: Spanned<Name> = "kube-system",
        /// The tier of the nodes.
        pub subnets: Spanned<Tier> = "private",
        /// The machine image, as Karpenter writes it.
        pub ami: AmiAlias = "al2023@latest",
        /// The volume of each node, encrypted.
        pub disk: Gib<20, 16_384> = "50Gi",
        /// Kinds of nodes, each under the name of its `NodePool`.
        pub node_pools: Spanned<BTreeMap<Name, Spanned<NodePool>>> = "{default: {}}",
    }
}

word! {
    /// A family of machine images and a version of it.
    pub struct AmiAlias("a machine image", ["al2023@latest", "bottlerocket@v1.44.0"], |text| {
        let Some((family, version)) = text.split_once('@') else {
            return Err(Invalid::new("the version is missing").hint(format!("Write `{text}@latest`.")));
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !["al2023", "bottlerocket"].contains(&family) {
            return Err(Invalid::new("must be `al2023` or `bottlerocket`"));
        }
        if version.is_empty() || !version.chars().all(allowed) {
            return Err(Invalid::new("the version must be `latest`, or one of the family"));
        }
        Ok(())
    }, "(al2023|bottlerocket)@[A-Za-z0-9._-]+");
}

schema! {
    /// Nodes of one kind. Karpenter chooses among all instance types that fit.
    pub struct NodePool("a node pool") {
        /// The categories of instances: `c` for computing, `m` for most purposes, `r` for memory, ….
        pub instance_categories: Spanned<Vec<Spanned<InstanceCategory>>> = "[c, m, r]",
        /// The instance types, instead of categories.
        pub instance_types: Vec<Spanned<InstanceType>>,
        /// The processors.
        pub architectures: Spanned<Vec<Architecture>> = "[amd64]",
        /// How the nodes are paid for; the cheapest that there is if several are named.
        pub capacity: Spanned<Vec<Capacity>> = "[spot, on-demand]",
        /// How much all of its nodes may have together.
        pub limits: PoolLimits = "{}",
        /// Which nodes it takes away, or replaces by cheaper ones.
        pub consolidation: Consolidation = "when-underutilized",
        /// How long a node must be like that before.
        pub consolidate_after: Duration = "1m",
        /// How old a node gets before another one takes its place.
        pub expire_after: OrNone<Duration> = "30d",
        /// The taints of the nodes, which keep pods away that do not tolerate them.
        pub taints: Vec<Taint>,
        /// The labels of the nodes.
        pub labels: BTreeMap<LabelKey, LabelValue>,
        /// Of several pools that fit, the one with the greatest weight is taken.
        pub weight: Option<Int<1, 100>>,
    }
}

word! {
    /// A category of instances.
    pub struct InstanceCategory("a category of instances", ["c", "m", "r"], |text| {
        let letters = text.chars().all(|c| c.is_ascii_lowercase());
        if text.is_empty() || text.len() > 4 || !letters {
            return Err(Invalid::new("must be the letters with which names of instance types begin"));
        }
        Ok(())
    }, "[a-z]{1,4}");
}

schema! {
    /// A processor's architecture.
    pub enum Architecture {
        /// Intel and AMD.
        Amd64 = "amd64",
        /// Graviton.
        Arm64 = "arm64",
    }
}

schema! {
    /// How much the nodes of a pool may have together.
    pub struct PoolLimits("limits") {
        /// Processors.
        pub cpu: Int<1, 100_000> = "100",
        /// Memory.
        pub memory: Size = "400Gi",
    }
}

schema! {
    /// Which nodes are taken away, or replaced by cheaper ones.
    pub enum Consolidation {
        /// Those whose pods fit elsewhere.
        WhenUnderutilized = "when-underutilized",
        /// Those without pods.
        WhenEmpty = "when-empty",
    }
}

impl Consolidation {
    /// `consolidationPolicy` of a `NodePool`.
    pub fn policy(self) -> &'static str {
        match self {
            Self::WhenUnderutilized => "WhenEmptyOrUnderutilized",
            Self::WhenEmpty => "WhenEmpty",
        }
    }
}

impl Karpenter {
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        CHART.check(&self.chart, at, check);
        check.platform_role(CHART.component, &self.namespace, ACCOUNT, at);
        check.needs_network("Karpenter", at);
        check.tier_has_zones(&self.subnets, 1, "Karpenter needs subnets");
        if let Some(cluster) = &check.blueprint.cluster
            && cluster.node_groups.is_empty()
        {
            check.report(
                Diagnostic::error("Karpenter has no node to run on")
                    .at(at, "cannot make the first one")
                    .also(cluster.span, "has no node groups")
                    .hint("Add a small one to the cluster's `nodeGroups`."),
            );
        }
        let platform = check.blueprint.platform.as_ref();
        if let Some(autoscaler) = platform.and_then(|it| it.cluster_autoscaler.as_ref()) {
            check.report(
                Diagnostic::warning("Karpenter and the cluster autoscaler both make nodes")
                    .at(at, "makes nodes of its own")
                    .also(autoscaler.span, "makes nodes in node groups")
                    .hint("One of them is enough; with both, each must have pods that the other one cannot place."),
            );
        }
        if self.node_pools.is_empty() {
            check.report(
                Diagnostic::warning("Karpenter never makes a node")
                    .at(self.node_pools.span, "there is no node pool"),
            );
        }
        for pool in self.node_pools.values() {
            check_pool(pool, check);
        }
    }

    pub(super) fn chart(&self, blueprint: &Blueprint, at: Span) -> ChartUse {
        let values = json!({
            "settings": {
                "clusterName": blueprint.cluster_name(),
                "interruptionQueue": marker("platform.karpenter/queue", "QueueName"),
            },
            "serviceAccount": {"create": true, "name": ACCOUNT},
        });
        CHART.used(&self.chart, &self.namespace, values, blueprint, at)
    }
}

fn check_pool(pool: &NodePool, check: &mut Check<'_>) {
    let lists = [
        (
            pool.instance_categories.is_empty() && pool.instance_types.is_empty(),
            pool.instance_categories.span,
            "an instance category",
        ),
        (pool.architectures.is_empty(), pool.architectures.span, "an architecture"),
        (pool.capacity.is_empty(), pool.capacity.span, "a way to pay"),
    ];
    for (_, span, what) in lists.into_iter().filter(|(empty, ..)| *empty) {
        check.report(
            Diagnostic::error(format!("a node pool needs {what}")).at(span, "the list is empty"),
        );
    }
    let arm = pool.architectures.contains(&Architecture::Arm64);
    let amd = pool.architectures.contains(&Architecture::Amd64);
    for instance in &pool.instance_types {
        let fits = if instance.is_arm() { arm } else { amd };
        if !fits {
            check.report(
                Diagnostic::error(format!("`{instance}` has other processors than the pool"))
                    .at(instance.span, "never taken")
                    .also(pool.architectures.span, "the processors of the pool"),
            );
        }
    }
}
