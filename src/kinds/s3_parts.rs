//! The configurations of a bucket, each of which is a call of its own.

use aws_sdk_s3::operation::list_bucket_intelligent_tiering_configurations::ListBucketIntelligentTieringConfigurationsError;
use aws_sdk_s3::types::IntelligentTieringConfiguration;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::s3::ask;
use super::s3_lifecycle::Lifecycle;
use super::s3_notification::Notification;
use super::s3_replication::Replication;
use super::s3_settings::{
    Acceleration, Cors, Encryption, Logging, ObjectLock, Ownership, PublicAccessBlock, Tiering,
    Versioning,
};
use super::s3_website::Website;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::Compared;

/// Configurations in CloudFormation's shape; `None` is what was not asked for, or is not there and has no form of its own.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) accelerate: Option<Acceleration>,
    pub(super) cors: Option<Cors>,
    pub(super) encryption: Option<Encryption>,
    pub(super) lifecycle: Option<Lifecycle>,
    pub(super) locked: Option<bool>,
    pub(super) lock: Option<ObjectLock>,
    pub(super) logging: Option<Logging>,
    pub(super) notification: Option<Notification>,
    pub(super) ownership: Option<Ownership>,
    pub(super) public_access: Option<PublicAccessBlock>,
    pub(super) replication: Option<Replication>,
    pub(super) tiering: Option<Vec<Tiering>>,
    pub(super) versioning: Option<Versioning>,
    pub(super) website: Option<Website>,
}

impl Parts {
    /// The configurations that are compared, all at once. What S3 has no configuration of is empty or absent.
    pub(super) async fn read(cx: &Cx, name: &str, compared: &Compared<'_>) -> Result<Self, Fault> {
        let (s3, is) = (&cx.s3, |property| compared.has(property));
        let locks = is("ObjectLockEnabled") || is("ObjectLockConfiguration");
        let (accelerate, cors, encryption, lifecycle, lock, logging, notification) = futures::try_join!(
            ask(
                is("AccelerateConfiguration"),
                s3.get_bucket_accelerate_configuration().bucket(name).send()
            ),
            ask(is("CorsConfiguration"), s3.get_bucket_cors().bucket(name).send()),
            ask(is("BucketEncryption"), s3.get_bucket_encryption().bucket(name).send()),
            ask(
                is("LifecycleConfiguration"),
                s3.get_bucket_lifecycle_configuration().bucket(name).send()
            ),
            ask(locks, s3.get_object_lock_configuration().bucket(name).send()),
            ask(is("LoggingConfiguration"), s3.get_bucket_logging().bucket(name).send()),
            ask(
                is("NotificationConfiguration"),
                s3.get_bucket_notification_configuration().bucket(name).send()
            ),
        )?;
        let (ownership, public_access, replication, tiering, versioning, website) = futures::try_join!(
            ask(is("OwnershipControls"), s3.get_bucket_ownership_controls().bucket(name).send()),
            ask(
                is("PublicAccessBlockConfiguration"),
                s3.get_public_access_block().bucket(name).send()
            ),
            ask(is("ReplicationConfiguration"), s3.get_bucket_replication().bucket(name).send()),
            ask(is("IntelligentTieringConfigurations"), tierings(cx, name)),
            ask(is("VersioningConfiguration"), s3.get_bucket_versioning().bucket(name).send()),
            ask(is("WebsiteConfiguration"), s3.get_bucket_website().bucket(name).send()),
        )?;
        let lock = lock.and_then(|reply| reply.object_lock_configuration);
        Ok(Self {
            accelerate: accelerate
                .and_then(|reply| reply.status)
                .map(|status| Acceleration { acceleration_status: status.to_string() }),
            cors: is("CorsConfiguration")
                .then(|| Cors::of(cors.as_ref().map_or(&[], |it| it.cors_rules()))),
            encryption: encryption
                .and_then(|reply| reply.server_side_encryption_configuration)
                .map(|encryption| Encryption::of(&encryption)),
            lifecycle: is("LifecycleConfiguration").then(|| Lifecycle::of(lifecycle.as_ref())),
            locked: locks.then_some(lock.is_some()),
            lock: lock.as_ref().map(ObjectLock::of),
            logging: logging.and_then(|reply| reply.logging_enabled).map(|it| Logging::of(&it)),
            notification: notification.as_ref().map(Notification::of),
            ownership: ownership
                .and_then(|reply| reply.ownership_controls)
                .map(|controls| Ownership::of(&controls)),
            public_access: is("PublicAccessBlockConfiguration").then(|| {
                let block = public_access.and_then(|reply| reply.public_access_block_configuration);
                block.as_ref().map_or_else(PublicAccessBlock::open, PublicAccessBlock::of)
            }),
            replication: is("ReplicationConfiguration").then(|| {
                let reply = replication.and_then(|reply| reply.replication_configuration);
                Replication::of(reply.as_ref())
            }),
            tiering: tiering.map(|all| all.iter().map(Tiering::of).collect()),
            versioning: versioning
                .and_then(|reply| reply.status)
                .map(|status| Versioning { status: status.to_string() }),
            website: is("WebsiteConfiguration").then(|| Website::of(website.as_ref())),
        })
    }
}

/// All of a bucket's tierings; the SDK has no pages for them.
async fn tierings(
    cx: &Cx,
    name: &str,
) -> Result<
    Vec<IntelligentTieringConfiguration>,
    SdkError<ListBucketIntelligentTieringConfigurationsError, HttpResponse>,
> {
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let list = cx.s3.list_bucket_intelligent_tiering_configurations().bucket(name);
        let page = list.set_continuation_token(token).send().await?;
        all.extend(page.intelligent_tiering_configuration_list.unwrap_or_default());
        token = page.next_continuation_token;
        if token.is_none() {
            return Ok(all);
        }
    }
}
