//! The one table of faults: what an AWS error code means to the engine.

use std::any::type_name;
use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use crate::cloud::aws::Unanswered;
use crate::fault::{Call, Class, Fault};

impl<E> From<SdkError<E, HttpResponse>> for Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let call = call_of::<E>();
        let (class, code, message) = match &error {
            SdkError::ServiceError(refused) => {
                let (code, text) = (refused.err().code(), refused.err().message());
                let class =
                    classify(code, text.unwrap_or_default(), refused.raw().status().as_u16());
                let message = match (text, code) {
                    (Some(text), _) if !text.is_empty() => text.to_owned(),
                    (_, Some(code)) => code.to_owned(),
                    _ => foreign(refused.raw()),
                };
                (class, code.map(str::to_owned), message)
            }
            SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => {
                match credentials_error(&error) {
                    Some(reason) => (Class::Credentials, None, reason),
                    None => (Class::Unanswered, None, unanswered(&error)),
                }
            }
            SdkError::TimeoutError(_) => {
                (Class::Unanswered, None, "no answer before the deadline".into())
            }
            SdkError::ResponseError(_) => {
                (Class::Unanswered, None, format!("the reply is cut off: {}", innermost(&error)))
            }
            other => (Class::Bug, None, DisplayErrorContext(other).to_string()),
        };
        let request_id = error.request_id().map(str::to_owned);
        let (residue, blockers) = (class.residue(), Vec::new());
        Self { class, call: Some(call), code, message, request_id, residue, blockers }
    }
}

/// A refusal inside the answer of a call for several things, which as a whole is a success.
pub fn refused(call: Call, code: &str, message: &str) -> Fault {
    // The status is that of the whole: it says nothing of this refusal.
    let class = classify(Some(code), message, 400);
    Fault {
        class,
        call: Some(call),
        code: Some(code.into()),
        message: message.into(),
        request_id: None,
        residue: class.residue(),
        blockers: Vec::new(),
    }
}

/// Whether a write was refused because its condition does not hold. S3 says of an object that must be unchanged and is
/// not there that it does not know its key.
pub(super) fn is_condition(fault: &Fault) -> bool {
    let codes = ["PreconditionFailed", "ConditionalCheckFailedException", "NoSuchKey"];
    fault.code.as_deref().is_some_and(|code| codes.contains(&code))
}

/// The class of a service's refusal.
fn classify(code: Option<&str>, message: &str, status: u16) -> Class {
    let Some(code) = code else {
        return match status {
            429 => Class::Throttled,
            // A service that does not know an operation answers with a page of its web server: 404 of a REST API, or
            // a 5xx. "Not there" always comes with a code.
            404 | 405 | 501 => Class::Unsupported,
            500.. => Class::Unavailable,
            _ => Class::Bug,
        };
    };
    // Some codes mean several things; their messages tell which.
    let by_message = BY_MESSAGE
        .iter()
        .find(|(exact, text, _)| *exact == code && message.to_ascii_lowercase().contains(text));
    if let Some((_, _, class)) = by_message {
        return *class;
    }
    if let Some((_, class)) = BY_CODE.iter().find(|(exact, _)| *exact == code) {
        return *class;
    }
    let ends = BY_ENDING.iter().find(|(ending, _)| {
        code.trim_end_matches("Exception").trim_end_matches("Fault").ends_with(ending)
    });
    match ends {
        Some((_, class)) => *class,
        None if status >= 500 => Class::Unavailable,
        None if status == 403 => Class::Denied,
        None => Class::Invalid,
    }
}

