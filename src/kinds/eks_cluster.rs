//! `AWS::EKS::Cluster`
//!
//! Longer than most kinds: a cluster's properties are nested more deeply than others', and each has a shape of its own
//! in the answer, in the creation and in the update.

use std::collections::BTreeSet;

use aws_sdk_eks::types::{
    self, AuthenticationMode, BlockStorage, ClusterIssueCode, ClusterStatus, ComputeConfigRequest,
    CreateAccessConfigRequest, ElasticLoadBalancing, IpFamily, KubernetesNetworkConfigRequest,
    LogSetup, LogType, Provider, StorageConfigRequest, SupportType, UpdateAccessConfigRequest,
    UpgradePolicyRequest, VpcConfigRequest, VpcConfigResponse, ZonalShiftConfigRequest,
};
use serde::{Deserialize, Serialize};

use super::ec2::{collect, gone};
use super::eks;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Cluster;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    role_arn: String,
    resources_vpc_config: VpcConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kubernetes_network_config: Option<KubernetesNetworkConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logging: Option<Logging>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encryption_config: Option<Vec<EncryptionConfig>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_config: Option<AccessConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upgrade_policy: Option<UpgradePolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bootstrap_self_managed_addons: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compute_config: Option<ComputeConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage_config: Option<StorageConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deletion_protection: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zonal_shift_config: Option<Switch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct VpcConfig {
    subnet_ids: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security_group_ids: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint_public_access: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint_private_access: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_access_cidrs: Option<BTreeSet<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KubernetesNetworkConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_ipv4_cidr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip_family: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    elastic_load_balancing: Option<Switch>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Switch {
    enabled: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Logging {
    cluster_logging: ClusterLogging,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ClusterLogging {
    enabled_types: BTreeSet<EnabledType>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EnabledType {
    #[serde(rename = "Type")]
    log: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EncryptionConfig {
    provider: EncryptionProvider,
    resources: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EncryptionProvider {
    key_arn: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AccessConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authentication_mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bootstrap_cluster_creator_admin_permissions: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpgradePolicy {
    support_type: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ComputeConfig {
    enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_pools: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_role_arn: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StorageConfig {
    block_storage: Switch,
}

/// A call that changes a part of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    DeletionProtection,
    Access,
    Upgrade,
    ZonalShift,
    Logging,
    Subnets,
    Endpoint,
    AutoMode,
    Version,
}

/// The calls in their order, each with the rows that it changes: EKS takes one type of update at a time. The version
/// comes last, because it takes longest and the end of the last one is awaited anyway.
const STEPS: &[(Step, &[&str])] = &[
    (Step::DeletionProtection, &["DeletionProtection"]),
    (Step::Access, &["AccessConfig.AuthenticationMode"]),
    (Step::Upgrade, &["UpgradePolicy"]),
    (Step::ZonalShift, &["ZonalShiftConfig"]),
    (Step::Logging, &["Logging"]),
    (Step::Subnets, &["ResourcesVpcConfig.SubnetIds", "ResourcesVpcConfig.SecurityGroupIds"]),
    (
        Step::Endpoint,
        &[
            "ResourcesVpcConfig.EndpointPublicAccess",
            "ResourcesVpcConfig.EndpointPrivateAccess",
            "ResourcesVpcConfig.PublicAccessCidrs",
        ],
    ),
    (
        Step::AutoMode,
        &["ComputeConfig", "StorageConfig", "KubernetesNetworkConfig.ElasticLoadBalancing"],
    ),
    (Step::Version, &["Version"]),
];

impl Kind for Cluster {
    type Spec = Spec;
    type Live = types::Cluster;

    const NAME: &'static str = "AWS::EKS::Cluster";
    const DOC: &'static str = "An EKS cluster: a managed Kubernetes control plane. \
        `CreateCluster` answers at once; endpoint and certificate are there when the cluster is `ACTIVE`, after eight to eleven minutes. \
        It takes one update at a time, so several changes are sent one after the other; the version goes up one minor at a time. \
        Deletion is refused while node groups or Fargate profiles are left; network interfaces of load balancers and pods outlive it.";
    const FIELDS: &'static [Field] = &[
        Field::replaces(
            "Name",
            "The name: unique in account and Region, and the cluster's identity.",
        ),
        Field::updates(
            "Version",
            "The Kubernetes version, such as `1.33`; it only goes up, one minor at a time.",
        ),
        Field::replaces("RoleArn", "ARN of the role that the control plane acts with.")
            .when_ready(),
        Field::updates("ResourcesVpcConfig", "Where the control plane is reachable."),
        Field::updates(
            "ResourcesVpcConfig.SubnetIds",
            "Subnets, in two zones at least, for the control plane's network interfaces.",
        )
        .set(),
        Field::updates(
            "ResourcesVpcConfig.SecurityGroupIds",
            "Security groups of these interfaces, beside the cluster's own.",
        )
        .set(),
        Field::updates(
            "ResourcesVpcConfig.EndpointPublicAccess",
            "Whether the API is reachable from the Internet; true unless given.",
        ),
        Field::updates(
            "ResourcesVpcConfig.EndpointPrivateAccess",
            "Whether the API is reachable inside the VPC; false unless given.",
        ),
        Field::updates(
            "ResourcesVpcConfig.PublicAccessCidrs",
            "The ranges from which the public endpoint may be called.",
        )
        .set(),
        Field::replaces(
            "KubernetesNetworkConfig",
            "The service network: `ServiceIpv4Cidr`, `IpFamily`.",
        ),
        Field::updates(
            "KubernetesNetworkConfig.ElasticLoadBalancing",
            "Load balancing of EKS Auto Mode.",
        ),
        Field::updates(
            "Logging",
            "Control plane logs that go to CloudWatch: `api`, `audit`, `authenticator`, `controllerManager`, `scheduler`.",
        ),
        Field::replaces("EncryptionConfig", "The KMS key that encrypts secrets."),
        Field::updates("AccessConfig", "How principals are let in."),
        Field::updates(
            "AccessConfig.AuthenticationMode",
            "`CONFIG_MAP`, `API_AND_CONFIG_MAP` or `API`; it goes forward only.",
        ),
        Field::replaces(
            "AccessConfig.BootstrapClusterCreatorAdminPermissions",
            "Whether the creator becomes administrator.",
        )
        .write_only(),
        Field::updates("UpgradePolicy", "`STANDARD` or `EXTENDED` support."),
        Field::replaces(
            "BootstrapSelfManagedAddons",
            "Whether the default networking add-ons are installed.",
        )
        .write_only(),
        Field::updates("ComputeConfig", "Node pools of EKS Auto Mode."),
        Field::updates("StorageConfig", "Block storage of EKS Auto Mode."),
        Field::updates("DeletionProtection", "Whether a deletion is refused."),
        Field::updates(
            "ZonalShiftConfig",
            "Whether ARC may shift traffic away from an impaired zone.",
        ),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Name", "The cluster's name."),
        Output::with_id("Arn", "The cluster's ARN."),
        Output::when_ready("Endpoint", "The URL of the Kubernetes API."),
        Output::when_ready("CertificateAuthorityData", "The API's CA certificate, in base64."),
        Output::when_ready(
            "ClusterSecurityGroupId",
            "The security group that EKS made for control plane and nodes.",
        ),
        Output::when_ready("OpenIdConnectIssuerUrl", "The issuer of service account tokens."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(564, 300, 150);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &types::Cluster) -> PhysicalId {
        PhysicalId::new(live.name().unwrap_or_default())
    }

    fn spec(live: &types::Cluster) -> Spec {
        let access = live.access_config();
        let support = live.upgrade_policy().and_then(|policy| policy.support_type());
        let compute = live.compute_config().and_then(|compute| {
            Some(ComputeConfig {
                enabled: compute.enabled?,
                node_pools: Some(compute.node_pools().iter().cloned().collect()),
                node_role_arn: compute.node_role_arn.clone(),
            })
        });
        let storage = live.storage_config().and_then(|storage| storage.block_storage()?.enabled);
        let zonal_shift = live.zonal_shift_config().and_then(|shift| shift.enabled);
        Spec {
            name: live.name().unwrap_or_default().into(),
            version: live.version.clone(),
            role_arn: live.role_arn().unwrap_or_default().into(),
            resources_vpc_config: vpc_config(live.resources_vpc_config()),
            kubernetes_network_config: live.kubernetes_network_config().map(network_config),
            logging: live.logging().map(logging),
            encryption_config: Some(live.encryption_config().iter().map(encryption).collect()),
            access_config: access.map(|access| AccessConfig {
                authentication_mode: access.authentication_mode().map(|it| it.as_str().into()),
                bootstrap_cluster_creator_admin_permissions: access
                    .bootstrap_cluster_creator_admin_permissions,
            }),
            upgrade_policy: support.map(|it| UpgradePolicy { support_type: it.as_str().into() }),
            bootstrap_self_managed_addons: None,
            compute_config: compute,
            storage_config: storage
                .map(|enabled| StorageConfig { block_storage: Switch { enabled } }),
            deletion_protection: live.deletion_protection,
            zonal_shift_config: zonal_shift.map(|enabled| Switch { enabled }),
            tags: Some(eks::tags(live.tags())),
        }
    }

    fn outputs(live: &types::Cluster) -> Outputs {
        let vpc = live.resources_vpc_config();
        outputs([
            ("Name", live.name()),
            ("Arn", live.arn()),
            ("Endpoint", live.endpoint()),
            ("CertificateAuthorityData", live.certificate_authority().and_then(|ca| ca.data())),
            ("ClusterSecurityGroupId", vpc.and_then(|vpc| vpc.cluster_security_group_id())),
            ("OpenIdConnectIssuerUrl", live.identity().and_then(|it| it.oidc()?.issuer())),
        ])
    }

    fn readiness(live: &types::Cluster) -> Readiness {
        let status = live.status().map_or("", ClusterStatus::as_str);
        match live.status() {
            Some(ClusterStatus::Active) => Readiness::Ready,
            Some(ClusterStatus::Deleting) => Readiness::Deleting,
            Some(ClusterStatus::Failed) => {
                let issues = live.health().map(types::ClusterHealth::issues).unwrap_or_default();
                let issues =
                    issues.iter().map(|it| (it.code().map(ClusterIssueCode::as_str), it.message()));
                Readiness::Failed(eks::reason(status, issues))
            }
            _ => Readiness::Pending(status.to_owned().into()),
        }
    }

    fn owner(live: &types::Cluster) -> Option<Owner> {
        tags::owner(&eks::tags(live.tags()).0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::Cluster>, Fault> {
        let by_owner = eks::owned(cx, "cluster", wanted).await?;
        let mut names: BTreeSet<String> = by_owner.into_iter().flatten().collect();
        names.extend(wanted.iter().filter_map(Lookup::id).map(str::to_owned));
        eks::each(names.into_iter().map(|name| async move { cx.describe_cluster(&name).await }))
            .await
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let access = spec.access_config.as_ref().map(|access| {
            CreateAccessConfigRequest::builder()
                .set_authentication_mode(access.authentication_mode.as_deref().map(Into::into))
                .set_bootstrap_cluster_creator_admin_permissions(
                    access.bootstrap_cluster_creator_admin_permissions,
                )
                .build()
        });
        let vpc = &spec.resources_vpc_config;
        let made = cx
            .eks
            .create_cluster()
            .name(&spec.name)
            .set_version(spec.version.clone())
            .role_arn(&spec.role_arn)
            .resources_vpc_config(endpoint_request(vpc, subnets_request(vpc)).build())
            .set_kubernetes_network_config(
                spec.kubernetes_network_config.as_ref().map(network_request),
            )
            .set_logging(spec.logging.as_ref().map(logging_request))
            .set_encryption_config(
                spec.encryption_config
                    .as_ref()
                    .map(|configs| configs.iter().map(encryption_request).collect()),
            )
            .set_access_config(access)
            .set_upgrade_policy(spec.upgrade_policy.as_ref().map(upgrade_request))
            .set_bootstrap_self_managed_addons(spec.bootstrap_self_managed_addons)
            .set_compute_config(spec.compute_config.as_ref().map(compute_request))
            .set_storage_config(spec.storage_config.as_ref().map(storage_request))
            .set_deletion_protection(spec.deletion_protection)
            .set_zonal_shift_config(spec.zonal_shift_config.as_ref().map(zonal_shift_request))
            .set_tags(spec.tags.as_ref().map(|tags| eks::tag_map(&tags.0)))
            .client_request_token(&token.0)
            .send()
            .await?;
        let name = made.cluster.and_then(|cluster| cluster.name).required("cluster name")?;
        Ok(PhysicalId::new(name))
    }

    /// Sends the first part that is not yet as desired, and is [busy](eks::busy) until no part is left.
    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let name = id.as_str();
        let live = cx.describe_cluster(name).await?.ok_or_else(|| eks::absent(name))?;
        if update.has("Tags") {
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            eks::retag(cx, live.arn().required("cluster ARN")?, change).await?;
        }
        match *steps(&Self::spec(&live), &update) {
            [] => Ok(()),
            _ if live.status() != Some(&ClusterStatus::Active) => Err(eks::busy(name)),
            [last] => send(cx, name, last, update.to).await,
            [first, ..] => {
                send(cx, name, first, update.to).await?;
                Err(eks::busy(name))
            }
        }
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let name = id.as_str();
        let Some(live) = cx.describe_cluster(name).await? else { return Ok(()) };
        // What is made next may have the same name.
        cx.forget_cluster(name);
        if live.status() == Some(&ClusterStatus::Deleting) {
            return Ok(());
        }
        if live.deletion_protection() == Some(true) {
            // An update like any other: the deletion has to wait for its end.
            if live.status() == Some(&ClusterStatus::Active) {
                let call = cx.eks.update_cluster_config().name(name);
                call.deletion_protection(false).send().await?;
            }
            return Err(eks::busy(name));
        }
        gone(cx.eks.delete_cluster().name(name).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let cluster = id.as_str();
        let groups = cx.eks.list_nodegroups().cluster_name(cluster).into_paginator();
        let profiles = cx.eks.list_fargate_profiles().cluster_name(cluster).into_paginator();
        let (groups, profiles) =
            futures::try_join!(collect(groups.items().send()), collect(profiles.items().send()))?;
        let is = |name: String, kind| {
            // As the kinds of clusters call what belongs to one.
            let id = PhysicalId::joined([cluster, &name]);
            Blocker::stays(id.as_str(), kind, "belongs to the cluster")
        };
        let groups = groups.into_iter().map(|name| is(name, "AWS::EKS::Nodegroup"));
        let profiles = profiles.into_iter().map(|name| is(name, "AWS::EKS::FargateProfile"));
        Ok(groups.chain(profiles).collect())
    }
}

fn steps(live: &Spec, update: &Update<'_, Spec>) -> Vec<Step> {
    let open = STEPS.iter().filter(|(_, rows)| !eks::open(rows, live, update).is_empty());
    open.map(|(step, _)| *step).collect()
}

async fn send(cx: &Cx, name: &str, step: Step, to: &Spec) -> Result<(), Fault> {
    let call = cx.eks.update_cluster_config().name(name);
    let vpc = &to.resources_vpc_config;
    let call = match step {
        Step::Version => {
            let call = cx.eks.update_cluster_version().name(name);
            call.set_version(to.version.clone()).send().await?;
            return Ok(());
        }
        Step::DeletionProtection => call.set_deletion_protection(to.deletion_protection),
        Step::Access => {
            let mode = to.access_config.as_ref().and_then(|it| it.authentication_mode.as_deref());
            let mode = mode.map(AuthenticationMode::from);
            call.access_config(
                UpdateAccessConfigRequest::builder().set_authentication_mode(mode).build(),
            )
        }
        Step::Upgrade => call.set_upgrade_policy(to.upgrade_policy.as_ref().map(upgrade_request)),
        Step::ZonalShift => {
            call.set_zonal_shift_config(to.zonal_shift_config.as_ref().map(zonal_shift_request))
        }
        Step::Logging => call.set_logging(to.logging.as_ref().map(logging_request)),
        Step::Subnets => call.resources_vpc_config(subnets_request(vpc).build()),
        Step::Endpoint => {
            call.resources_vpc_config(endpoint_request(vpc, VpcConfigRequest::builder()).build())
        }
        Step::AutoMode => {
            // The three go together, or EKS refuses them.
            let network = to.kubernetes_network_config.as_ref();
            let balancing = network.and_then(|it| it.elastic_load_balancing.as_ref());
            let balancing = balancing.map(|switch| {
                let balancing = balancing_request(switch);
                KubernetesNetworkConfigRequest::builder().elastic_load_balancing(balancing).build()
            });
            call.set_compute_config(to.compute_config.as_ref().map(compute_request))
                .set_storage_config(to.storage_config.as_ref().map(storage_request))
                .set_kubernetes_network_config(balancing)
        }
    };
    call.send().await?;
    Ok(())
}

// From the answer to the spec.

fn vpc_config(live: Option<&VpcConfigResponse>) -> VpcConfig {
    let set = |texts: &[String]| texts.iter().cloned().collect();
    VpcConfig {
        subnet_ids: set(live.map(VpcConfigResponse::subnet_ids).unwrap_or_default()),
        security_group_ids: live.map(|vpc| set(vpc.security_group_ids())),
        endpoint_public_access: live.map(|vpc| vpc.endpoint_public_access),
        endpoint_private_access: live.map(|vpc| vpc.endpoint_private_access),
        public_access_cidrs: live.map(|vpc| set(vpc.public_access_cidrs())),
    }
}

fn network_config(live: &types::KubernetesNetworkConfigResponse) -> KubernetesNetworkConfig {
    let balancing = live.elastic_load_balancing().and_then(|balancing| balancing.enabled);
    KubernetesNetworkConfig {
        service_ipv4_cidr: live.service_ipv4_cidr.clone(),
        ip_family: live.ip_family().map(|family| family.as_str().into()),
        elastic_load_balancing: balancing.map(|enabled| Switch { enabled }),
    }
}

fn logging(live: &types::Logging) -> Logging {
    let enabled = live.cluster_logging().iter().filter(|setup| setup.enabled == Some(true));
    let types = enabled.flat_map(LogSetup::types);
    let enabled_types = types.map(|log| EnabledType { log: log.as_str().into() }).collect();
    Logging { cluster_logging: ClusterLogging { enabled_types } }
}

#[expect(deprecated, reason = "CloudFormation has the property, and EKS echoes it")]
fn encryption(live: &types::EncryptionConfig) -> EncryptionConfig {
    let key = live.provider().and_then(|provider| provider.key_arn.clone());
    EncryptionConfig {
        provider: EncryptionProvider { key_arn: key.unwrap_or_default() },
        resources: live.resources().to_vec(),
    }
}

// From the spec to the call.

fn subnets_request(vpc: &VpcConfig) -> types::builders::VpcConfigRequestBuilder {
    VpcConfigRequest::builder()
        .set_subnet_ids(Some(vpc.subnet_ids.iter().cloned().collect()))
        .set_security_group_ids(vpc.security_group_ids.as_ref().map(list))
}

fn endpoint_request(
    vpc: &VpcConfig,
    request: types::builders::VpcConfigRequestBuilder,
) -> types::builders::VpcConfigRequestBuilder {
    // EKS refuses ranges for an endpoint that is not public.
    let cidrs = vpc.public_access_cidrs.as_ref();
    let cidrs = cidrs.filter(|_| vpc.endpoint_public_access != Some(false));
    request
        .set_endpoint_public_access(vpc.endpoint_public_access)
        .set_endpoint_private_access(vpc.endpoint_private_access)
        .set_public_access_cidrs(cidrs.map(list))
}

fn network_request(network: &KubernetesNetworkConfig) -> KubernetesNetworkConfigRequest {
    KubernetesNetworkConfigRequest::builder()
        .set_service_ipv4_cidr(network.service_ipv4_cidr.clone())
        .set_ip_family(network.ip_family.as_deref().map(IpFamily::from))
        .set_elastic_load_balancing(network.elastic_load_balancing.as_ref().map(balancing_request))
        .build()
}

fn balancing_request(switch: &Switch) -> ElasticLoadBalancing {
    ElasticLoadBalancing::builder().enabled(switch.enabled).build()
}

/// Types that are not named are switched off.
fn logging_request(logging: &Logging) -> types::Logging {
    let named = |log: &&LogType| {
        let enabled = &logging.cluster_logging.enabled_types;
        enabled.iter().any(|enabled| enabled.log == log.as_str())
    };
    let all = LogType::values().iter().map(|log| LogType::from(*log)).collect::<Vec<_>>();
    let setup = |enabled: bool| {
        let types: Vec<_> = all.iter().filter(|log| named(log) == enabled).cloned().collect();
        let setup = LogSetup::builder().enabled(enabled).set_types(Some(types)).build();
        Some(setup).filter(|setup| !setup.types().is_empty())
    };
    let setups = [setup(true), setup(false)].into_iter().flatten().collect();
    types::Logging::builder().set_cluster_logging(Some(setups)).build()
}

#[expect(deprecated, reason = "CloudFormation has the property, and EKS echoes it")]
fn encryption_request(config: &EncryptionConfig) -> types::EncryptionConfig {
    types::EncryptionConfig::builder()
        .provider(Provider::builder().key_arn(&config.provider.key_arn).build())
        .set_resources(Some(config.resources.clone()))
        .build()
}

fn upgrade_request(policy: &UpgradePolicy) -> UpgradePolicyRequest {
    let support = SupportType::from(policy.support_type.as_str());
    UpgradePolicyRequest::builder().support_type(support).build()
}

fn compute_request(compute: &ComputeConfig) -> ComputeConfigRequest {
    ComputeConfigRequest::builder()
        .enabled(compute.enabled)
        .set_node_pools(compute.node_pools.as_ref().map(list))
        .set_node_role_arn(compute.node_role_arn.clone())
        .build()
}

fn storage_request(storage: &StorageConfig) -> StorageConfigRequest {
    let block = BlockStorage::builder().enabled(storage.block_storage.enabled).build();
    StorageConfigRequest::builder().block_storage(block).build()
}

fn zonal_shift_request(switch: &Switch) -> ZonalShiftConfigRequest {
    ZonalShiftConfigRequest::builder().enabled(switch.enabled).build()
}

fn list(set: &BTreeSet<String>) -> Vec<String> {
    set.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn live() -> types::Cluster {
        let vpc = VpcConfigResponse::builder()
            .subnet_ids("subnet-b")
            .subnet_ids("subnet-a")
            .security_group_ids("sg-1")
            .cluster_security_group_id("sg-2")
            .endpoint_public_access(true)
            .public_access_cidrs("0.0.0.0/0");
        let logs = |log, enabled| LogSetup::builder().types(log).enabled(enabled).build();
        let logging = types::Logging::builder()
            .cluster_logging(logs(LogType::Scheduler, true))
            .cluster_logging(logs(LogType::Api, true))
            .cluster_logging(logs(LogType::Audit, false));
        types::Cluster::builder()
            .name("main")
            .version("1.33")
            .role_arn("arn:role")
            .status(ClusterStatus::Active)
            .resources_vpc_config(vpc.build())
            .logging(logging.build())
            .deletion_protection(false)
            .build()
    }

    fn spec(changes: Value) -> Spec {
        let mut spec = serde_json::to_value(Cluster::spec(&live())).unwrap();
        let Value::Object(changes) = changes else { panic!("an object") };
        spec.as_object_mut().unwrap().extend(changes);
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_live_cluster_is_seen_as_cloudformation_writes_it() {
        assert_eq!(
            serde_json::to_value(Cluster::spec(&live())).unwrap(),
            json!({
                "Name": "main", "Version": "1.33", "RoleArn": "arn:role",
                "ResourcesVpcConfig": {
                    "SubnetIds": ["subnet-a", "subnet-b"], "SecurityGroupIds": ["sg-1"],
                    "EndpointPublicAccess": true, "EndpointPrivateAccess": false,
                    "PublicAccessCidrs": ["0.0.0.0/0"],
                },
                "Logging": {"ClusterLogging": {"EnabledTypes": [{"Type": "api"}, {"Type": "scheduler"}]}},
                "EncryptionConfig": [], "DeletionProtection": false, "Tags": [],
            })
        );
        assert_eq!(Cluster::outputs(&live())["ClusterSecurityGroupId"], "sg-2");
    }

    #[test]
    fn a_failed_cluster_tells_why() {
        let issue =
            types::ClusterIssue::builder().code(ClusterIssueCode::AccessDenied).message("no role");
        let health = types::ClusterHealth::builder().issues(issue.build()).build();
        let mut failed = live();
        (failed.status, failed.health) = (Some(ClusterStatus::Failed), Some(health));
        let reason = "FAILED; AccessDenied: no role".to_owned();
        assert_eq!(Cluster::readiness(&failed), Readiness::Failed(reason));
        failed.status = Some(ClusterStatus::Updating);
        assert_eq!(Cluster::readiness(&failed), Readiness::Pending("UPDATING".into()));
    }

    #[test]
    fn changes_go_one_by_one_and_the_version_last() {
        let from = Cluster::spec(&live());
        let to = spec(json!({
            "Version": "1.34",
            "DeletionProtection": true,
            "ResourcesVpcConfig": {"SubnetIds": ["subnet-a", "subnet-b"], "EndpointPrivateAccess": true},
        }));
        let changed = ["DeletionProtection", "ResourcesVpcConfig.EndpointPrivateAccess", "Version"];
        let update = Update { from: &from, to: &to, changed: &changed };
        let all = [Step::DeletionProtection, Step::Endpoint, Step::Version];
        assert_eq!(steps(&from, &update), all);
        let halfway = spec(json!({"DeletionProtection": true}));
        assert_eq!(steps(&halfway, &update), all[1..]);
        assert_eq!(steps(&to, &update), []);
    }

    #[test]
    fn logs_that_are_not_named_are_switched_off() {
        let named = json!({"ClusterLogging": {"EnabledTypes": [{"Type": "audit"}]}});
        let request = logging_request(&serde_json::from_value(named).unwrap());
        let [on, off] = request.cluster_logging() else { panic!("one on, one off") };
        assert_eq!((on.enabled, on.types()), (Some(true), &[LogType::Audit][..]));
        assert_eq!((off.enabled, off.types().len()), (Some(false), 4));
    }

    #[test]
    fn a_private_endpoint_has_no_public_ranges() {
        let cidrs = |public| {
            let vpc = json!({"SubnetIds": [], "EndpointPublicAccess": public, "PublicAccessCidrs": ["10.0.0.0/8"]});
            let vpc: VpcConfig = serde_json::from_value(vpc).unwrap();
            endpoint_request(&vpc, VpcConfigRequest::builder()).build().public_access_cidrs
        };
        assert_eq!(cidrs(json!(false)), None);
        assert_eq!(cidrs(json!(true)), Some(vec!["10.0.0.0/8".to_owned()]));
        assert!(cidrs(Value::Null).is_some());
    }
}
