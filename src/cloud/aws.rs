//! AWS on the wire: one configuration, a set of clients for each region, all requests counted and rate-limited.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry as _, RetryAction, RetryReason,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::{ErrorKind, RetryConfig};
use aws_smithy_types::timeout::TimeoutConfig;
use futures::future::BoxFuture;
use tokio::sync::OnceCell;

use crate::cloud::kube::{Access, Clusters};
use crate::cloud::{Calls, Limits, Reading};
use crate::fault::{Call, Fault};

/// AWS, or an endpoint that speaks like it.
#[derive(Debug)]
pub struct Aws {
    sdk: SdkConfig,
    calls: Calls,
    speed: f64,
    gate: Gate,
    /// In place of `KUBECONFIG` and `~/.kube/config`.
    kubeconfig: Option<PathBuf>,
    regions: Mutex<BTreeMap<String, Arc<Cx>>>,
}

/// How to reach AWS.
#[derive(Clone, Debug)]
pub struct Options {
    /// The region used where none is named.
    pub region: String,
    /// Endpoint and credentials of a sandbox; `None`: the standard chain (profile, SSO, role, environment).
    pub sandbox: Option<Endpoint>,
    /// How much faster than AWS the endpoint lives; 1 for AWS.
    pub speed: f64,
    /// The file that tells of clusters that are not EKS's; `None`: `KUBECONFIG`, or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
}

/// An endpoint with static credentials.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub url: String,
    pub access_key_id: String,
}

/// Every call has a deadline: the slowest documented API answers (IAM, EKS) stay well below.
const CALL_MAX: Duration = Duration::from_mins(1);
const ATTEMPT_MAX: Duration = Duration::from_secs(25);
const CONNECT_MAX: Duration = Duration::from_secs(4);
/// The first try and three retries of throttles and 5xx; what fails longer is the engine's to judge.
pub(super) const ATTEMPTS_MAX: u32 = 4;
/// EC2 and IAM answer reads from copies that are seconds behind.
const LAG_MAX: Duration = Duration::from_secs(6);
/// However fast the sandbox lives.
const LAG_FLOOR: Duration = Duration::from_millis(100);
/// The client's own pauses between them, which grow. Like all waiting they are divided by the speed, down to a floor.
pub(super) const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(20);
const PAUSE_FLOOR: Duration = Duration::from_millis(20);
/// Who we are is mostly the first question. It is answered within a second, or nobody is there: then nobody should wait.
const IDENTITY_MAX: Duration = Duration::from_secs(15);
const IDENTITY_ATTEMPT_MAX: Duration = Duration::from_secs(6);

impl Aws {
    /// Reads the configuration; makes no call.
    pub async fn connect(options: &Options) -> Self {
        let calls = Calls::default();
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(CALL_MAX)
            .operation_attempt_timeout(ATTEMPT_MAX)
            .connect_timeout(CONNECT_MAX);
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(options.region.clone()))
            .retry_config(retries(options.speed))
            .timeout_config(timeouts.build());
        if let Some(endpoint) = &options.sandbox {
            let credentials = aws_credential_types::Credentials::new(
                &endpoint.access_key_id,
                "sandbox",
                None,
                None,
                "sandbox",
            );
            loader = loader.endpoint_url(&endpoint.url).credentials_provider(credentials);
        }
        let sdk = loader.load().await;
        let (gate, regions) = (Gate::default(), Mutex::default());
        let kubeconfig = options.kubeconfig.clone();
        Self { sdk, calls, speed: options.speed, gate, kubeconfig, regions }
    }

    /// The clients of a region.
    pub fn region(&self, name: &str) -> Arc<Cx> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let cx =
            regions.entry(name.into()).or_insert_with(|| self.clients(name, self.gate.clone()));
        Arc::clone(cx)
    }

    /// The region where none is named.
    pub fn home(&self) -> &str {
        self.sdk.region().map_or("us-east-1", Region::as_ref)
    }

    /// Clients of a region apart from all others: no limit makes them wait for others, and no gate is before them.
    pub fn apart(&self, region: &str) -> Arc<Cx> {
        self.clients(region, Gate::default())
    }

    /// Asks before every effect, at the last moment, whether it may be sent. Said once; what comes later does not count.
    pub fn guard(&self, may_send: impl Fn() -> BoxFuture<'static, bool> + Send + Sync + 'static) {
        let _ = self.gate.0.set(Box::new(may_send));
    }

    fn clients(&self, region: &str, gate: Gate) -> Arc<Cx> {
        let limits = Limits::new(self.speed);
        let meter = Metered {
            client: https_client(),
            calls: self.calls.clone(),
            limits: limits.clone(),
            gate: gate.clone(),
        };
        let access =
            Access { calls: self.calls.clone(), gate, kubeconfig: self.kubeconfig.clone() };
        let name = Region::new(region.to_owned());
        let config = self.sdk.to_builder().region(name).http_client(meter).build();
        Arc::new(Cx::new(region, &Sdk { config, limits }, access))
    }

    /// The endpoint of the environment, the profile or the sandbox; `None`: AWS's own.
    pub fn endpoint(&self) -> Option<&str> {
        self.sdk.endpoint_url()
    }

    /// For how long reads may miss what was written.
    pub fn lag_max(&self) -> Duration {
        LAG_MAX.div_f64(self.speed.max(1.0)).max(LAG_FLOOR)
    }

    /// All requests so far.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }
}

