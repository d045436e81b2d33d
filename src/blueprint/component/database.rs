//! `databases`: RDS instances with standby, replicas, backups and a password that AWS manages.

use std::collections::BTreeMap;

use super::Component;
use super::key::Key;
use super::network::Tier;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, FarLink, Link};
use crate::blueprint::value::{
    DailyWindow, DatabaseIdentifier, Days, Gib, InstanceType, Int, Name, ParameterName, Port,
    Range, Retention, Version, WeeklyWindow,
};
use crate::diagnostic::{Diagnostic, listed};
use crate::source::{Span, Spanned};

schema! {
    /// A relational database of RDS: encrypted, not public, its master password in Secrets Manager.
    pub struct Database("a database") {
        /// What kind of database it is.
        pub engine: Spanned<Engine>,
        /// The engine's version: a major one, or one with all its parts.
        pub version: Spanned<Version>,
        /// The instance class.
        pub class: Spanned<InstanceType>,
        /// The storage; the upper end of a range is how far it may grow by itself.
        pub storage: Spanned<Range<Gib<20, 65_536>>>,
        /// Keeps a standby in another zone and fails over to it.
        pub multi_az: Spanned<bool> = "true",
        /// Makes it a replica of a database in another region of the stack, and all that is not said as it is there.
        pub replica_of: Option<Spanned<FarLink<Database>>>,
        /// How many read replicas to run.
        pub replicas: Spanned<Int<0, 15>> = "0",
        /// How long automatic backups are kept; `0d` turns them off.
        pub backups: Spanned<Days<0, 35>> = "7d",
        /// Copies automatic backups into another region of the stack.
        pub backup_copies: Option<Spanned<BackupCopies>>,
        /// The port; the engine's usual one if nothing is said.
        pub port: Option<Port>,
        /// The database to create in it.
        pub database_name: Option<Spanned<DatabaseIdentifier>>,
        /// The name of the master user.
        pub username: Spanned<DatabaseIdentifier> = "dbadmin",
        /// Parameters that differ from the engine's defaults.
        pub parameters: BTreeMap<ParameterName, Parameter>,
        /// The logs to send to CloudWatch; those that the engine always writes if nothing is said.
        pub logs: Option<Vec<Spanned<DatabaseLog>>>,
        /// How long these logs are kept.
        pub log_retention: Retention = "30d",
        /// How often to change the master password; RDS does it every 7 days if nothing is said.
        pub rotation: Option<Spanned<Days<1, 1000>>>,
        /// Keeps query statistics in Performance Insights.
        pub insights: bool = "true",
        /// How often the operating system is measured.
        pub monitoring: Monitoring = "60s",
        /// The key that encrypts storage, backups, logs and the password; AWS's own if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
        /// The tier of its network interfaces.
        pub subnets: Spanned<Tier> = "data",
        /// Who may connect; the cluster, if there is one and nothing is said.
        pub from: Option<Vec<Spanned<Peer>>>,
        /// Refuses to delete the database.
        pub deletion_protection: bool = "true",
        /// Takes a snapshot before the database is deleted.
        pub final_snapshot: bool = "true",
        /// When changes that interrupt may be made; RDS chooses if nothing is said.
        pub maintenance_window: Option<Spanned<WeeklyWindow>>,
        /// When backups are taken; RDS chooses if nothing is said.
        pub backup_window: Option<Spanned<DailyWindow>>,
    }
}

schema! {
    /// Copies of automatic backups in another region, from which the database can be restored there.
    pub struct BackupCopies("copies of backups") {
        /// The key that encrypts them: one of the `keys` of the region that they go to, as in `data@dr`.
        pub key: Spanned<FarLink<Key>>,
        /// How long they are kept.
        pub retention: Days<1, 35> = "7d",
    }
}

/// The value of a database parameter, as it was written.
pub type Parameter = String;

schema! {
    /// A database engine of RDS.
    pub enum Engine {
        /// PostgreSQL.
        Postgres = "postgres",
        /// MySQL.
        Mysql = "mysql",
        /// MariaDB.
        Mariadb = "mariadb",
    }
}

