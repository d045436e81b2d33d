//! An RDS instance: its groups, replicas, monitoring and the rotation of its password.

use serde_json::{Value, json};

use super::{Compiler, elsewhere, get, key, trust};
use crate::address::Address;
use crate::blueprint::component::database::Database;
use crate::blueprint::reference::{ComponentType, FarLink};
use crate::blueprint::value::Name;
use crate::kind::DeletionPolicy;

impl Compiler<'_> {
    pub(super) fn database(&mut self, name: &Name, database: &Database) {
        let component = component(name);
        let subnets = Address::of(&component, "subnet-group");
        let spec = json!({
            "DBSubnetGroupName": self.name(name),
            "DBSubnetGroupDescription": format!("database {name}"),
            "SubnetIds": self.subnet_ids(database.subnets.value),
        });
        self.add(&subnets, "AWS::RDS::DBSubnetGroup", spec);
        let parameters = self.parameter_group(name, database);
        let group = self.security_group(&component, name.as_str(), &format!("database {name}"));
        let callers = self.connecting(ComponentType::Database, name, database.from.as_deref());
        self.ingress(&component, &group, database.port(), &callers);
        let monitoring = self.monitoring_role(name, database);

        let shared = json!({
            "DBInstanceClass": database.class.as_str(),
            "VPCSecurityGroups": [get(&group, "GroupId")],
            "DBParameterGroupName": parameters.as_ref().map(|at| get(at, "DBParameterGroupName")),
            "StorageType": "gp3",
            "MaxAllocatedStorage": (database.storage.min != database.storage.max)
                .then(|| database.storage.max.get()),
            "PubliclyAccessible": false,
            "CopyTagsToSnapshot": true,
            // A version in full is kept; a major one takes what RDS installs.
            "AutoMinorVersionUpgrade": database.version.minor().is_none(),
            "EnablePerformanceInsights": database.insights,
            "PerformanceInsightsKMSKeyId": database.insights.then(|| key::arn(database.key.as_ref())),
            "MonitoringInterval": database.monitoring.seconds(),
            "MonitoringRoleArn": monitoring.as_ref().map(|at| get(at, "Arn")),
            "EnableCloudwatchLogsExports":
                database.logs().iter().map(|log| log.as_str()).collect::<Vec<_>>(),
            "EnableIAMDatabaseAuthentication": self.is_logged_in_to(ComponentType::Database, name),
            "PreferredMaintenanceWindow": database.maintenance_window.as_ref().map(ToString::to_string),
        });
        let own = match &database.replica_of {
            Some(source) => self.replica(name, database, source, &subnets),
            None => self.primary(name, database, &subnets),
        };
        let policy =
            if database.final_snapshot { DeletionPolicy::Snapshot } else { DeletionPolicy::Delete };
        let source = database.replica_of.as_ref().map(|source| far_address(source));
        let groups = self.database_logs(&component, database, &self.name(name), "log-group");
        self.add(&address(name), "AWS::RDS::DBInstance", with(&shared, own))
            .deletion(policy)
            .after_all(&monitoring)
            .after_all(&groups)
            .after_all(&source);
        for number in 1..=database.replicas.get() {
            let identifier = self.name(format!("{name}-replica-{number}"));
            let role = format!("replica-log-group/{number}");
            let groups = self.database_logs(&component, database, &identifier, &role);
            let replica = with(
                &shared,
                json!({
                    "DBInstanceIdentifier": identifier,
                    "SourceDBInstanceIdentifier": get(&address(name), "DBInstanceIdentifier"),
                    "MultiAZ": false,
                    "DeletionProtection": database.deletion_protection,
                }),
            );
            let at = replica_address(name, number);
            self.add(&at, "AWS::RDS::DBInstance", replica).after(&address(name)).after_all(&groups);
        }
        if let Some(every) = &database.rotation {
            let spec = json!({
                "SecretId": get(&address(name), "MasterUserSecret.SecretArn"),
                "RotationRules": {"AutomaticallyAfterDays": every.get()},
            });
            let at = Address::of(&component, "rotation");
            self.add(&at, "AWS::SecretsManager::RotationSchedule", spec);
        }
    }

    /// What only an instance of its own has.
    fn primary(&self, name: &Name, database: &Database, subnets: &Address) -> Value {
        let copies = database.backup_copies.as_ref();
        let there = copies.and_then(|copies| self.there(&copies.key.region));
        json!({
            // Nowhere is said, too: they must stop when they no longer should be made.
            "AutomaticBackupReplicationRegion": there.map_or("", |there| there.region.as_str()),
            "AutomaticBackupReplicationKmsKeyId": copies.map(|copies| {
                get(&elsewhere(&copies.key.scope(), &key::address(&copies.key.name)), "Arn")
            }),
            "AutomaticBackupReplicationRetentionPeriod": copies.map(|copies| copies.retention.get()),
            "DBInstanceIdentifier": self.name(name),
            "Engine": database.engine.as_str(),
            "EngineVersion": database.version.to_string(),
            "AllocatedStorage": database.storage.min.get().to_string(),
            "StorageEncrypted": true,
            "KmsKeyId": key::arn(database.key.as_ref()),
            "MultiAZ": database.multi_az.value,
            "DBSubnetGroupName": get(subnets, "DBSubnetGroupName"),
            "DBName": database.database_name.as_ref().map(ToString::to_string),
            "Port": database.port().to_string(),
            "MasterUsername": database.username.as_str(),
            "ManageMasterUserPassword": true,
            "MasterUserSecret": key::arn(database.key.as_ref()).map(|key| json!({"KmsKeyId": key})),
            "BackupRetentionPeriod": database.backups.get(),
            "PreferredBackupWindow": database.backup_window.as_ref().map(ToString::to_string),
            "DeletionProtection": database.deletion_protection,
        })
    }

    /// What only a replica of an instance in another region has: that one is named by its ARN.
    fn replica(
        &self,
        name: &Name,
        database: &Database,
        source: &FarLink<Database>,
        subnets: &Address,
    ) -> Value {
        json!({
            "DBInstanceIdentifier": self.name(name),
            "SourceDBInstanceIdentifier": get(&far_address(source), "DBInstanceArn"),
            "KmsKeyId": key::arn(database.key.as_ref()),
            "MultiAZ": database.multi_az.value,
            "DBSubnetGroupName": get(subnets, "DBSubnetGroupName"),
            "DeletionProtection": database.deletion_protection,
        })
    }

    /// The log groups of an instance, which RDS would make without an end to their retention.
    fn database_logs(
        &mut self,
        component: &str,
        database: &Database,
        identifier: &str,
        role: &str,
    ) -> Vec<Address> {
        let mut groups = Vec::new();
        for log in database.logs() {
            let spec = json!({
                "LogGroupName": format!("/aws/rds/instance/{identifier}/{log}"),
                "RetentionInDays": database.log_retention.days,
                "KmsKeyId": key::arn(database.key.as_ref()),
            });
            let at = Address::of(component, &format!("{role}/{log}"));
            self.add(&at, "AWS::Logs::LogGroup", spec);
            groups.push(at);
        }
        groups
    }

    fn parameter_group(&mut self, name: &Name, database: &Database) -> Option<Address> {
        if database.parameters.is_empty() {
            return None;
        }
        let address = Address::of(&component(name), "parameter-group");
        let parameters: serde_json::Map<String, Value> = database
            .parameters
            .iter()
            .map(|(key, value)| (key.to_string(), json!(value)))
            .collect();
        let family = database.engine.value.family(&database.version);
        let spec = json!({
            // A family belongs to a major version: with its name in it the new group can stand beside the old one.
            "DBParameterGroupName": self.name(format!("{name}-{}", family.replace('.', "-"))),
            "Description": format!("database {name}"),
            "Family": family,
            "Parameters": parameters,
        });
        self.add(&address, "AWS::RDS::DBParameterGroup", spec);
        Some(address)
    }

    fn monitoring_role(&mut self, name: &Name, database: &Database) -> Option<Address> {
        if database.monitoring.seconds() == 0 {
            return None;
        }
        let address = Address::of(&component(name), "monitoring-role");
        let spec = json!({
            "RoleName": self.role_name(&format!("{name}-monitoring")),
            "Description": format!("enhanced monitoring of database {name}"),
            "AssumeRolePolicyDocument":
                trust(json!({"Service": "monitoring.rds.amazonaws.com"}), &["sts:AssumeRole"]),
            "ManagedPolicyArns": [self.managed_policy("service-role/AmazonRDSEnhancedMonitoringRole")],
        });
        self.add(&address, "AWS::IAM::Role", spec);
        Some(address)
    }
}

fn with(shared: &Value, own: Value) -> Value {
    let mut all = shared.clone();
    if let (Value::Object(all), Value::Object(own)) = (&mut all, own) {
        all.extend(own);
    }
    all
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "instance")
}

fn far_address(link: &FarLink<Database>) -> Address {
    elsewhere(&link.scope(), &address(&link.name))
}

pub(super) fn replica_address(name: &Name, number: u32) -> Address {
    Address::of(&component(name), &format!("replica/{number}"))
}

pub(super) fn security_group(name: &Name) -> Address {
    Address::of(&component(name), "security-group")
}

fn component(name: &Name) -> String {
    format!("databases.{name}")
}
