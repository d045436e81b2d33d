//! `caches`: Redis and Valkey on ElastiCache, with shards, replicas and a token that AWS makes up.

use std::collections::BTreeMap;

use super::Component;
use super::database::{Parameter, Peer};
use super::key::Key;
use super::network::Tier;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::value::{
    CacheNodeType, DailyWindow, Days, Int, Name, ParameterName, Port, Retention, Version,
    WeeklyWindow,
};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A cache of ElastiCache: encrypted at rest and on the way, entered with a token that Secrets Manager makes up.
    pub struct Cache("a cache") {
        /// What kind of cache it is.
        pub engine: Spanned<CacheEngine>,
        /// The engine's version, major and minor.
        pub version: Spanned<Version>,
        /// The node type.
        pub node_type: Spanned<CacheNodeType>,
        /// How many shards the keys are spread over.
        pub shards: Spanned<Int<1, 500>> = "1",
        /// How many replicas each shard has; with one or more it fails over to another zone by itself.
        pub replicas: Spanned<Int<0, 5>> = "1",
        /// Speaks the cluster protocol, which clients must know; so it is with several shards if nothing is said.
        pub cluster_mode: Option<Spanned<bool>>,
        /// The port.
        pub port: Port = "6379",
        /// Parameters that differ from the engine's defaults.
        pub parameters: BTreeMap<ParameterName, Parameter>,
        /// The logs to send to CloudWatch.
        pub logs: Vec<Spanned<CacheLog>> = "[slow]",
        /// How long these logs are kept.
        pub log_retention: Retention = "30d",
        /// How long daily snapshots are kept; `0d` turns them off.
        pub snapshots: Spanned<Days<0, 35>> = "1d",
        /// When snapshots are taken; ElastiCache chooses if nothing is said.
        pub snapshot_window: Option<Spanned<DailyWindow>>,
        /// When changes that interrupt may be made; ElastiCache chooses if nothing is said.
        pub maintenance_window: Option<Spanned<WeeklyWindow>>,
        /// Takes a snapshot before the cache is deleted.
        pub final_snapshot: bool = "true",
        /// The key that encrypts data, snapshots, logs and the token; AWS's own if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
        /// The tier of its network interfaces.
        pub subnets: Spanned<Tier> = "data",
        /// Who may connect; the cluster, if there is one and nothing is said.
        pub from: Option<Vec<Spanned<Peer>>>,
    }
}

schema! {
    /// A cache engine of ElastiCache.
    pub enum CacheEngine {
        /// Redis OSS, up to 7.1.
        Redis = "redis",
        /// Valkey, the free continuation of Redis.
        Valkey = "valkey",
    }
}

impl CacheEngine {
    /// The name of the parameter group family: `redis7`, `valkey8`.
    pub fn family(self, version: &Version) -> String {
        match (self, version.major()) {
            (Self::Redis, 6) => "redis6.x".to_owned(),
            (Self::Redis | Self::Valkey, major) => format!("{self}{major}"),
        }
    }

    /// Refuses what ElastiCache does not offer; which later versions of Valkey there are, it knows itself.
    fn accepts(self, version: &Version) -> Result<(), &'static str> {
        match (self, version.major(), version.minor()) {
            (Self::Redis, ..=5, _) => Err("ElastiCache offers Redis 6.0 and later"),
            (Self::Redis, 8.., _) | (Self::Redis, 7, Some(2..)) => {
                Err("Redis ends at 7.1 on ElastiCache; Valkey continues it")
            }
            (Self::Valkey, ..=6, _) => Err("ElastiCache offers Valkey 7.2 and later"),
            (Self::Redis | Self::Valkey, _, None) => {
                Err("needs a major and a minor part, such as `7.1`")
            }
            (Self::Redis | Self::Valkey, _, Some(_)) => Ok(()),
        }
    }
}

schema! {
    /// A log of a cache.
    pub enum CacheLog {
        /// Slow commands.
        Slow = "slow",
        /// What the engine says of itself, from Redis 6.2 on.
        Engine = "engine",
    }
}

impl Cache {
    /// Whether it speaks the cluster protocol.
    pub fn is_clustered(&self) -> bool {
        self.cluster_mode.map_or(self.shards.get() > 1, |mode| mode.value)
    }

    pub fn port(&self) -> u16 {
        u16::try_from(self.port.get()).unwrap_or(u16::MAX)
    }

    fn nodes(&self) -> u32 {
        self.shards.get() * (1 + self.replicas.get())
    }
}

