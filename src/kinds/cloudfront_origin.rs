//! Where a distribution fetches from: origins, and groups of them that stand in for each other, in CloudFormation's shape.
//!
//! `OriginCustomHeaders` is not among the properties: such headers mostly hold a secret that an origin recognizes its
//! distribution by, and no spec may hold one. Those that others set stay.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::error::BuildError;
use aws_sdk_cloudfront::types::{
    self, CustomHeaders, IpAddressType, OriginGroupFailoverCriteria, OriginGroupMembers,
    OriginProtocolPolicy, OriginSslProtocols, S3OriginConfig, SslProtocol,
};

use super::cloudfront::{count, lay, names, some};
use super::properties::properties;
use super::scalar::Number;

properties! {
    Origin {
        domain_name: String,
        id: String,
        ;
        connection_attempts: Number,
        connection_timeout: Number,
        custom_origin_config: CustomOrigin,
        origin_access_control_id: String,
        origin_path: String,
        origin_shield: Shield,
        response_completion_timeout: Number,
        s3_origin_config: S3Origin,
        vpc_origin_config: VpcOrigin,
    }
}

properties! {
    CustomOrigin {
        origin_protocol_policy: String,
        ;
        #[serde(rename = "HTTPPort")]
        http_port: Number,
        #[serde(rename = "HTTPSPort")]
        https_port: Number,
        ip_address_type: String,
        origin_keepalive_timeout: Number,
        origin_read_timeout: Number,
        #[serde(rename = "OriginSSLProtocols")]
        origin_ssl_protocols: BTreeSet<String>,
    }
}

properties! {
    Shield {
        ;
        enabled: bool,
        origin_shield_region: String,
    }
}

properties! {
    S3Origin {
        ;
        origin_access_identity: String,
        origin_read_timeout: Number,
    }
}

properties! {
    VpcOrigin {
        vpc_origin_id: String,
        ;
        origin_keepalive_timeout: Number,
        origin_read_timeout: Number,
        owner_account_id: String,
    }
}

properties! {
    OriginGroups {
        ;
        items: Vec<OriginGroup>,
        /// Told, and not needed: the items can be counted.
        quantity: Number,
    }
}

properties! {
    OriginGroup {
        failover_criteria: FailoverCriteria,
        id: String,
        members: Members,
        ;
        selection_criteria: String,
    }
}

properties! {
    FailoverCriteria {
        status_codes: StatusCodes,
        ;
    }
}

properties! {
    StatusCodes {
        items: Vec<i32>,
        ;
        quantity: Number,
    }
}

properties! {
    Members {
        items: Vec<Member>,
        ;
        quantity: Number,
    }
}

properties! {
    Member {
        origin_id: String,
        ;
    }
}

impl Origin {
    pub(super) fn of(origin: &types::Origin) -> Self {
        let shield = origin.origin_shield();
        Self {
            domain_name: origin.domain_name.clone(),
            id: origin.id.clone(),
            connection_attempts: origin.connection_attempts.map(Number),
            connection_timeout: origin.connection_timeout.map(Number),
            custom_origin_config: origin.custom_origin_config().map(CustomOrigin::of),
            origin_access_control_id: Some(
                origin.origin_access_control_id.clone().unwrap_or_default(),
            ),
            origin_path: Some(origin.origin_path.clone().unwrap_or_default()),
            origin_shield: Some(Shield {
                enabled: Some(shield.is_some_and(|it| it.enabled)),
                origin_shield_region: shield.and_then(|it| it.origin_shield_region.clone()),
            }),
            response_completion_timeout: origin.response_completion_timeout.map(Number),
            s3_origin_config: origin.s3_origin_config().map(|it| S3Origin {
                origin_access_identity: Some(it.origin_access_identity.clone()),
                origin_read_timeout: it.origin_read_timeout.map(Number),
            }),
            vpc_origin_config: origin.vpc_origin_config().map(|it| VpcOrigin {
                vpc_origin_id: it.vpc_origin_id.clone(),
                origin_keepalive_timeout: it.origin_keepalive_timeout.map(Number),
                origin_read_timeout: it.origin_read_timeout.map(Number),
                owner_account_id: it.owner_account_id.clone(),
            }),
        }
    }