/// What a kind works with: the clients of one region.
#[derive(Clone, Debug)]
pub struct Cx {
    pub region: String,
    pub acm: aws_sdk_acm::Client,
    pub cloudfront: aws_sdk_cloudfront::Client,
    pub cloudtrail: aws_sdk_cloudtrail::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub config: aws_sdk_config::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub ec2: aws_sdk_ec2::Client,
    pub ecr: aws_sdk_ecr::Client,
    pub eks: aws_sdk_eks::Client,
    pub elasticache: aws_sdk_elasticache::Client,
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    pub events: aws_sdk_eventbridge::Client,
    pub guardduty: aws_sdk_guardduty::Client,
    pub iam: aws_sdk_iam::Client,
    pub kms: aws_sdk_kms::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub rds: aws_sdk_rds::Client,
    pub route53: aws_sdk_route53::Client,
    pub s3: aws_sdk_s3::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub sns: aws_sdk_sns::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub ssm: aws_sdk_ssm::Client,
    pub sts: aws_sdk_sts::Client,
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    pub waf: aws_sdk_wafv2::Client,
    pub(super) clusters: Arc<Clusters>,
    account: Arc<OnceCell<Account>>,
    /// `None` outside of a reading: each question is asked anew.
    reading: Option<Reading>,
}

/// The account that the credentials belong to.
#[derive(Clone, Debug)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`: the second part of every ARN.
    pub partition: String,
}

/// What the clients of a region are made of.
struct Sdk {
    config: SdkConfig,
    limits: Limits,
}

/// A client of a service whose requests carry the name of their call, whose effects are sent once, and whose throttles are
/// noted.
macro_rules! client {
    ($service:ident, $name:literal, $sdk:expr) => {
        $service::Client::from_conf(
            $service::config::Builder::from(&$sdk.config)
                .interceptor(Named($name))
                .interceptor(EffectsOnce)
                .interceptor(Throttles($name, $sdk.limits.clone()))
                .build(),
        )
    };
}

impl Cx {
    fn new(region: &str, sdk: &Sdk, access: Access) -> Self {
        let credentials = sdk.config.credentials_provider();
        let clusters = Clusters::new(access, sdk.limits.clone(), credentials);
        let impatient = TimeoutConfig::builder()
            .operation_timeout(IDENTITY_MAX)
            .operation_attempt_timeout(IDENTITY_ATTEMPT_MAX)
            .connect_timeout(CONNECT_MAX);
        let config = sdk.config.to_builder().timeout_config(impatient.build()).build();
        let identity = Sdk { config, limits: sdk.limits.clone() };
        Self {
            region: region.into(),
            acm: client!(aws_sdk_acm, "acm", sdk),
            cloudfront: client!(aws_sdk_cloudfront, "cloudfront", sdk),
            cloudtrail: client!(aws_sdk_cloudtrail, "cloudtrail", sdk),
            cloudwatch: client!(aws_sdk_cloudwatch, "cloudwatch", sdk),
            config: client!(aws_sdk_config, "config", sdk),
            dynamodb: client!(aws_sdk_dynamodb, "dynamodb", sdk),
            ec2: client!(aws_sdk_ec2, "ec2", sdk),
            ecr: client!(aws_sdk_ecr, "ecr", sdk),
            eks: client!(aws_sdk_eks, "eks", sdk),
            elasticache: client!(aws_sdk_elasticache, "elasticache", sdk),
            elb: client!(aws_sdk_elasticloadbalancingv2, "elasticloadbalancing", sdk),
            events: client!(aws_sdk_eventbridge, "events", sdk),
            guardduty: client!(aws_sdk_guardduty, "guardduty", sdk),
            iam: client!(aws_sdk_iam, "iam", sdk),
            kms: client!(aws_sdk_kms, "kms", sdk),
            lambda: client!(aws_sdk_lambda, "lambda", sdk),
            logs: client!(aws_sdk_cloudwatchlogs, "logs", sdk),
            rds: client!(aws_sdk_rds, "rds", sdk),
            route53: client!(aws_sdk_route53, "route53", sdk),
            s3: s3(sdk),
            secrets: client!(aws_sdk_secretsmanager, "secretsmanager", sdk),
            sns: client!(aws_sdk_sns, "sns", sdk),
            sqs: client!(aws_sdk_sqs, "sqs", sdk),
            ssm: client!(aws_sdk_ssm, "ssm", sdk),
            sts: client!(aws_sdk_sts, "sts", &identity),
            tagging: client!(aws_sdk_resourcegroupstagging, "tagging", sdk),
            waf: client!(aws_sdk_wafv2, "wafv2", sdk),
            clusters: Arc::new(clusters),
            account: Arc::default(),
            reading: None,
        }
    }