impl Engine {
    pub const fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Mysql | Self::Mariadb => 3306,
        }
    }

    /// The logs that can be sent to CloudWatch.
    pub const fn logs(self) -> &'static [DatabaseLog] {
        use DatabaseLog::{Audit, Error, General, IamAuthError, Postgresql, Slowquery, Upgrade};
        match self {
            Self::Postgres => &[Postgresql, Upgrade, IamAuthError],
            Self::Mysql => &[Error, Audit, General, Slowquery, IamAuthError],
            Self::Mariadb => &[Error, Audit, General, Slowquery],
        }
    }

    /// The logs that are written without any parameter being set.
    pub const fn default_logs(self) -> &'static [DatabaseLog] {
        match self {
            Self::Postgres => &[DatabaseLog::Postgresql, DatabaseLog::Upgrade],
            Self::Mysql | Self::Mariadb => &[DatabaseLog::Error],
        }
    }

    /// The name of the parameter group family: `postgres18`, `mysql8.0`.
    pub fn family(self, version: &Version) -> String {
        match (self, version.minor()) {
            (Self::Mysql | Self::Mariadb, Some(minor)) => {
                format!("{self}{}.{minor}", version.major())
            }
            (Self::Postgres | Self::Mysql | Self::Mariadb, _) => {
                format!("{self}{}", version.major())
            }
        }
    }

    /// Refuses what RDS no longer offers; which later versions there are, RDS itself knows.
    fn accepts(self, version: &Version) -> Result<(), &'static str> {
        match self {
            Self::Postgres if version.major() < 11 => Err("RDS offers PostgreSQL 11 and later"),
            Self::Mysql if version.major() < 8 => Err("RDS offers MySQL 8.0 and later"),
            Self::Mysql | Self::Mariadb if version.minor().is_none() => {
                Err("needs a major and a minor part, such as `8.0`")
            }
            Self::Mariadb if version.major() < 10 => Err("RDS offers MariaDB 10.6 and later"),
            Self::Postgres | Self::Mysql | Self::Mariadb => Ok(()),
        }
    }

    /// The names that RDS does not accept for the master user.
    const fn reserved_users(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["admin", "rdsadmin", "rdsrepladmin", "rdstopmgr", "public"],
            Self::Mysql | Self::Mariadb => &["rdsadmin", "rdsrepladmin", "public"],
        }
    }

    /// The longest name of a master user: `MasterUsername` of `AWS::RDS::DBInstance`.
    const fn username_max(self) -> usize {
        match self {
            Self::Postgres => 63,
            Self::Mysql | Self::Mariadb => 16,
        }
    }
}

schema! {
    /// A log of a database.
    pub enum DatabaseLog {
        /// Messages of PostgreSQL.
        Postgresql = "postgresql",
        /// Upgrades of PostgreSQL.
        Upgrade = "upgrade",
        /// Failed logins with IAM.
        IamAuthError = "iam-db-auth-error",
        /// Errors of MySQL and MariaDB.
        Error = "error",
        /// Connections and queries, once an option group turns it on.
        Audit = "audit",
        /// Every statement, once a parameter turns it on.
        General = "general",
        /// Slow statements, once a parameter turns it on.
        Slowquery = "slowquery",
    }
}

schema! {
    /// How often the operating system of a database is measured.
    pub enum Monitoring {
        /// Never.
        None = "none",
        /// Every second.
        Seconds1 = "1s",
        /// Every five seconds.
        Seconds5 = "5s",
        /// Every ten seconds.
        Seconds10 = "10s",
        /// Every fifteen seconds.
        Seconds15 = "15s",
        /// Every thirty seconds.
        Seconds30 = "30s",
        /// Every minute.
        Seconds60 = "60s",
    }
}

impl Monitoring {
    /// The interval in seconds, 0 for never.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Seconds1 => 1,
            Self::Seconds5 => 5,
            Self::Seconds10 => 10,
            Self::Seconds15 => 15,
            Self::Seconds30 => 30,
            Self::Seconds60 => 60,
        }
    }
}

schema! {
    /// Who may connect to a database.
    pub enum Peer {
        /// The pods and nodes of the cluster.
        Cluster = "cluster",
    }
}

impl Database {
    pub fn port(&self) -> u16 {
        self.port
            .and_then(|port| u16::try_from(port.get()).ok())
            .unwrap_or_else(|| self.engine.port())
    }

    /// Who may connect.
    pub fn peers(&self) -> Vec<Peer> {
        match &self.from {
            Some(peers) => peers.iter().map(|peer| peer.value).collect(),
            None => vec![Peer::Cluster],
        }
    }

    /// The logs to send to CloudWatch.
    pub fn logs(&self) -> Vec<DatabaseLog> {
        match &self.logs {
            Some(logs) => logs.iter().map(|log| log.value).collect(),
            None => self.engine.default_logs().to_vec(),
        }
    }
}

impl Component for Database {
    const TYPE: ComponentType = ComponentType::Database;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_network("a database", at);
        check.tier_has_zones(&self.subnets, 2, "RDS needs subnets in at least two zones");
        check.name_length(name.as_str(), at, 63, "an RDS instance");
        self.check_engine(check);
        self.check_storage(check);
        self.check_backups(check);
        self.check_source(at, check);
        self.check_copies(check);
        self.check_user(check);
        for peer in self.from.iter().flatten() {
            match peer.value {
                Peer::Cluster => check.needs_cluster("`from: [cluster]`", peer.span),
            }
        }
    }
}