/// Code, part of the message in lower case, class.
const BY_MESSAGE: &[(&str, &str, Class)] = &[
    // IAM is eventually consistent: a fresh role is unknown to other services for some seconds.
    ("InvalidParameterException", "assume", Class::NotYet),
    ("InvalidParameterException", "role with arn", Class::NotYet),
    ("InvalidParameterException", "role with name", Class::NotYet),
    ("InvalidParameterException", "role provided in the request does not exist", Class::NotYet),
    ("InvalidParameterException", "invalid principal", Class::NotYet),
    ("InvalidParameterValue", "iam instance profile", Class::NotYet),
    ("InvalidParameterValue", "enhanced_monitoring", Class::NotYet),
    ("InvalidParameterValueException", "cannot be assumed", Class::NotYet),
    ("InvalidParameterValueException", "role does not have permissions", Class::NotYet),
    ("InvalidParameterValueException", "ensure the role can perform", Class::NotYet),
    // SQS and SNS say nothing more of a policy whose principal they do not know.
    ("InvalidAttributeValue", "parameter policy", Class::NotYet),
    ("InvalidParameter", "principalnotfound", Class::NotYet),
    ("MalformedPolicyDocument", "invalid principal", Class::NotYet),
    ("MalformedPolicyDocumentException", "invalid principal", Class::NotYet),
    ("InvalidRequestException", "scheduled for deletion", Class::Busy),
    ("InvalidRequestException", "marked for deletion", Class::Busy),
    ("InvalidRequestException", "replica regions", Class::Busy),
    ("InvalidRequestException", "rotation isn't complete", Class::Busy),
    ("InvalidRequestException", "currently in progress", Class::Busy),
    ("InvalidRequestException", "cluster is not in", Class::Busy),
    ("InvalidRequestException", "not active", Class::Busy),
    ("InvalidRequestException", "not in active", Class::Busy),
    ("ValidationError", "rate exceeded", Class::Throttled),
    ("InvalidParameterCombination", "no modifications", Class::Stale),
    // EKS refuses updates that change nothing.
    ("InvalidParameterException", "already at the desired configuration", Class::Stale),
    ("InvalidParameterException", "no changes needed", Class::Stale),
    ("InvalidRequestException", "no changes needed", Class::Stale),
    ("AccessDenied", "expired", Class::Credentials),
    // EC2's answer when an address or an interface is held by a service: a NAT gateway on its way out, mostly.
    ("AuthFailure", "permission to access the specified resource", Class::InUse),
    // EKS says "in use" of names that are taken, too, and of what is being updated.
    ("ResourceInUseException", "already exists", Class::Exists),
    ("ResourceInUseException", "already in use", Class::Exists),
    ("ResourceInUseException", "in progress", Class::Busy),
    // Flow logs: the bucket's policy does not let the delivery write.
    ("400", "access denied", Class::Denied),
    // DynamoDB: the table or one of its indexes is in the middle of another change.
    ("ResourceInUseException", "being created", Class::Busy),
    ("ResourceInUseException", "being updated", Class::Busy),
    ("ResourceInUseException", "being deleted", Class::Busy),
    ("LimitExceededException", "simultaneously", Class::Busy),
    ("ValidationException", "modified multiple times within a fixed interval", Class::Busy),
    // A key that is scheduled for deletion counts as gone.
    ("KMSInvalidStateException", "pending deletion", Class::NotFound),
    // Route 53 has one code for all that is wrong with a change of records.
    ("InvalidChangeBatch", "already exists", Class::Exists),
    ("InvalidChangeBatch", "not found", Class::NotFound),
    ("InvalidChangeBatch", "do not match the current values", Class::Stale),
    ("ResourceInUseException", "cannot be updated", Class::Busy),
    // CloudWatch's answer about an alarm that a composite alarm names.
    ("ValidationError", "composite alarm(s) depending on", Class::InUse),
    // GuardDuty has one code for all that is wrong.
    ("BadRequestException", "a detector already exists", Class::Exists),
    ("BadRequestException", "detectorid is not owned by the current account", Class::NotFound),
    ("BadRequestException", "cannot delete detector while it has", Class::InUse),
    // CloudTrail's answer while a fresh role or its policy is not known everywhere.
    ("InvalidCloudWatchLogsLogGroupArnException", "access denied", Class::NotYet),
    ("InvalidCloudWatchLogsRoleArnException", "access denied", Class::NotYet),
    // Lambda says "conflict" of names that are taken and of functions that are being changed.
    ("ResourceConflictException", "exist", Class::Exists),
    // SNS takes the creation of a topic that is there for a look, unless it would be another one.
    ("InvalidParameter", "topic already exists", Class::Exists),
    ("InvalidParameter", "subscription already exists", Class::Exists),
    // S3 looks whether a queue, topic or function lets it in, and whether principals exist: both may be young.
    ("InvalidArgument", "unable to validate the following destination", Class::NotYet),
    ("MalformedPolicy", "invalid principal", Class::NotYet),
];

