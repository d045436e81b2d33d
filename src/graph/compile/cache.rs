//! A cache: its groups, logs, the token that opens it, and the replication group itself.

use serde_json::{Map, Value, json};

use super::{Compiler, get, key};
use crate::address::Address;
use crate::blueprint::component::cache::{Cache, CacheLog};
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::Name;
use crate::kind::DeletionPolicy;
use crate::kind::reference::join;

impl Compiler<'_> {
    pub(super) fn cache(&mut self, name: &Name, cache: &Cache) {
        let component = component(name);
        let subnets = Address::of(&component, "subnet-group");
        let spec = json!({
            "CacheSubnetGroupName": self.name(name),
            "Description": format!("cache {name}"),
            "SubnetIds": self.subnet_ids(cache.subnets.value),
        });
        self.add(&subnets, "AWS::ElastiCache::SubnetGroup", spec);
        let parameters = self.cache_parameters(name, cache);
        let group = self.security_group(&component, name.as_str(), &format!("cache {name}"));
        let callers = self.connecting(ComponentType::Cache, name, cache.from.as_deref());
        self.ingress(&component, &group, cache.port(), &callers);
        let logs = self.cache_logs(name, cache);
        self.auth_token(name, cache);

        let clustered = cache.is_clustered();
        let (shards, replicas) = (cache.shards.get(), cache.replicas.get());
        let spec = json!({
            "ReplicationGroupId": self.name(name),
            "ReplicationGroupDescription": format!("cache {name}"),
            "Engine": cache.engine.as_str(),
            "EngineVersion": cache.version.to_string(),
            "CacheNodeType": cache.node_type.as_str(),
            "DataTieringEnabled": cache.node_type.has_data_tiering().then_some(true),
            "CacheParameterGroupName": get(&parameters, "CacheParameterGroupName"),
            "CacheSubnetGroupName": get(&subnets, "CacheSubnetGroupName"),
            "SecurityGroupIds": [get(&group, "GroupId")],
            "Port": cache.port(),
            "ClusterMode": if clustered { "enabled" } else { "disabled" },
            "NumNodeGroups": clustered.then_some(shards),
            "ReplicasPerNodeGroup": clustered.then_some(replicas),
            "NumCacheClusters": (!clustered).then_some(1 + replicas),
            // A clustered one must be able to fail over, even if it has nothing to fail over to.
            "AutomaticFailoverEnabled": clustered || replicas > 0,
            "MultiAZEnabled": replicas > 0,
            "AtRestEncryptionEnabled": true,
            "KmsKeyId": key::arn(cache.key.as_ref()),
            "TransitEncryptionEnabled": true,
            "TransitEncryptionMode": "required",
            "AuthToken": dynamic_reference(&get(&auth_token(name), "Id")),
            "LogDeliveryConfigurations": logs,
            "SnapshotRetentionLimit": cache.snapshots.get(),
            "SnapshotWindow": cache.snapshot_window.as_ref().map(ToString::to_string),
            "PreferredMaintenanceWindow": cache.maintenance_window.as_ref().map(ToString::to_string),
            "AutoMinorVersionUpgrade": true,
        });
        let policy =
            if cache.final_snapshot { DeletionPolicy::Snapshot } else { DeletionPolicy::Delete };
        // The token must have been made up before it can be looked up.
        self.add(&address(name), "AWS::ElastiCache::ReplicationGroup", spec)
            .deletion(policy)
            .after(&auth_token(name));
    }

    /// A group of its own even without parameters: which default group there is depends on the engine, and a later
    /// parameter would move the cache to another group.
    fn cache_parameters(&mut self, name: &Name, cache: &Cache) -> Address {
        let address = Address::of(&component(name), "parameter-group");
        let mut parameters: Map<String, Value> =
            cache.parameters.iter().map(|(key, value)| (key.to_string(), json!(value))).collect();
        if cache.is_clustered() {
            parameters.insert("cluster-enabled".into(), json!("yes"));
        }
        let family = cache.engine.value.family(&cache.version);
        let spec = json!({
            // A family belongs to a major version: with its name in it the new group can stand beside the old one.
            "CacheParameterGroupName": self.name(format!("{name}-{}", family.replace('.', "-"))),
            "CacheParameterGroupFamily": family,
            "Description": format!("cache {name}"),
            "Properties": (!parameters.is_empty()).then_some(parameters),
        });
        self.add(&address, "AWS::ElastiCache::ParameterGroup", spec);
        address
    }

    /// A log group for each log. CloudWatch recommends this beginning of their names: with another one each group takes
    /// a part of the one policy of a region that lets services write.
    fn cache_logs(&mut self, name: &Name, cache: &Cache) -> Vec<Value> {
        let mut deliveries = Vec::new();
        for log in &cache.logs {
            let (kind, role) = match log.value {
                CacheLog::Slow => ("slow-log", "log-group/slow"),
                CacheLog::Engine => ("engine-log", "log-group/engine"),
            };
            let group = Address::of(&component(name), role);
            let spec = json!({
                "LogGroupName": format!("/aws/vendedlogs/elasticache/{}/{kind}", self.name(name)),
                "RetentionInDays": cache.log_retention.days,
                "KmsKeyId": key::arn(cache.key.as_ref()),
            });
            self.add(&group, "AWS::Logs::LogGroup", spec);
            deliveries.push(json!({
                "LogType": kind,
                "LogFormat": "json",
                "DestinationType": "cloudwatch-logs",
                "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": get(&group, "LogGroupName")}},
            }));
        }
        deliveries
    }

    /// ElastiCache takes 16 to 128 characters, and few of the punctuation.
    fn auth_token(&mut self, name: &Name, cache: &Cache) {
        let spec = json!({
            "Name": format!("{}/caches/{name}", self.blueprint.stack),
            "Description": format!("token of cache {name}"),
            "KmsKeyId": key::arn(cache.key.as_ref()),
            "GenerateSecretString": {"PasswordLength": 64, "ExcludePunctuation": true},
        });
        self.add(&auth_token(name), "AWS::SecretsManager::Secret", spec);
    }
}

/// The value of a secret, which only the call that needs it looks up.
fn dynamic_reference(arn: &Value) -> Value {
    join([json!("{{resolve:secretsmanager:"), arn.clone(), json!(":SecretString}}")])
}

pub(super) fn security_group(name: &Name) -> Address {
    Address::of(&component(name), "security-group")
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "replication-group")
}

/// The secret that holds the token.
pub(super) fn auth_token(name: &Name) -> Address {
    Address::of(&component(name), "auth-token")
}

fn component(name: &Name) -> String {
    format!("caches.{name}")
}
