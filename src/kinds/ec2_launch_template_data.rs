//! What a launch template says of an instance: CloudFormation's shape of it, from replies and to requests.
//!
//! EC2 has two types for each part, one for the way in and one for the way out, which differ in nothing that is ours.
//! The table at the end names the members once for both; the compiler checks it against the SDK.

use aws_sdk_ec2::types::{self, Tag};
use serde::{Deserialize, Serialize};

use super::ec2;
use super::scalar::{Number, Text};
use crate::cloud::tags::Tags;

/// Made from a part of a reply.
pub(super) trait Seen<W> {
    fn seen(part: &W) -> Self;
}

/// Makes a part of a request.
pub(super) trait Sent<W> {
    fn sent(&self) -> W;
}

impl Data {
    /// What two versions say, whichever of them is ours: a member of ours that the other one has not as it is, is left
    /// out. Where that leaves all of one of them, the other one says more, and nothing is told.
    pub(super) fn common(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        let members = |data: &Self| serde_json::to_value(data).unwrap_or_default();
        let (mut mine, others) = (members(self), members(other));
        if let Some(mine) = mine.as_object_mut() {
            mine.retain(|name, value| others.get(name) == Some(value));
        }
        let common = serde_json::from_value(mine).unwrap_or_default();
        if common == *self || common == *other { Self::default() } else { common }
    }
}

impl Seen<bool> for bool {
    fn seen(part: &bool) -> Self {
        *part
    }
}

impl Sent<bool> for bool {
    fn sent(&self) -> bool {
        *self
    }
}

impl Seen<f64> for f64 {
    fn seen(part: &f64) -> Self {
        *part
    }
}

impl Sent<f64> for f64 {
    fn sent(&self) -> f64 {
        *self
    }
}

impl Seen<i32> for Number {
    fn seen(part: &i32) -> Self {
        Self(*part)
    }
}

impl Sent<i32> for Number {
    fn sent(&self) -> i32 {
        self.0
    }
}

/// Texts and words of the API.
impl<W: AsRef<str>> Seen<W> for String {
    fn seen(part: &W) -> Self {
        part.as_ref().into()
    }
}

impl<W: for<'a> From<&'a str>> Sent<W> for String {
    fn sent(&self) -> W {
        self.as_str().into()
    }
}

impl Seen<String> for Text {
    fn seen(part: &String) -> Self {
        part.as_str().into()
    }
}

impl Sent<String> for Text {
    fn sent(&self) -> String {
        self.0.clone()
    }
}

impl<W, T: Seen<W>> Seen<Vec<W>> for Vec<T> {
    fn seen(part: &Vec<W>) -> Self {
        part.iter().map(T::seen).collect()
    }
}

impl<W, T: Sent<W>> Sent<Vec<W>> for Vec<T> {
    fn sent(&self) -> Vec<W> {
        self.iter().map(T::sent).collect()
    }
}

impl Seen<Vec<Tag>> for Tags {
    fn seen(part: &Vec<Tag>) -> Self {
        ec2::tags(part)
    }
}

impl Sent<Vec<Tag>> for Tags {
    fn sent(&self) -> Vec<Tag> {
        ec2::tag_list(&self.0)
    }
}