const BY_CODE: &[(&str, Class)] = &[
    ("AuthFailure", Class::Credentials),
    ("UnauthorizedOperation", Class::Denied),
    ("AccessDenied", Class::Denied),
    ("AccessDeniedException", Class::Denied),
    ("NotAuthorized", Class::Denied),
    ("OptInRequired", Class::Denied),
    ("ExpiredToken", Class::Credentials),
    ("ExpiredTokenException", Class::Credentials),
    ("RequestExpired", Class::Credentials),
    ("InvalidClientTokenId", Class::Credentials),
    ("UnrecognizedClientException", Class::Credentials),
    ("SignatureDoesNotMatch", Class::Credentials),
    ("MissingAuthenticationToken", Class::Credentials),
    ("IncompleteSignature", Class::Credentials),
    ("RequestLimitExceeded", Class::Throttled),
    ("TooManyRequestsException", Class::Throttled),
    ("SlowDown", Class::Throttled),
    ("PriorRequestNotComplete", Class::Busy),
    ("KMSInvalidStateException", Class::Busy),
    ("RequestInProgressException", Class::Busy),
    ("LimitExceededException", Class::Quota),
    ("TooManyHostedZones", Class::Quota),
    ("TooManyHealthChecks", Class::Quota),
    ("DependencyViolation", Class::InUse),
    ("DeleteConflict", Class::InUse),
    ("DeleteConflictException", Class::InUse),
    ("HostedZoneNotEmpty", Class::InUse),
    ("RepositoryNotEmptyException", Class::InUse),
    ("WAFAssociatedItemException", Class::InUse),
    ("OperationNotPermitted", Class::InUse),
    // EKS: the cluster still has node groups, or an update is under way. Names taken are told apart by the caller.
    ("ResourceInUseException", Class::InUse),
    ("ResourceInUse", Class::InUse),
    ("InvalidIPAddress.InUse", Class::InUse),
    ("InvalidDBSubnetGroupStateFault", Class::InUse),
    ("InvalidDBParameterGroupState", Class::InUse),
    ("InvalidDBParameterGroupStateFault", Class::InUse),
    ("InvalidCacheParameterGroupState", Class::InUse),
    ("InvalidCacheClusterState", Class::Busy),
    ("InvalidReplicationGroupState", Class::Busy),
    ("InvalidUserGroupState", Class::Busy),
    // ElastiCache: as many replicas as asked for are there.
    ("NoOperationFault", Class::Stale),
    // DynamoDB: a table is fresh.
    ("ContinuousBackupsUnavailableException", Class::Busy),
    // Systems Manager, of the parameter whose tags are asked for, and of two changes of one parameter at once.
    ("InvalidResourceId", Class::NotFound),
    ("TooManyUpdates", Class::Busy),
    ("InvalidDBInstanceState", Class::Busy),
    ("InvalidDBInstanceStateFault", Class::Busy),
    ("IncorrectState", Class::Busy),
    ("OperationAbortedException", Class::Busy),
    ("ResourceConflictException", Class::Busy),
    ("ConcurrentModification", Class::Stale),
    ("ConcurrentModificationException", Class::Stale),
    ("WAFOptimisticLockException", Class::Stale),
    ("OptimisticLockException", Class::Stale),
    // WAFv2: what it refers to was made a moment ago and is not retrievable yet.
    ("WAFUnavailableEntityException", Class::NotYet),
    // Policies of buckets, topics, keys and functions: a fresh one is not seen by other services at once.
    ("InsufficientDeliveryPolicyException", Class::NotYet),
    ("InsufficientEncryptionPolicyException", Class::NotYet),
    ("InsufficientPermissionsException", Class::NotYet),
    ("InsufficientS3BucketPolicyException", Class::NotYet),
    ("InsufficientSnsTopicPolicyException", Class::NotYet),
    // AWS Config: what has just been made is not seen yet.
    ("NoAvailableConfigurationRecorderException", Class::NotYet),
    ("NoAvailableDeliveryChannelException", Class::NotYet),
    // The recorder still records into it.
    ("LastDeliveryChannelDeleteFailedException", Class::InUse),
    // There can be one only, and there is one, under another name.
    ("MaxNumberOfConfigurationRecordersExceededException", Class::Exists),
    ("MaxNumberOfDeliveryChannelsExceededException", Class::Exists),
    ("MaxNumberOfConfigRulesExceededException", Class::Quota),
    ("MaximumNumberOfTrailsExceededException", Class::Quota),
    ("NoSuchConfigRuleException", Class::NotFound),
    ("NoSuchConfigurationRecorderException", Class::NotFound),
    ("NoSuchDeliveryChannelException", Class::NotFound),
    // CloudTrail: the trail has no insights.
    ("InsightNotEnabledException", Class::NotFound),
    ("WAFDuplicateItemException", Class::Exists),
    ("WAFNonexistentItemException", Class::NotFound),
    ("WAFLimitsExceededException", Class::Quota),
    ("EntityAlreadyExists", Class::Exists),
    ("BucketAlreadyOwnedByYou", Class::Exists),
    ("BucketNotEmpty", Class::InUse),
    ("OperationAborted", Class::Busy),
    // CloudFront: disabling takes its time.
    ("DistributionNotDisabled", Class::Busy),
    ("InvalidIfMatchVersion", Class::Stale),
    ("PreconditionFailed", Class::Stale),
    ("ConditionalCheckFailedException", Class::Stale),
    // Another write of the same object was under way: S3 wants it tried again.
    ("ConditionalRequestConflict", Class::Busy),
    ("ResourceExistsException", Class::Exists),
    ("ConflictingDomainExists", Class::Exists),
    ("DuplicateListener", Class::Exists),
    ("DuplicateLoadBalancerName", Class::Exists),
    ("DuplicateTargetGroupName", Class::Exists),
    ("TooManyBuckets", Class::Quota),
    ("TooManyCachePolicies", Class::Quota),
    ("TooManyDistributions", Class::Quota),
    ("TooManyListeners", Class::Quota),
    ("TooManyLoadBalancers", Class::Quota),
    ("TooManyTargetGroups", Class::Quota),
    ("NoSuchEntity", Class::NotFound),
    ("NoSuchDistribution", Class::NotFound),
    ("NoSuchOriginAccessControl", Class::NotFound),
    ("NoSuchCachePolicy", Class::NotFound),
    ("NoSuchResource", Class::NotFound),
    ("NoSuchBucket", Class::NotFound),
    ("NoSuchBucketPolicy", Class::NotFound),
    ("NoSuchKey", Class::NotFound),
    ("NoSuchConfiguration", Class::NotFound),
    ("NoSuchCORSConfiguration", Class::NotFound),
    ("NoSuchLifecycleConfiguration", Class::NotFound),
    ("NoSuchPublicAccessBlockConfiguration", Class::NotFound),
    ("NoSuchTagSet", Class::NotFound),
    ("NoSuchWebsiteConfiguration", Class::NotFound),
    ("ObjectLockConfigurationNotFoundError", Class::NotFound),
    ("OwnershipControlsNotFoundError", Class::NotFound),
    ("ReplicationConfigurationNotFoundError", Class::NotFound),
    ("ServerSideEncryptionConfigurationNotFoundError", Class::NotFound),
    ("NoSuchHostedZone", Class::NotFound),
    ("NoSuchHealthCheck", Class::NotFound),
    ("NatGatewayNotFound", Class::NotFound),
    ("InvalidAttachmentID.NotFound", Class::NotFound),
    // What a Gateway names is not attached: the attachment is what is missing.
    ("Gateway.NotAttached", Class::NotFound),
    ("IdempotentParameterMismatch", Class::Invalid),
    ("InternalError", Class::Unavailable),
    ("InternalFailure", Class::Unavailable),
    ("ServiceUnavailable", Class::Unavailable),
    ("ServiceUnavailableException", Class::Unavailable),
    ("InvalidAction", Class::Unsupported),
    ("UnknownOperationException", Class::Unsupported),
];