    /// The same, with all that is asked within a reading.
    #[must_use]
    pub fn within(&self, reading: &Reading) -> Self {
        Self { reading: Some(reading.clone()), ..self.clone() }
    }

    /// The answer to a call about an object, of which several kinds read a part: within a reading one of them asks, and
    /// all of them have it. `ask` must ask for the same, whoever asks.
    pub async fn once<T: Clone + Send + Sync + 'static>(
        &self,
        action: &'static str,
        object: &str,
        ask: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        match &self.reading {
            Some(reading) => reading.once((self.region.clone(), action, object.into()), ask).await,
            None => ask.await,
        }
    }

    /// Whose credentials these are. Asked once.
    pub async fn account(&self) -> Result<&Account, Fault> {
        self.account
            .get_or_try_init(|| async {
                let identity = self.sts.get_caller_identity().send().await?;
                let arn = identity.arn().unwrap_or_default();
                let partition = arn.split(':').nth(1).unwrap_or("aws");
                let id =
                    identity.account().ok_or_else(|| Fault::bug("the reply holds no account"))?;
                Ok(Account { id: id.into(), partition: partition.into() })
            })
            .await
    }
}

impl Account {
    /// The ARN of something in it. The region is empty for services that are one for the world.
    pub fn arn(&self, service: &str, region: &str, resource: impl Display) -> String {
        let Self { id, partition } = self;
        format!("arn:{partition}:{service}:{region}:{id}:{resource}")
    }
}

/// Buckets are named in the path where an endpoint was given: only AWS's own has a host for each bucket.
fn s3(sdk: &Sdk) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&sdk.config)
        .force_path_style(sdk.config.endpoint_url().is_some())
        .interceptor(Named("s3"))
        .interceptor(EffectsOnce)
        .interceptor(Throttles("s3", sdk.limits.clone()))
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// How the client itself repeats reads, where time runs this fast.
fn retries(speed: f64) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS_MAX)
        .with_initial_backoff(scaled(PAUSE_FIRST, speed))
        .with_max_backoff(scaled(PAUSE_MAX, speed))
}

/// A pause where time runs this fast.
pub(super) fn scaled(pause: Duration, speed: f64) -> Duration {
    pause.div_f64(speed.max(1.0)).max(PAUSE_FLOOR)
}

fn https_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https()
}

/// Puts the [`Call`] beside each request, where the connector finds it.
#[derive(Debug)]
struct Named(&'static str);

impl Intercept for Named {
    fn name(&self) -> &'static str {
        "platctl: name the call"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = config.load::<Metadata>() {
            let call = Call { service: self.0.into(), action: metadata.name().into() };
            context.request_mut().add_extension(call);
        }
        Ok(())
    }
}

/// Lets the client repeat reads alone. A call that changes something and whose answer was lost may have done it: whether
/// to repeat it is the engine's decision, which looks first.
#[derive(Debug)]
struct EffectsOnce;

impl Intercept for EffectsOnce {
    fn name(&self) -> &'static str {
        "platctl: send effects once"
    }

    // Not `read_before_execution`: the client's interceptors run that before the operation is known.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<Metadata>().is_some_and(|metadata| !is_read(metadata.name())) {
            config.interceptor_state().store_put(RetryConfig::disabled());
        }
        Ok(())
    }
}

/// Tells the limits of each call that the service refused for its rate. EC2 answers 503 then, and some services 429, but
/// most 400, as to any mistake: of these the client's own classifiers know the codes.
#[derive(Debug)]
struct Throttles(&'static str, Limits);

impl Intercept for Throttles {
    fn name(&self) -> &'static str {
        "platctl: note throttles"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|response| response.status().as_u16());
        let by_code = || {
            let mut actions =
                components.retry_classifiers().map(|it| it.classify_retry(context.inner()));
            actions.any(|action| match action {
                RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. }) => {
                    kind == ErrorKind::ThrottlingError
                }
                _ => false,
            })
        };
        let throttled = matches!(status, Some(429 | 503)) || by_code();
        if let Some(metadata) = config.load::<Metadata>().filter(|_| throttled) {
            let call = Call { service: self.0.into(), action: metadata.name().into() };
            self.1.throttled(&call);
        }
        Ok(())
    }
}