/// `CreateReplicationGroup` in the API reference.
const NAME_MAX: usize = 40;
/// The parameter by which the engine itself is told whether it is clustered.
const CLUSTER_PARAMETER: &str = "cluster-enabled";

impl Component for Cache {
    const TYPE: ComponentType = ComponentType::Cache;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_network("a cache", at);
        let zones = if self.replicas.get() > 0 { 2 } else { 1 };
        check.tier_has_zones(&self.subnets, zones, "a cache with replicas needs two zones");
        check.name_length(name.as_str(), at, NAME_MAX, "a replication group of ElastiCache");
        self.check_engine(check);
        self.check_nodes(check);
        self.check_windows(check);
        for peer in self.from.iter().flatten() {
            match peer.value {
                Peer::Cluster => check.needs_cluster("`from: [cluster]`", peer.span),
            }
        }
    }
}

impl Cache {
    fn check_engine(&self, check: &mut Check<'_>) {
        if let Err(reason) = self.engine.accepts(&self.version) {
            check.report(
                Diagnostic::error(format!("{} has no version {}", self.engine, self.version))
                    .at(self.version.span, reason),
            );
        }
        let has_engine_log = (self.version.major(), self.version.minor()) >= (6, Some(2));
        for log in self.logs.iter().filter(|log| log.value == CacheLog::Engine) {
            if !has_engine_log {
                check.report(
                    Diagnostic::error(format!("Redis {} has no engine log", self.version))
                        .at(log.span, "from 6.2 on")
                        .also(self.version.span, "the version"),
                );
            }
        }
        if self.parameters.keys().any(|it| it.as_str() == CLUSTER_PARAMETER) {
            check.report(
                Diagnostic::error(format!("`{CLUSTER_PARAMETER}` is not set as a parameter"))
                    .at(self.engine.span, "of this cache")
                    .hint("Set `clusterMode` of the cache instead."),
            );
        }
    }

    fn check_nodes(&self, check: &mut Check<'_>) {
        const NODES_MAX: u32 = 500;
        /// The quota of an account that has not asked for more.
        const NODES_USUAL: u32 = 90;
        if let Some(mode) = self.cluster_mode.filter(|mode| !mode.value)
            && self.shards.get() > 1
        {
            check.report(
                Diagnostic::error("several shards need cluster mode")
                    .at(mode.span, "turned off here")
                    .also(self.shards.span, format!("asks for {} shards", self.shards)),
            );
        }
        let nodes = self.nodes();
        let many = format!("{} shards of {} nodes", self.shards, 1 + self.replicas.get());
        if nodes > NODES_MAX {
            check.report(
                Diagnostic::error(format!("a cache of {nodes} nodes is too large"))
                    .at(self.shards.span, many)
                    .also(self.replicas.span, "the replicas of each shard")
                    .hint(format!("ElastiCache allows {NODES_MAX} nodes.")),
            );
        } else if nodes > NODES_USUAL {
            check.report(
                Diagnostic::warning(format!("a cache of {nodes} nodes needs a higher quota"))
                    .at(self.shards.span, many)
                    .hint(format!(
                        "An account has {NODES_USUAL} nodes for each cluster until AWS raises it."
                    )),
            );
        }
    }

    fn check_windows(&self, check: &mut Check<'_>) {
        /// ElastiCache refuses shorter windows, of both kinds.
        const MINUTES_MIN: u32 = 60;
        let snapshots = self.snapshot_window.map(|it| (it.span, it.minutes()));
        let maintenance = self.maintenance_window.map(|it| (it.span, it.minutes()));
        for (span, minutes) in snapshots.into_iter().chain(maintenance) {
            if minutes < MINUTES_MIN {
                check.report(
                    Diagnostic::error("the window is too short for ElastiCache")
                        .at(span, "must be at least 60 minutes long"),
                );
            }
        }
        if let (Some(snapshot), Some(maintenance)) = (self.snapshot_window, self.maintenance_window)
            && snapshot.overlaps(maintenance.value)
        {
            check.report(
                Diagnostic::error("the snapshot window overlaps the maintenance window")
                    .at(snapshot.span, "overlaps")
                    .also(maintenance.span, "the maintenance window"),
            );
        }
        if let Some(window) = self.snapshot_window
            && self.snapshots.get() == 0
        {
            check.report(
                Diagnostic::warning("the snapshot window has no effect")
                    .at(window.span, "a time for no snapshots")
                    .also(self.snapshots.span, "turned off here"),
            );
        }
    }
}
