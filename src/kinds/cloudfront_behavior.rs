//! How a distribution answers for one pattern of paths, in CloudFormation's shape.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::error::BuildError;
use aws_sdk_cloudfront::types::{
    self, AllowedMethods, CachedMethods, DefaultCacheBehavior, EventType, FunctionAssociations,
    LambdaFunctionAssociations, Method, TrustedKeyGroups, TrustedSigners, ViewerProtocolPolicy,
};

use super::cloudfront::{count, lay, names, some};
use super::properties::properties;

properties! {
    /// The default behaviour has no path pattern; all others have one.
    Behavior {
        target_origin_id: String,
        viewer_protocol_policy: String,
        ;
        allowed_methods: BTreeSet<String>,
        cache_policy_id: String,
        cached_methods: BTreeSet<String>,
        compress: bool,
        field_level_encryption_id: String,
        function_associations: Vec<FunctionAssociation>,
        grpc_config: Grpc,
        lambda_function_associations: Vec<LambdaAssociation>,
        origin_request_policy_id: String,
        path_pattern: String,
        realtime_log_config_arn: String,
        response_headers_policy_id: String,
        smooth_streaming: bool,
        trusted_key_groups: BTreeSet<String>,
        trusted_signers: BTreeSet<String>,
    }
}

properties! {
    Grpc {
        enabled: bool,
        ;
    }
}

properties! {
    FunctionAssociation {
        event_type: String,
        #[serde(rename = "FunctionARN")]
        function_arn: String,
        ;
    }
}

properties! {
    LambdaAssociation {
        event_type: String,
        #[serde(rename = "LambdaFunctionARN")]
        lambda_function_arn: String,
        ;
        include_body: bool,
    }
}

/// The two types of behaviours that CloudFront has differ by the path pattern alone.
macro_rules! behaviors {
    ($($of:ident, $onto:ident, $type:ty;)*) => {
        impl Behavior {
            $(
                pub(super) fn $of(it: &$type) -> Self {
                    let methods = it.allowed_methods();
                    let functions = it.function_associations().map(|it| it.items());
                    let lambdas = it.lambda_function_associations().map(|it| it.items());
                    Self {
                        target_origin_id: it.target_origin_id.clone(),
                        viewer_protocol_policy: it.viewer_protocol_policy.to_string(),
                        allowed_methods: methods.map(|it| names(&it.items)),
                        cache_policy_id: Some(it.cache_policy_id.clone().unwrap_or_default()),
                        cached_methods: methods
                            .and_then(|it| it.cached_methods())
                            .map(|it| names(&it.items)),
                        compress: it.compress,
                        field_level_encryption_id: Some(
                            it.field_level_encryption_id.clone().unwrap_or_default(),
                        ),
                        function_associations: Some(
                            functions.unwrap_or_default().iter().map(FunctionAssociation::of).collect(),
                        ),
                        grpc_config: Some(Grpc {
                            enabled: it.grpc_config().is_some_and(|it| it.enabled),
                        }),
                        lambda_function_associations: Some(
                            lambdas.unwrap_or_default().iter().map(LambdaAssociation::of).collect(),
                        ),
                        origin_request_policy_id: Some(
                            it.origin_request_policy_id.clone().unwrap_or_default(),
                        ),
                        path_pattern: None,
                        realtime_log_config_arn: Some(
                            it.realtime_log_config_arn.clone().unwrap_or_default(),
                        ),
                        response_headers_policy_id: Some(
                            it.response_headers_policy_id.clone().unwrap_or_default(),
                        ),
                        smooth_streaming: it.smooth_streaming,
                        trusted_key_groups: Some(
                            it.trusted_key_groups().iter().flat_map(|it| it.items()).cloned().collect(),
                        ),
                        trusted_signers: Some(
                            it.trusted_signers().iter().flat_map(|it| it.items()).cloned().collect(),
                        ),
                    }
                }

                /// What CloudFront asks for in every update is said also where the spec says nothing.
                pub(super) fn $onto(&self, now: $type) -> Result<$type, BuildError> {
                    let mut it = now;
                    it.target_origin_id.clone_from(&self.target_origin_id);
                    it.viewer_protocol_policy =
                        ViewerProtocolPolicy::from(self.viewer_protocol_policy.as_str());
                    it.allowed_methods = Some(self.methods(it.allowed_methods.as_ref())?);
                    it.compress = self.compress.or(it.compress).or(Some(false));
                    it.smooth_streaming = self.smooth_streaming.or(it.smooth_streaming).or(Some(false));
                    it.function_associations = Some(match &self.function_associations {
                        Some(all) => functions(all)?,
                        None => it.function_associations.take().map_or_else(|| functions(&[]), Ok)?,
                    });
                    it.lambda_function_associations = Some(match &self.lambda_function_associations {
                        Some(all) => lambdas(all)?,
                        None => {
                            it.lambda_function_associations.take().map_or_else(|| lambdas(&[]), Ok)?
                        }
                    });
                    it.trusted_key_groups = Some(match &self.trusted_key_groups {
                        Some(all) => key_groups(all)?,
                        None => it
                            .trusted_key_groups
                            .take()
                            .map_or_else(|| key_groups(&BTreeSet::new()), Ok)?,
                    });
                    it.trusted_signers = Some(match &self.trusted_signers {
                        Some(all) => signers(all)?,
                        None => {
                            it.trusted_signers.take().map_or_else(|| signers(&BTreeSet::new()), Ok)?
                        }
                    });
                    if let Some(Grpc { enabled }) = self.grpc_config {
                        it.grpc_config = Some(types::GrpcConfig::builder().enabled(enabled).build()?);
                    }
                    lay(self.field_level_encryption_id.as_ref(), &mut it.field_level_encryption_id);
                    let _ = it.field_level_encryption_id.get_or_insert_default();
                    for (named, member) in [
                        (&self.cache_policy_id, &mut it.cache_policy_id),
                        (&self.origin_request_policy_id, &mut it.origin_request_policy_id),
                        (&self.realtime_log_config_arn, &mut it.realtime_log_config_arn),
                        (&self.response_headers_policy_id, &mut it.response_headers_policy_id),
                    ] {
                        lay(named.as_ref(), member);
                        // Empty is none: CloudFront takes every id at its word.
                        member.take_if(|id| id.is_empty());
                    }
                    Ok(it)
                }
            )*
        }
    };
}