/// Endings shared by many codes, after `Exception` and `Fault` are cut off.
const BY_ENDING: &[(&str, Class)] = &[
    ("Throttling", Class::Throttled),
    ("Throttled", Class::Throttled),
    ("AlreadyExists", Class::Exists),
    ("NameExists", Class::Exists),
    (".Duplicate", Class::Exists),
    ("Duplicate", Class::Exists),
    ("AlreadyInUse", Class::Exists),
    ("AlreadyAssociated", Class::Exists),
    ("NotFound", Class::NotFound),
    // SQS, under its old names, which its replies still have.
    (".NonExistentQueue", Class::NotFound),
    ("QueueDoesNotExist", Class::NotFound),
    // The name of a deleted queue is blocked for 60 seconds.
    ("QueueDeletedRecently", Class::Busy),
    (".Malformed", Class::Invalid),
    ("LimitExceeded", Class::Quota),
    ("QuotaExceeded", Class::Quota),
    ("ResourceInUse", Class::InUse),
    (".InUse", Class::InUse),
    ("InUse", Class::InUse),
    ("AccessDenied", Class::Denied),
    ("ServerException", Class::Unavailable),
];

/// The operation whose error `E` is, from the name of its type: `aws_sdk_ec2::operation::create_vpc::CreateVpcError`.
/// For messages only.
fn call_of<E>() -> Call {
    let name = type_name::<E>();
    let service = name.strip_prefix("aws_sdk_").and_then(|rest| rest.split("::").next());
    let action = name.rsplit("::").next().unwrap_or(name);
    Call {
        service: service_name(service.unwrap_or("aws")).into(),
        action: action.strip_suffix("Error").unwrap_or(action).into(),
    }
}