/// Whether an action changes nothing, by the verbs that AWS names its reads with, and those of KMS that only compute.
fn is_read(action: &str) -> bool {
    let verbs = ["Describe", "List", "Get", "BatchGet", "Decrypt", "GenerateDataKey"];
    verbs.iter().any(|verb| action.starts_with(verb))
}

/// Who is asked before an effect is sent: nobody, if nothing was said.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<OnceLock<Box<MaySend>>>);

type MaySend = dyn Fn() -> BoxFuture<'static, bool> + Send + Sync;

impl Gate {
    pub(super) async fn lets_through(&self, call: &Call) -> bool {
        match self.0.get() {
            Some(may_send) if !is_read(&call.action) => may_send().await,
            Some(_) | None => true,
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Gate")
    }
}

/// An effect was not sent.
#[derive(Debug, thiserror::Error)]
#[error("it was not sent: the lock of the stack was lost")]
struct NotSent;

/// An HTTP client that counts requests and holds them back until their bucket admits them.
#[derive(Clone)]
struct Metered {
    client: SharedHttpClient,
    calls: Calls,
    limits: Limits,
    gate: Gate,
}

#[derive(Debug)]
struct MeteredConnector {
    connector: SharedHttpConnector,
    calls: Calls,
    limits: Limits,
    gate: Gate,
}

impl fmt::Debug for Metered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Metered")
    }
}

impl HttpClient for Metered {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(MeteredConnector {
            connector: self.client.http_connector(settings, components),
            calls: self.calls.clone(),
            limits: self.limits.clone(),
            gate: self.gate.clone(),
        })
    }
}

impl HttpConnector for MeteredConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // Requests for credentials (SSO, roles) carry no name: they are neither ours to count nor to slow down.
        let Some(call) = request.extension::<Call>().cloned() else {
            return self.connector.call(request);
        };
        let (connector, calls, limits, gate) =
            (self.connector.clone(), self.calls.clone(), self.limits.clone(), self.gate.clone());
        HttpConnectorFuture::new(async move {
            limits.admit(&call).await;
            if !gate.lets_through(&call).await {
                return Err(ConnectorError::user(NotSent.into()));
            }
            calls.count(&call);
            tracing::trace!(%call, "request");
            let endpoint = origin(request.uri());
            connector.call(request).await.map_err(|error| unanswered(error, endpoint))
        })
    }
}

/// Scheme and host of an address: where a request goes.
fn origin(uri: &str) -> String {
    let host = uri.find("://").map_or(0, |scheme| scheme + "://".len());
    let end = uri[host..].find(['/', '?']).map_or(uri.len(), |path| host + path);
    uri[..end].into()
}

/// Who did not answer. The client's own error does not say it.
#[derive(Debug, thiserror::Error)]
#[error("no answer from {endpoint}")]
pub(super) struct Unanswered {
    endpoint: String,
    source: BoxError,
}

/// The same error, which knows who did not answer; its kind decides whether the client tries again.
fn unanswered(error: ConnectorError, endpoint: String) -> ConnectorError {
    let (timeout, io, user) = (error.is_timeout(), error.is_io(), error.is_user());
    let (other, connection) = (error.as_other(), error.connection_metadata().cloned());
    let source = Box::new(Unanswered { endpoint, source: error.into_source() });
    let error = match (timeout, io, user) {
        (true, ..) => ConnectorError::timeout(source),
        (_, true, _) => ConnectorError::io(source),
        (_, _, true) => ConnectorError::user(source),
        (false, false, false) => ConnectorError::other(source, other),
    };
    match connection {
        Some(connection) => error.with_connection(connection),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_stands_before_the_path() {
        assert_eq!(origin("http://127.0.0.1:9/?a=b"), "http://127.0.0.1:9");
        assert_eq!(
            origin("https://sts.eu-west-1.amazonaws.com"),
            "https://sts.eu-west-1.amazonaws.com"
        );
        assert_eq!(origin("https://eks.aws?x=/"), "https://eks.aws");
    }

    #[test]
    fn verbs_tell_reads_from_effects() {
        assert!(
            ["DescribeVpcs", "ListKeys", "GetRole", "BatchGetSecretValue"].into_iter().all(is_read)
        );
        assert!(!["CreateVpc", "PutRolePolicy", "AllocateAddress"].into_iter().any(is_read));
    }
}