/// `Part: Reply Request { member: Type }`, and for parts that several of EC2's types have, all of those.
macro_rules! parts {
    ($($(#[$about:meta])* $name:ident: $reply:ident $request:ident {
        $($(#[$attribute:meta])* $member:ident: $type:ty),* $(,)?
    })*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
            #[serde(rename_all = "PascalCase", deny_unknown_fields)]
            #[allow(clippy::struct_field_names, reason = "CloudFormation's names")]
            pub(super) struct $name {
                $(
                    $(#[$attribute])*
                    #[serde(default, skip_serializing_if = "Option::is_none")]
                    $member: Option<$type>,
                )*
            }

            impl Seen<types::$reply> for $name {
                fn seen(part: &types::$reply) -> Self {
                    Self { $($member: part.$member.as_ref().map(Seen::seen)),* }
                }
            }

            impl Sent<types::$request> for $name {
                fn sent(&self) -> types::$request {
                    let mut request = types::$request::builder().build();
                    $(request.$member = self.$member.as_ref().map(Sent::sent);)*
                    request
                }
            }
        )*
    };
}

/// `Part(Type): Reply Request, ...`
macro_rules! ranges {
    ($($name:ident($type:ty): $($reply:ident $request:ident),*;)*) => {
        $(
            /// From `Min` to `Max`.
            #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
            #[serde(rename_all = "PascalCase", deny_unknown_fields)]
            pub(super) struct $name {
                #[serde(default, skip_serializing_if = "Option::is_none")]
                min: Option<$type>,
                #[serde(default, skip_serializing_if = "Option::is_none")]
                max: Option<$type>,
            }

            $(
                impl Seen<types::$reply> for $name {
                    fn seen(part: &types::$reply) -> Self {
                        let [min, max] =
                            [&part.min, &part.max].map(|end| end.as_ref().map(Seen::seen));
                        Self { min, max }
                    }
                }

                impl Sent<types::$request> for $name {
                    fn sent(&self) -> types::$request {
                        let [min, max] =
                            [&self.min, &self.max].map(|end| end.as_ref().map(Sent::sent));
                        types::$request::builder().set_min(min).set_max(max).build()
                    }
                }
            )*
        )*
    };
}

ranges! {
    WholeRange(Number):
        AcceleratorCount AcceleratorCountRequest,
        AcceleratorTotalMemoryMiB AcceleratorTotalMemoryMiBRequest,
        BaselineEbsBandwidthMbps BaselineEbsBandwidthMbpsRequest,
        MemoryMiB MemoryMiBRequest,
        NetworkInterfaceCount NetworkInterfaceCountRequest,
        VCpuCountRange VCpuCountRangeRequest;
    Range(f64):
        MemoryGiBPerVCpu MemoryGiBPerVCpuRequest,
        NetworkBandwidthGbps NetworkBandwidthGbpsRequest,
        TotalLocalStorageGb TotalLocalStorageGbRequest;
}

parts! {
    /// What an instance is launched with.
    Data: ResponseLaunchTemplateData RequestLaunchTemplateData {
        block_device_mappings: Vec<BlockDeviceMapping>,
        capacity_reservation_specification: CapacityReservation,
        cpu_options: CpuOptions,
        credit_specification: Credit,
        disable_api_stop: bool,
        disable_api_termination: bool,
        ebs_optimized: bool,
        enclave_options: EnclaveOptions,
        hibernation_options: HibernationOptions,
        iam_instance_profile: IamInstanceProfile,
        image_id: String,
        instance_initiated_shutdown_behavior: String,
        instance_market_options: MarketOptions,
        instance_requirements: InstanceRequirements,
        instance_type: String,
        kernel_id: String,
        key_name: String,
        license_specifications: Vec<License>,
        maintenance_options: MaintenanceOptions,
        metadata_options: MetadataOptions,
        monitoring: Monitoring,
        network_interfaces: Vec<NetworkInterface>,
        network_performance_options: NetworkPerformanceOptions,
        placement: Placement,
        private_dns_name_options: PrivateDnsNameOptions,
        ram_disk_id: String,
        security_group_ids: Vec<String>,
        security_groups: Vec<String>,
        tag_specifications: Vec<TagSpecification>,
        user_data: String,
    }
    BlockDeviceMapping: LaunchTemplateBlockDeviceMapping LaunchTemplateBlockDeviceMappingRequest {
        device_name: String,
        ebs: Ebs,
        no_device: String,
        virtual_name: String,
    }
    Ebs: LaunchTemplateEbsBlockDevice LaunchTemplateEbsBlockDeviceRequest {
        delete_on_termination: bool,
        ebs_card_index: Number,
        encrypted: bool,
        iops: Number,
        kms_key_id: String,
        snapshot_id: String,
        throughput: Number,
        volume_initialization_rate: Number,
        volume_size: Number,
        volume_type: String,
    }
    CapacityReservation:
        LaunchTemplateCapacityReservationSpecificationResponse
        LaunchTemplateCapacityReservationSpecificationRequest {
        capacity_reservation_preference: String,
        capacity_reservation_target: CapacityReservationTarget,
    }
    CapacityReservationTarget: CapacityReservationTargetResponse CapacityReservationTarget {
        capacity_reservation_id: String,
        capacity_reservation_resource_group_arn: String,
    }
    CpuOptions: LaunchTemplateCpuOptions LaunchTemplateCpuOptionsRequest {
        amd_sev_snp: String,
        core_count: Number,
        nested_virtualization: String,
        threads_per_core: Number,
    }
    Credit: CreditSpecification CreditSpecificationRequest { cpu_credits: String }
    EnclaveOptions: LaunchTemplateEnclaveOptions LaunchTemplateEnclaveOptionsRequest {
        enabled: bool,
    }
    HibernationOptions: LaunchTemplateHibernationOptions LaunchTemplateHibernationOptionsRequest {
        configured: bool,
    }
    IamInstanceProfile:
        LaunchTemplateIamInstanceProfileSpecification
        LaunchTemplateIamInstanceProfileSpecificationRequest {
        arn: String,
        name: String,
    }
    MarketOptions: LaunchTemplateInstanceMarketOptions LaunchTemplateInstanceMarketOptionsRequest {
        market_type: String,
        spot_options: SpotOptions,
    }
    SpotOptions: LaunchTemplateSpotMarketOptions LaunchTemplateSpotMarketOptionsRequest {
        block_duration_minutes: Number,
        instance_interruption_behavior: String,
        max_price: Text,
        spot_instance_type: String,
    }
    InstanceRequirements: InstanceRequirements InstanceRequirementsRequest {
        accelerator_count: WholeRange,
        accelerator_manufacturers: Vec<String>,
        accelerator_names: Vec<String>,
        #[serde(rename = "AcceleratorTotalMemoryMiB")]
        accelerator_total_memory_mib: WholeRange,
        accelerator_types: Vec<String>,
        allowed_instance_types: Vec<String>,
        bare_metal: String,
        baseline_ebs_bandwidth_mbps: WholeRange,
        baseline_performance_factors: BaselinePerformanceFactors,
        burstable_performance: String,
        cpu_manufacturers: Vec<String>,
        excluded_instance_types: Vec<String>,
        instance_generations: Vec<String>,
        local_storage: String,
        local_storage_types: Vec<String>,
        max_spot_price_as_percentage_of_optimal_on_demand_price: Number,
        #[serde(rename = "MemoryGiBPerVCpu")]
        memory_gib_per_v_cpu: Range,
        #[serde(rename = "MemoryMiB")]
        memory_mib: WholeRange,
        network_bandwidth_gbps: Range,
        network_interface_count: WholeRange,
        on_demand_max_price_percentage_over_lowest_price: Number,
        require_encryption_in_transit: bool,
        require_hibernate_support: bool,
        spot_max_price_percentage_over_lowest_price: Number,
        #[serde(rename = "TotalLocalStorageGB")]
        total_local_storage_gb: Range,
        v_cpu_count: WholeRange,
    }
    BaselinePerformanceFactors: BaselinePerformanceFactors BaselinePerformanceFactorsRequest {
        cpu: CpuPerformanceFactor,
    }
    CpuPerformanceFactor: CpuPerformanceFactor CpuPerformanceFactorRequest {
        references: Vec<PerformanceFactorReference>,
    }
    PerformanceFactorReference: PerformanceFactorReference PerformanceFactorReferenceRequest {
        instance_family: String,
    }
    License: LaunchTemplateLicenseConfiguration LaunchTemplateLicenseConfigurationRequest {
        license_configuration_arn: String,
    }
    MaintenanceOptions:
        LaunchTemplateInstanceMaintenanceOptions
        LaunchTemplateInstanceMaintenanceOptionsRequest {
        auto_recovery: String,
    }
    MetadataOptions:
        LaunchTemplateInstanceMetadataOptions
        LaunchTemplateInstanceMetadataOptionsRequest {
        http_endpoint: String,
        http_protocol_ipv6: String,
        http_put_response_hop_limit: Number,
        http_tokens: String,
        instance_metadata_tags: String,
    }
    Monitoring: LaunchTemplatesMonitoring LaunchTemplatesMonitoringRequest { enabled: bool }
    NetworkInterface:
        LaunchTemplateInstanceNetworkInterfaceSpecification
        LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
        associate_carrier_ip_address: bool,
        associate_public_ip_address: bool,
        connection_tracking_specification: ConnectionTracking,
        delete_on_termination: bool,
        description: String,
        device_index: Number,
        ena_queue_count: Number,
        ena_srd_specification: EnaSrd,
        groups: Vec<String>,
        interface_type: String,
        ipv4_prefix_count: Number,
        ipv4_prefixes: Vec<Ipv4Prefix>,
        ipv6_address_count: Number,
        ipv6_addresses: Vec<Ipv6Address>,
        ipv6_prefix_count: Number,
        ipv6_prefixes: Vec<Ipv6Prefix>,
        network_card_index: Number,
        network_interface_id: String,
        primary_ipv6: bool,
        private_ip_address: String,
        private_ip_addresses: Vec<PrivateIpAddress>,
        secondary_private_ip_address_count: Number,
        subnet_id: String,
    }
    ConnectionTracking: ConnectionTrackingSpecification ConnectionTrackingSpecificationRequest {
        tcp_established_timeout: Number,
        udp_stream_timeout: Number,
        udp_timeout: Number,
    }
    EnaSrd: LaunchTemplateEnaSrdSpecification EnaSrdSpecificationRequest {
        ena_srd_enabled: bool,
        ena_srd_udp_specification: EnaSrdUdp,
    }
    EnaSrdUdp: LaunchTemplateEnaSrdUdpSpecification EnaSrdUdpSpecificationRequest {
        ena_srd_udp_enabled: bool,
    }
    Ipv4Prefix: Ipv4PrefixSpecificationResponse Ipv4PrefixSpecificationRequest {
        ipv4_prefix: String,
    }
    Ipv6Address: InstanceIpv6Address InstanceIpv6AddressRequest { ipv6_address: String }
    Ipv6Prefix: Ipv6PrefixSpecificationResponse Ipv6PrefixSpecificationRequest {
        ipv6_prefix: String,
    }
    PrivateIpAddress: PrivateIpAddressSpecification PrivateIpAddressSpecification {
        primary: bool,
        private_ip_address: String,
    }
    NetworkPerformanceOptions:
        LaunchTemplateNetworkPerformanceOptions
        LaunchTemplateNetworkPerformanceOptionsRequest {
        bandwidth_weighting: String,
    }
    Placement: LaunchTemplatePlacement LaunchTemplatePlacementRequest {
        affinity: String,
        availability_zone: String,
        group_id: String,
        group_name: String,
        host_id: String,
        host_resource_group_arn: String,
        partition_number: Number,
        spread_domain: String,
        tenancy: String,
    }
    PrivateDnsNameOptions:
        LaunchTemplatePrivateDnsNameOptions
        LaunchTemplatePrivateDnsNameOptionsRequest {
        enable_resource_name_dns_a_record: bool,
        #[serde(rename = "EnableResourceNameDnsAAAARecord")]
        enable_resource_name_dns_aaaa_record: bool,
        hostname_type: String,
    }
    TagSpecification: LaunchTemplateTagSpecification LaunchTemplateTagSpecificationRequest {
        resource_type: String,
        tags: Tags,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceType, ShutdownBehavior, VolumeType};
    use serde_json::{Value, json};

    use super::*;

    fn data(value: Value) -> Data {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_sent() {
        let request: types::RequestLaunchTemplateData = data(json!({
            "InstanceType": "m7g.large", "InstanceInitiatedShutdownBehavior": "terminate",
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": true, "VolumeSize": "50", "VolumeType": "gp3"}},
            ],
            "InstanceRequirements": {
                "VCpuCount": {"Min": 2, "Max": 4}, "MemoryMiB": {"Min": 4096},
                "MemoryGiBPerVCpu": {"Min": 1.5}, "TotalLocalStorageGB": {"Max": 100.0},
            },
            "PrivateDnsNameOptions": {"EnableResourceNameDnsAAAARecord": true},
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]},
            ],
        }))
        .sent();
        assert_eq!(request.instance_type(), Some(&InstanceType::M7gLarge));
        let behavior = request.instance_initiated_shutdown_behavior();
        assert_eq!(behavior, Some(&ShutdownBehavior::Terminate));
        let disk = request.block_device_mappings()[0].ebs().unwrap();
        assert_eq!((disk.volume_size, disk.volume_type()), (Some(50), Some(&VolumeType::Gp3)));
        let requirements = request.instance_requirements().unwrap();
        let cpus = requirements.v_cpu_count().unwrap();
        assert_eq!((cpus.min, cpus.max), (Some(2), Some(4)));
        assert_eq!(requirements.memory_gib_per_v_cpu().unwrap().min, Some(1.5));
        let names = request.private_dns_name_options().unwrap();
        assert_eq!(names.enable_resource_name_dns_aaaa_record, Some(true));
        let tags = request.tag_specifications()[0].tags();
        assert_eq!(tags.iter().filter_map(Tag::key).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_told_is_seen() {
        let options = types::LaunchTemplateInstanceMetadataOptions::builder()
            .state(types::LaunchTemplateInstanceMetadataOptionsState::Pending)
            .http_tokens(types::LaunchTemplateHttpTokensState::Required)
            .http_put_response_hop_limit(2);
        let owner = Tag::builder().key("aws:x").value("1").build();
        let ours = Tag::builder().key("team").value("a").build();
        let tags = types::LaunchTemplateTagSpecification::builder()
            .resource_type(types::ResourceType::Volume)
            .tags(owner)
            .tags(ours);
        let reply = types::ResponseLaunchTemplateData::builder()
            .image_id("ami-1")
            .metadata_options(options.build())
            .security_group_ids("sg-1")
            .tag_specifications(tags.build())
            .user_data("IyEvYmluL3No")
            .build();
        assert_eq!(
            serde_json::to_value(Data::seen(&reply)).unwrap(),
            json!({
                "ImageId": "ami-1",
                "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
                "SecurityGroupIds": ["sg-1"],
                "TagSpecifications":
                    [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "a"}]}],
                "UserData": "IyEvYmluL3No",
            })
        );
    }

    #[test]
    fn a_typo_is_refused() {
        let typo = json!({"MetadataOptions": {"HttpToken": "required"}});
        let error = serde_json::from_value::<Data>(typo).unwrap_err().to_string();
        assert!(error.starts_with("unknown field `HttpToken`"), "{error}");
    }

    #[test]
    fn two_versions_never_look_like_one_of_them() {
        let one =
            data(json!({"ImageId": "ami-1", "InstanceType": "m7g.large", "EbsOptimized": true}));
        let other = data(json!({"ImageId": "ami-2", "InstanceType": "m7g.large", "KeyName": "k"}));
        let more = data(json!({
            "ImageId": "ami-1", "InstanceType": "m7g.large", "EbsOptimized": true, "KeyName": "k",
        }));
        assert_eq!(one.common(&other), data(json!({"InstanceType": "m7g.large"})));
        assert_eq!(one.common(&more), Data::default());
        assert_eq!(more.common(&one), Data::default());
        assert_eq!(one.common(&one), one);
    }
}