impl Database {
    fn check_engine(&self, check: &mut Check<'_>) {
        if let Err(reason) = self.engine.accepts(&self.version) {
            check.report(
                Diagnostic::error(format!("{} has no version {}", self.engine, self.version))
                    .at(self.version.span, reason),
            );
        }
        if !self.class.is_database_class() {
            check.report(
                Diagnostic::error(format!("`{}` is not a database instance class", self.class))
                    .at(self.class.span, "must start with `db.`")
                    .hint(format!("Write `db.{}`.", self.class)),
            );
        }
        for log in self.logs.iter().flatten() {
            let known = self.engine.logs();
            if !known.contains(&log.value) {
                check.report(
                    Diagnostic::error(format!("{} has no log `{log}`", self.engine))
                        .at(log.span, "a log of another engine")
                        .hint(format!("The logs of {} are {}.", self.engine, listed(known))),
                );
            }
        }
    }

    fn check_storage(&self, check: &mut Check<'_>) {
        // RDS refuses a limit that is less than a tenth above what is allocated.
        let Range { min, max } = self.storage.value;
        if min != max && max.get() * 10 < min.get() * 11 {
            check.report(
                Diagnostic::error("the storage has too little room to grow")
                    .at(self.storage.span, "the upper end must be at least 10% above the lower"),
            );
        }
    }

    fn check_backups(&self, check: &mut Check<'_>) {
        if self.backups.get() == 0 && self.replicas.get() > 0 {
            check.report(
                Diagnostic::error("read replicas need automatic backups")
                    .at(self.backups.span, "turned off here")
                    .also(self.replicas.span, "asks for replicas")
                    .hint("Set `backups` to at least `1d`."),
            );
        }
        if let (Some(backup), Some(maintenance)) = (self.backup_window, self.maintenance_window)
            && backup.overlaps(maintenance.value)
        {
            check.report(
                Diagnostic::error("the backup window overlaps the maintenance window")
                    .at(backup.span, "overlaps")
                    .also(maintenance.span, "the maintenance window"),
            );
        }
    }

    fn check_source(&self, at: Span, check: &mut Check<'_>) {
        let Some(source) = &self.replica_of else { return };
        if !source.is_home() {
            check.report(
                Diagnostic::error("a database can be a replica only of one in the home region")
                    .at(source.span, "in another region")
                    .hint(format!("Write `{}@home`.", source.name)),
            );
        } else if check.is_home() {
            check.report(
                Diagnostic::error("a database cannot be a replica of one in its own region")
                    .at(source.span, "in this region")
                    .hint("Use `replicas` of that database, or put this one into `regions`."),
            );
        } else if self.key.is_none() {
            // RDS encrypts a copy in another region only with a key that is named.
            check.report(
                Diagnostic::error("a replica in another region needs a key")
                    .at(at, "`key` is missing")
                    .also(source.span, "in another region")
                    .hint("Name one of the region's own `keys`: keys do not leave their region."),
            );
        }
    }

    fn check_copies(&self, check: &mut Check<'_>) {
        let Some(copies) = &self.backup_copies else { return };
        if let Some(source) = &self.replica_of {
            check.report(
                Diagnostic::error("a replica in another region has no backups to copy")
                    .at(copies.span, "are made of backups")
                    .also(source.span, "is a replica")
                    .hint("Copy the backups of the database that it follows."),
            );
        } else if self.backups.get() == 0 {
            check.report(
                Diagnostic::error("there are no backups to copy")
                    .at(copies.span, "are made of backups")
                    .also(self.backups.span, "turned off here"),
            );
        }
        let key = &copies.key;
        if check.there(&key.region).is_some_and(|there| std::ptr::eq(there, check.blueprint)) {
            check.report(
                Diagnostic::error("backups are not copied into their own region")
                    .at(key.span, "a key of this region")
                    .hint("Name a key of the region that the copies go to, as in `data@dr`."),
            );
        }
    }

    fn check_user(&self, check: &mut Check<'_>) {
        let user = &self.username;
        let reserved = self.engine.reserved_users();
        if reserved.contains(&user.as_str().to_lowercase().as_str()) {
            check.report(
                Diagnostic::error(format!("`{user}` cannot be the master user"))
                    .at(user.span, format!("reserved by RDS for {}", self.engine)),
            );
        }
        let max = self.engine.username_max();
        if user.as_str().len() > max {
            check.report(
                Diagnostic::error(format!("`{user}` is too long for a user of {}", self.engine))
                    .at(user.span, format!("must have at most {max} characters")),
            );
        }
    }
}