/// A service's endpoint prefix, as IAM actions use it, from its crate's name.
fn service_name(name: &str) -> &str {
    match name {
        "elasticloadbalancingv2" => "elasticloadbalancing",
        "cloudwatchlogs" => "logs",
        "eventbridge" => "events",
        "resourcegroupstagging" => "tagging",
        other => other,
    }
}

/// What came instead of a reply of the service. Its text is not shown: it may hold anything.
fn foreign(reply: &HttpResponse) -> String {
    let content = reply.headers().get("content-type").unwrap_or("no content type");
    let content = content.split(';').next().unwrap_or(content);
    format!("the reply is not the service's: HTTP status {}, {content}", reply.status())
}

/// The reason, if somewhere in the chain of sources credentials are missing or unusable.
fn credentials_error(error: &(dyn Error + 'static)) -> Option<String> {
    let reason = chain(error).find_map(|link| link.downcast_ref::<CredentialsError>())?;
    Some(match reason {
        // What it says lists every place with a reason of its own; the places say enough.
        CredentialsError::CredentialsNotLoaded(_) => NO_CREDENTIALS.into(),
        reason => format!("the credentials cannot be used: {}", innermost(reason)),
    })
}

/// The standard chain, in its order.
const NO_CREDENTIALS: &str = "there are no credentials in the environment, in the profile, from a web identity, \
     from the container or from the instance";

/// Who did not answer, and why, as far as that is known.
fn unanswered(error: &(dyn Error + 'static)) -> String {
    match chain(error).find_map(|link| link.downcast_ref::<Unanswered>()) {
        Some(silent) => format!("{silent}: {}", innermost(silent)),
        None => innermost(error),
    }
}

/// An error and what led to it, the nearest first.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&link| link.source())
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_classes() {
        for (code, class) in [
            ("InvalidVpcID.NotFound", Class::NotFound),
            ("DBInstanceNotFound", Class::NotFound),
            ("DBSubnetGroupNotFoundFault", Class::NotFound),
            ("ResourceNotFoundException", Class::NotFound),
            ("InvalidPermission.Duplicate", Class::Exists),
            ("ResourceAlreadyExistsException", Class::Exists),
            ("DBParameterGroupAlreadyExists", Class::Exists),
            ("ThrottlingException", Class::Throttled),
            ("Throttling", Class::Throttled),
            ("SlowDown", Class::Throttled),
            ("DuplicateListener", Class::Exists),
            ("DuplicateTargetGroupName", Class::Exists),
            ("TooManyLoadBalancers", Class::Quota),
            ("TargetGroupNotFound", Class::NotFound),
            ("RepositoryPolicyNotFoundException", Class::NotFound),
            ("CacheSubnetGroupInUse", Class::InUse),
            ("InvalidCacheParameterGroupState", Class::InUse),
            ("InvalidReplicationGroupState", Class::Busy),
            ("DependencyViolation", Class::InUse),
            ("VpcLimitExceeded", Class::Quota),
            ("UnauthorizedOperation", Class::Denied),
            ("TrailNotFoundException", Class::NotFound),
            ("TrailAlreadyExistsException", Class::Exists),
            ("ResourceNotFound", Class::NotFound),
            ("LimitExceeded", Class::Quota),
            ("AWS.SimpleQueueService.NonExistentQueue", Class::NotFound),
            ("AWS.SimpleQueueService.QueueDeletedRecently", Class::Busy),
            ("QueueAlreadyExists", Class::Exists),
            ("NotFound", Class::NotFound),
            ("NoSuchLifecycleConfiguration", Class::NotFound),
            ("BucketAlreadyExists", Class::Exists),
            ("BucketNotEmpty", Class::InUse),
            ("OriginAccessControlInUse", Class::InUse),
            ("DistributionNotDisabled", Class::Busy),
            ("SomethingNew", Class::Invalid),
        ] {
            assert_eq!(classify(Some(code), "", 400), class, "{code}");
        }
    }

    #[test]
    fn a_table_takes_one_change_at_a_time() {
        let message =
            "Attempt to change a resource which is still in use: Table is being updated: a";
        assert_eq!(classify(Some("ResourceInUseException"), message, 400), Class::Busy);
        let message = "Only 1 online index can be created or deleted simultaneously per table";
        assert_eq!(classify(Some("LimitExceededException"), message, 400), Class::Busy);
        let message = "Table already exists: a";
        assert_eq!(classify(Some("ResourceInUseException"), message, 400), Class::Exists);
    }

    #[test]
    fn one_code_of_several_meanings_is_told_by_its_message() {
        let message = "The role with arn x cannot be assumed by principal eks";
        assert_eq!(classify(Some("InvalidParameterException"), message, 400), Class::NotYet);
        assert_eq!(classify(Some("InvalidParameterException"), "bad size", 400), Class::Invalid);
        let message = "IAM role ARN value is invalid or does not include permissions for: ENHANCED_MONITORING";
        assert_eq!(classify(Some("InvalidParameterValue"), message, 400), Class::NotYet);
        let message = "You do not have permission to access the specified resource.";
        assert_eq!(classify(Some("AuthFailure"), message, 403), Class::InUse);
        let message = "AWS was not able to validate the provided access credentials";
        assert_eq!(classify(Some("AuthFailure"), message, 401), Class::Credentials);
        for (code, message, class) in [
            (
                "InvalidChangeBatch",
                "[Tried to create resource record set [name='a.', type='A'] but it already exists]",
                Class::Exists,
            ),
            (
                "InvalidChangeBatch",
                "[Tried to delete resource record set [name='a.', type='A'] but it was not found]",
                Class::NotFound,
            ),
            (
                "InvalidRequestException",
                "A previous rotation isn't complete. That rotation will be reattempted.",
                Class::Busy,
            ),
            ("KMSInvalidStateException", "arn:key is pending deletion.", Class::NotFound),
            ("KMSInvalidStateException", "arn:key is creating.", Class::Busy),
            ("ResourceInUseException", "Cluster has nodegroups attached", Class::InUse),
            ("ResourceInUseException", "Cluster already exists with name: a", Class::Exists),
            (
                "ResourceInUseException",
                "The specified access entry resource is already in use on this cluster.",
                Class::Exists,
            ),
            (
                "ResourceInUseException",
                "Addon vpc-cni cannot be updated as it is currently in UPDATING state",
                Class::Busy,
            ),
            (
                "InvalidParameterException",
                "Cluster is already at the desired configuration with endpointPrivateAccess: true",
                Class::Stale,
            ),
            (
                "InvalidParameterException",
                "The specified principalArn is invalid: invalid principal.",
                Class::NotYet,
            ),
            ("InvalidRequestException", "Cluster 'a' is not in ACTIVE status", Class::Busy),
            (
                "ValidationError",
                "Cannot delete a as there are composite alarm(s) depending on it.",
                Class::InUse,
            ),
            (
                "BadRequestException",
                "The request is rejected because a detector already exists for the current account.",
                Class::Exists,
            ),
            (
                "BadRequestException",
                "The request is rejected because the input detectorId is not owned by the current account.",
                Class::NotFound,
            ),
            (
                "InvalidCloudWatchLogsLogGroupArnException",
                "Access denied. Check the permissions for your role.",
                Class::NotYet,
            ),
            (
                "InvalidCloudWatchLogsLogGroupArnException",
                "Check the log group ARN: CloudTrail can't validate it.",
                Class::Invalid,
            ),
            ("ResourceConflictException", "Function already exist: api", Class::Exists),
            (
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource: api",
                Class::Busy,
            ),
            (
                "InvalidParameterValueException",
                "The provided execution role does not have permissions to call ReceiveMessage on SQS",
                Class::NotYet,
            ),
            (
                "InvalidParameter",
                "Invalid parameter: Tags Reason: Topic already exists with different tags",
                Class::Exists,
            ),
        ] {
            assert_eq!(classify(Some(code), message, 400), class, "{message}");
        }
    }

    #[test]
    fn a_page_without_a_code_is_never_not_found() {
        assert_eq!(classify(None, "", 404), Class::Unsupported);
        assert_eq!(classify(None, "", 500), Class::Unavailable);
    }

    #[test]
    fn the_call_is_named_by_its_error() {
        let call =
            call_of::<aws_sdk_elasticloadbalancingv2::operation::create_rule::CreateRuleError>();
        assert_eq!(call.to_string(), "elasticloadbalancing CreateRule");
    }
}