behaviors! {
    of_default, onto_default, DefaultCacheBehavior;
    of_patterned, onto_patterned, types::CacheBehavior;
}

impl Behavior {
    /// Of a reply that lacks the one behaviour that every distribution has.
    pub(super) fn none() -> Self {
        Self {
            target_origin_id: String::new(),
            viewer_protocol_policy: String::new(),
            allowed_methods: None,
            cache_policy_id: None,
            cached_methods: None,
            compress: None,
            field_level_encryption_id: None,
            function_associations: None,
            grpc_config: None,
            lambda_function_associations: None,
            origin_request_policy_id: None,
            path_pattern: None,
            realtime_log_config_arn: None,
            response_headers_policy_id: None,
            smooth_streaming: None,
            trusted_key_groups: None,
            trusted_signers: None,
        }
    }

    pub(super) fn of(behavior: &types::CacheBehavior) -> Self {
        Self { path_pattern: Some(behavior.path_pattern.clone()), ..Self::of_patterned(behavior) }
    }

    pub(super) fn onto(
        &self,
        now: Option<types::CacheBehavior>,
    ) -> Result<types::CacheBehavior, BuildError> {
        let now = match now {
            Some(now) => now,
            None => types::CacheBehavior::builder()
                .path_pattern(self.path_pattern.as_deref().unwrap_or_default())
                .target_origin_id(&self.target_origin_id)
                .viewer_protocol_policy(self.viewer_protocol_policy.as_str().into())
                .build()?,
        };
        self.onto_patterned(now)
    }

    fn methods(&self, now: Option<&AllowedMethods>) -> Result<AllowedMethods, BuildError> {
        let cached = now.and_then(|now| now.cached_methods());
        let allowed = self.allowed_methods.clone().or(now.map(|now| names(&now.items)));
        let cached = self.cached_methods.clone().or(cached.map(|cached| names(&cached.items)));
        let (allowed, cached) = (allowed.unwrap_or_else(harmless), cached.unwrap_or_else(harmless));
        let methods = |all: &BTreeSet<String>| {
            Some(all.iter().map(|name| Method::from(name.as_str())).collect())
        };
        let cached_methods = CachedMethods::builder()
            .quantity(count(&cached))
            .set_items(methods(&cached))
            .build()?;
        AllowedMethods::builder()
            .quantity(count(&allowed))
            .set_items(methods(&allowed))
            .cached_methods(cached_methods)
            .build()
    }
}

/// The methods that are allowed, and cached, where nothing is said.
fn harmless() -> BTreeSet<String> {
    ["GET", "HEAD"].map(String::from).into()
}

impl FunctionAssociation {
    fn of(it: &types::FunctionAssociation) -> Self {
        Self { event_type: it.event_type.to_string(), function_arn: it.function_arn.clone() }
    }
}

impl LambdaAssociation {
    fn of(it: &types::LambdaFunctionAssociation) -> Self {
        Self {
            event_type: it.event_type.to_string(),
            lambda_function_arn: it.lambda_function_arn.clone(),
            include_body: Some(it.include_body.unwrap_or_default()),
        }
    }
}

fn functions(all: &[FunctionAssociation]) -> Result<FunctionAssociations, BuildError> {
    let one = |it: &FunctionAssociation| {
        types::FunctionAssociation::builder()
            .event_type(EventType::from(it.event_type.as_str()))
            .function_arn(&it.function_arn)
            .build()
    };
    let items: Vec<_> = all.iter().map(one).collect::<Result<_, _>>()?;
    FunctionAssociations::builder().quantity(count(&items)).set_items(some(items)).build()
}

fn lambdas(all: &[LambdaAssociation]) -> Result<LambdaFunctionAssociations, BuildError> {
    let one = |it: &LambdaAssociation| {
        types::LambdaFunctionAssociation::builder()
            .event_type(EventType::from(it.event_type.as_str()))
            .lambda_function_arn(&it.lambda_function_arn)
            .set_include_body(it.include_body)
            .build()
    };
    let items: Vec<_> = all.iter().map(one).collect::<Result<_, _>>()?;
    LambdaFunctionAssociations::builder().quantity(count(&items)).set_items(some(items)).build()
}

fn key_groups(all: &BTreeSet<String>) -> Result<TrustedKeyGroups, BuildError> {
    TrustedKeyGroups::builder()
        .enabled(!all.is_empty())
        .quantity(count(all))
        .set_items(some(all.iter().cloned().collect()))
        .build()
}

fn signers(all: &BTreeSet<String>) -> Result<TrustedSigners, BuildError> {
    TrustedSigners::builder()
        .enabled(!all.is_empty())
        .quantity(count(all))
        .set_items(some(all.iter().cloned().collect()))
        .build()
}