    pub(super) fn onto(&self, now: Option<types::Origin>) -> Result<types::Origin, BuildError> {
        let mut origin = match now {
            Some(now) => now,
            None => types::Origin::builder().id(&self.id).domain_name(&self.domain_name).build()?,
        };
        origin.domain_name.clone_from(&self.domain_name);
        if let Some(custom) = &self.custom_origin_config {
            origin.custom_origin_config = Some(custom.to_sdk()?);
            origin.s3_origin_config = None;
        }
        if let Some(S3Origin { origin_access_identity, origin_read_timeout }) =
            &self.s3_origin_config
        {
            let s3 = S3OriginConfig::builder()
                .origin_access_identity(origin_access_identity.as_deref().unwrap_or_default())
                .set_origin_read_timeout(origin_read_timeout.map(Into::into));
            origin.s3_origin_config = Some(s3.build());
            origin.custom_origin_config = None;
        }
        if let Some(vpc) = &self.vpc_origin_config {
            let config = types::VpcOriginConfig::builder()
                .vpc_origin_id(&vpc.vpc_origin_id)
                .set_origin_keepalive_timeout(vpc.origin_keepalive_timeout.map(Into::into))
                .set_origin_read_timeout(vpc.origin_read_timeout.map(Into::into))
                .set_owner_account_id(vpc.owner_account_id.clone());
            origin.vpc_origin_config = Some(config.build()?);
        }
        if let Some(Shield { enabled, origin_shield_region }) = &self.origin_shield {
            let shield = types::OriginShield::builder()
                .enabled(enabled.unwrap_or_default())
                .set_origin_shield_region(origin_shield_region.clone());
            origin.origin_shield = Some(shield.build()?);
        }
        lay(self.origin_access_control_id.as_ref(), &mut origin.origin_access_control_id);
        lay(self.origin_path.as_ref(), &mut origin.origin_path);
        let _ = origin.origin_path.get_or_insert_default();
        for (named, member) in [
            (self.connection_attempts, &mut origin.connection_attempts),
            (self.connection_timeout, &mut origin.connection_timeout),
            (self.response_completion_timeout, &mut origin.response_completion_timeout),
        ] {
            lay(named.map(i32::from).as_ref(), member);
        }
        if origin.custom_headers.is_none() {
            origin.custom_headers = Some(CustomHeaders::builder().quantity(0).build()?);
        }
        Ok(origin)
    }
}

/// Where CloudFormation has defaults, CloudFront wants to be told.
const HTTP_PORT: i32 = 80;
const HTTPS_PORT: i32 = 443;

impl CustomOrigin {
    fn of(it: &types::CustomOriginConfig) -> Self {
        Self {
            origin_protocol_policy: it.origin_protocol_policy.to_string(),
            http_port: Some(Number(it.http_port)),
            https_port: Some(Number(it.https_port)),
            ip_address_type: it.ip_address_type().map(ToString::to_string),
            origin_keepalive_timeout: it.origin_keepalive_timeout.map(Number),
            origin_read_timeout: it.origin_read_timeout.map(Number),
            origin_ssl_protocols: it.origin_ssl_protocols().map(|it| names(&it.items)),
        }
    }

    fn to_sdk(&self) -> Result<types::CustomOriginConfig, BuildError> {
        let protocols = self.origin_ssl_protocols.as_ref().map(|all| {
            let items = all.iter().map(|name| SslProtocol::from(name.as_str())).collect();
            OriginSslProtocols::builder().quantity(count(all)).set_items(Some(items)).build()
        });
        types::CustomOriginConfig::builder()
            .origin_protocol_policy(OriginProtocolPolicy::from(
                self.origin_protocol_policy.as_str(),
            ))
            .http_port(self.http_port.map_or(HTTP_PORT, Into::into))
            .https_port(self.https_port.map_or(HTTPS_PORT, Into::into))
            .set_ip_address_type(self.ip_address_type.as_deref().map(IpAddressType::from))
            .set_origin_keepalive_timeout(self.origin_keepalive_timeout.map(Into::into))
            .set_origin_read_timeout(self.origin_read_timeout.map(Into::into))
            .set_origin_ssl_protocols(protocols.transpose()?)
            .build()
    }
}

impl OriginGroups {
    pub(super) fn of(groups: Option<&types::OriginGroups>) -> Self {
        let group = |group: &types::OriginGroup| {
            let codes = group.failover_criteria().and_then(|it| it.status_codes());
            let codes = codes.map(|it| it.items.clone()).unwrap_or_default();
            let members = group.members().map(|it| it.items.as_slice()).unwrap_or_default();
            let member = |it: &types::OriginGroupMember| Member { origin_id: it.origin_id.clone() };
            OriginGroup {
                failover_criteria: FailoverCriteria {
                    status_codes: StatusCodes {
                        quantity: Some(Number(count(&codes))),
                        items: codes,
                    },
                },
                id: group.id.clone(),
                members: Members {
                    items: members.iter().map(member).collect(),
                    quantity: Some(Number(count(members))),
                },
                selection_criteria: group.selection_criteria().map(ToString::to_string),
            }
        };
        let items: Vec<_> = groups.iter().flat_map(|it| it.items()).map(group).collect();
        Self { quantity: Some(Number(count(&items))), items: Some(items) }
    }

    pub(super) fn to_sdk(&self) -> Result<types::OriginGroups, BuildError> {
        let group = |group: &OriginGroup| {
            let codes = &group.failover_criteria.status_codes.items;
            let codes =
                types::StatusCodes::builder().quantity(count(codes)).set_items(Some(codes.clone()));
            let member =
                |it: &Member| types::OriginGroupMember::builder().origin_id(&it.origin_id).build();
            let members = group.members.items.iter().map(member).collect::<Result<Vec<_>, _>>()?;
            let members =
                OriginGroupMembers::builder().quantity(count(&members)).set_items(Some(members));
            let failover = OriginGroupFailoverCriteria::builder().status_codes(codes.build()?);
            types::OriginGroup::builder()
                .id(&group.id)
                .failover_criteria(failover.build())
                .members(members.build()?)
                .set_selection_criteria(group.selection_criteria.as_deref().map(Into::into))
                .build()
        };
        let items = self.items.iter().flatten().map(group).collect::<Result<Vec<_>, _>>()?;
        types::OriginGroups::builder().quantity(count(&items)).set_items(some(items)).build()
    }
}
