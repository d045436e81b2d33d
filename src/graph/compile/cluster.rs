//! An EKS cluster: its roles, node groups, add-ons and who may enter it.

use serde_json::{Value, json};

use super::{Compiler, endpoint, get, identity, key, pod_identity_trust, trust};
use crate::address::Address;
use crate::blueprint::Blueprint;
use crate::blueprint::component::cluster::{
    AccessEntry, Addon, Authentication, Capacity, Cluster, DiskSettings, NodeGroup, PublicAccess,
};
use crate::blueprint::component::network::{Nat, Tier};
use crate::blueprint::value::{AddonName, Name};

/// The add-on that gives pods their addresses; nodes are not ready without it.
const NETWORKING: &str = "vpc-cni";

impl Compiler<'_> {
    pub(super) fn cluster(&mut self, cluster: &Cluster) {
        let stack = self.blueprint.stack.clone();
        let role = self.cluster_role();
        let log_group = at("log-group");
        if !cluster.logging.is_empty() {
            // EKS would make it without an end to its retention.
            let spec = json!({
                "LogGroupName": format!("/aws/eks/{stack}/cluster"),
                "RetentionInDays": cluster.log_retention.days,
            });
            self.add(&log_group, "AWS::Logs::LogGroup", spec);
        }
        let key = key::arn(cluster.encryption.as_ref());
        let (public, ranges) = match &cluster.endpoint.public.value {
            PublicAccess::Off => (false, None),
            PublicAccess::From(ranges) => {
                (true, Some(ranges.iter().map(ToString::to_string).collect::<Vec<_>>()))
            }
        };
        let logging: Vec<Value> =
            cluster.logging.iter().map(|log| json!({"Type": log.as_str()})).collect();
        let spec = json!({
            "Name": stack,
            "Version": cluster.version.to_string(),
            "RoleArn": get(&role, "Arn"),
            "ResourcesVpcConfig": {
                "SubnetIds": self.subnet_ids(cluster.subnets.value),
                "EndpointPrivateAccess": cluster.endpoint.private.value,
                "EndpointPublicAccess": public,
                "PublicAccessCidrs": ranges,
            },
            "Logging": {"ClusterLogging": {"EnabledTypes": logging}},
            "EncryptionConfig": key.map(|key| json!([{"Resources": ["secrets"], "Provider": {"KeyArn": key}}])),
            "AccessConfig": {
                "AuthenticationMode": match cluster.authentication {
                    Authentication::Api => "API",
                    Authentication::ApiAndConfigMap => "API_AND_CONFIG_MAP",
                },
                "BootstrapClusterCreatorAdminPermissions": cluster.creator_is_admin,
            },
            // Add-ons are resources of their own.
            "BootstrapSelfManagedAddons": false,
            "DeletionProtection": cluster.deletion_protection,
        });
        let added = self.add(&address(), "AWS::EKS::Cluster", spec).after(&role);
        if !cluster.logging.is_empty() {
            added.after(&log_group);
        }
        if cluster.oidc {
            let spec = json!({
                "Url": get(&address(), "OpenIdConnectIssuerUrl"),
                "ClientIdList": ["sts.amazonaws.com"],
            });
            self.add(&at("oidc-provider"), "AWS::IAM::OIDCProvider", spec);
        }
        self.nodes_and_addons(cluster);
        for (name, entry) in &cluster.access {
            self.access_entry(name, entry);
        }
    }

    fn cluster_role(&mut self) -> Address {
        let address = at("role");
        let spec = json!({
            "RoleName": self.name("cluster"),
            "Description": "control plane of the EKS cluster",
            "AssumeRolePolicyDocument": trust(
                json!({"Service": "eks.amazonaws.com"}),
                &["sts:AssumeRole", "sts:TagSession"],
            ),
            "ManagedPolicyArns": [self.managed_policy("AmazonEKSClusterPolicy")],
        });
        self.add(&address, "AWS::IAM::Role", spec);
        address
    }

    /// What a pod needs to start comes before the nodes, the nodes before what runs on them.
    fn nodes_and_addons(&mut self, cluster: &Cluster) {
        let early = |addon: &Addon| addon.before_nodes;
        let before: Vec<Address> = cluster
            .addons
            .iter()
            .filter(|(_, addon)| early(addon))
            .map(|(name, _)| addon_at(name))
            .collect();
        let groups = node_groups(self.blueprint);
        if !cluster.node_groups.is_empty() {
            let role = self.node_role();
            for (name, group) in &cluster.node_groups {
                self.node_group(name, group, &role, &before);
            }
        }
        for (name, addon) in &cluster.addons {
            let after: &[Address] = if early(addon) { &[] } else { &groups };
            self.addon(name, addon, after);
        }
    }

    fn node_role(&mut self) -> Address {
        let address = at("node-role");
        let spec = json!({
            "RoleName": self.name("node"),
            "Description": "nodes of the EKS cluster",
            "AssumeRolePolicyDocument": trust(json!({"Service": "ec2.amazonaws.com"}), &["sts:AssumeRole"]),
            "ManagedPolicyArns": self.node_policies(),
        });
        self.add(&address, "AWS::IAM::Role", spec);
        address
    }

    /// The policies of the role of nodes, whoever makes them.
    pub(super) fn node_policies(&self) -> Vec<String> {
        let addons = self.blueprint.cluster.as_ref().map(|cluster| &cluster.addons);
        let networking =
            addons.and_then(|all| all.iter().find(|(name, _)| name.as_str() == NETWORKING));
        // With a role of its own the add-on needs none of the nodes'.
        let has_own_role = networking.is_some_and(|(_, addon)| !addon.policies.is_empty());
        let mut policies = vec![
            "AmazonEKSWorkerNodePolicy",
            "AmazonEC2ContainerRegistryPullOnly",
            "AmazonSSMManagedInstanceCore",
        ];
        if !has_own_role {
            policies.push("AmazonEKS_CNI_Policy");
        }
        policies.into_iter().map(|name| self.managed_policy(name)).collect()
    }

    fn node_group(&mut self, name: &Name, group: &NodeGroup, role: &Address, before: &[Address]) {
        let template =
            group.disk.settings.as_ref().map(|disk| self.launch_template(name, group, disk));
        let types: Vec<&str> = group.instance_types.iter().map(|it| it.as_str()).collect();
        let labels: serde_json::Map<String, Value> = group
            .labels
            .iter()
            .map(|(key, value)| (key.to_string(), json!(value.as_str())))
            .collect();
        let taints: Vec<Value> = group
            .taints
            .iter()
            .map(|taint| {
                let effect = match taint.effect.as_str() {
                    "NoSchedule" => "NO_SCHEDULE",
                    "PreferNoSchedule" => "PREFER_NO_SCHEDULE",
                    _ => "NO_EXECUTE",
                };
                json!({"Key": taint.key.as_str(), "Value": taint.value.as_ref().map(ToString::to_string), "Effect": effect})
            })
            .collect();
        let spec = json!({
            "ClusterName": get(&address(), "Name"),
            "NodegroupName": name.as_str(),
            "NodeRole": get(role, "Arn"),
            "Subnets": self.subnet_ids(group.subnets.value),
            "InstanceTypes": types,
            "AmiType": group.ami.as_str(),
            "CapacityType": match group.capacity {
                Capacity::OnDemand => "ON_DEMAND",
                Capacity::Spot => "SPOT",
            },
            "DiskSize": template.is_none().then(|| group.disk.size.get()),
            "LaunchTemplate": template.as_ref().map(|template| json!({
                "Id": get(template, "LaunchTemplateId"),
                "Version": get(template, "LatestVersionNumber"),
            })),
            // The desired size is the autoscaler's, unless the blueprint says one.
            "ScalingConfig": {
                "MinSize": group.size.min.get(),
                "MaxSize": group.size.max.get(),
                "DesiredSize": group.desired.as_ref().map(|it| it.get()),
            },
            "UpdateConfig": {"MaxUnavailable": 1},
            "Labels": (!labels.is_empty()).then_some(labels),
            "Taints": (!taints.is_empty()).then_some(taints),
        });
        // Nodes join only if they can pull their images.
        let exits = self.exits(group.subnets.value);
        self.add(&node_group_at(name), "AWS::EKS::Nodegroup", spec)
            .after(role)
            .after_all(before)
            .after_all(&exits);
    }

    /// What EKS cannot say of nodes by itself. Their image, their types and how they join stay EKS's.
    fn launch_template(&mut self, name: &Name, group: &NodeGroup, disk: &DiskSettings) -> Address {
        let ebs = |size: Option<u32>| {
            json!({
                "VolumeSize": size,
                "VolumeType": disk.r#type.as_str(),
                "Iops": disk.iops.as_ref().filter(|_| size.is_some()).map(|iops| iops.get()),
                "Encrypted": true,
                "KmsKeyId": key::arn(disk.key.as_ref()),
                "DeleteOnTermination": true,
            })
        };
        let size = Some(disk.size.get());
        // Bottlerocket keeps itself on its first volume, and what pods need on the second.
        let volumes = if group.ami.is_bottlerocket() {
            vec![("/dev/xvda", None), ("/dev/xvdb", size)]
        } else {
            vec![("/dev/xvda", size)]
        };
        let volumes: Vec<Value> = volumes
            .into_iter()
            .map(|(device, size)| json!({"DeviceName": device, "Ebs": ebs(size)}))
            .collect();
        let spec = json!({
            "LaunchTemplateName": self.name(format!("node-{name}")),
            "LaunchTemplateData": {
                "BlockDeviceMappings": volumes,
                // Two hops, so that pods with a network of their own reach it; tokens, so that a request that was
                // tricked out of a pod does not.
                "MetadataOptions": {
                    "HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 2,
                },
            },
        });
        let address = at(&format!("launch-template/{name}"));
        self.add(&address, "AWS::EC2::LaunchTemplate", spec);
        address
    }

    /// What a tier reaches AWS through: its routes to the internet, and the endpoints in the network.
    fn exits(&self, tier: Tier) -> Vec<Address> {
        let network = self.blueprint.network.as_ref();
        let mut exits = match (tier, network.map(|network| network.nat.value)) {
            (Tier::Public, Some(_)) => vec![Address::of("network", "route/public-internet")],
            (Tier::Private, Some(Nat::PerZone | Nat::Single)) => {
                let count = network.map_or(0, |network| network.subnets_of(tier).len());
                let zones = self.zones().into_iter().take(count);
                zones
                    .map(|zone| {
                        Address::of("network", &format!("route/private-{}-nat", zone.short))
                    })
                    .collect()
            }
            (Tier::Private, Some(Nat::None)) | (Tier::Data, _) | (_, None) => Vec::new(),
        };
        exits.extend(network.into_iter().flat_map(|network| endpoint::addresses(network)));
        exits
    }

    fn addon(&mut self, name: &AddonName, addon: &Addon, after: &[Address]) {
        let mut associations = None;
        let mut role = None;
        if let (false, Some(account)) = (addon.policies.is_empty(), &addon.service_account) {
            let address = at(&format!("addon-role/{name}"));
            let policies: Vec<&str> = addon.policies.iter().map(|arn| arn.as_str()).collect();
            let spec = json!({
                "RoleName": self.role_name(name.as_str()),
                "Description": format!("EKS add-on {name}"),
                "AssumeRolePolicyDocument": pod_identity_trust(),
                "ManagedPolicyArns": policies,
            });
            self.add(&address, "AWS::IAM::Role", spec);
            associations =
                Some(json!([{"RoleArn": get(&address, "Arn"), "ServiceAccount": account.name}]));
            role = Some(address);
        }
        let spec = json!({
            "ClusterName": get(&address(), "Name"),
            "AddonName": name.as_str(),
            "AddonVersion": addon.version.as_ref().map(ToString::to_string),
            "ConfigurationValues": addon.configuration.as_ref().map(ToString::to_string),
            "PodIdentityAssociations": associations,
            "ResolveConflicts": "OVERWRITE",
        });
        self.add(&addon_at(name), "AWS::EKS::Addon", spec).after_all(after).after_all(&role);
    }

    fn access_entry(&mut self, name: &Name, entry: &AccessEntry) {
        let namespaces: Vec<&str> = entry.namespaces.iter().map(Name::as_str).collect();
        let scope = if namespaces.is_empty() {
            json!({"Type": "cluster"})
        } else {
            json!({"Type": "namespace", "Namespaces": namespaces})
        };
        let policy = format!(
            "arn:{}:eks::aws:cluster-access-policy/{}",
            self.account.partition, entry.policy
        );
        let principal = match (&entry.principal, &entry.identity) {
            (Some(principal), _) => json!(principal.as_str()),
            (None, Some(link)) => get(&identity::address(&link.name), "Arn"),
            (None, None) => return,
        };
        let spec = json!({
            "ClusterName": get(&address(), "Name"),
            "PrincipalArn": principal,
            "Type": "STANDARD",
            "AccessPolicies": [{"PolicyArn": policy, "AccessScope": scope}],
        });
        self.add(&at(&format!("access/{name}")), "AWS::EKS::AccessEntry", spec);
    }
}

pub(super) fn address() -> Address {
    at("cluster")
}

/// The addresses of all node groups.
pub(super) fn node_groups(blueprint: &Blueprint) -> Vec<Address> {
    let groups = blueprint.cluster.iter().flat_map(|cluster| cluster.node_groups.keys());
    groups.map(node_group_at).collect()
}

pub(super) fn oidc_provider() -> Address {
    at("oidc-provider")
}

fn node_group_at(name: &Name) -> Address {
    at(&format!("node-group/{name}"))
}

fn addon_at(name: &AddonName) -> Address {
    at(&format!("addon/{name}"))
}

fn at(role: &str) -> Address {
    Address::of("cluster", role)
}
