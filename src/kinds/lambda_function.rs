//! `AWS::Lambda::Function`

use std::collections::BTreeSet;

use aws_sdk_lambda::types::{self, Architecture, FunctionConfiguration, LastUpdateStatus, State};
use aws_smithy_types::Blob;
use aws_smithy_types::error::operation::BuildError;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::lambda;
use super::lambda_code::Code;
use super::lambda_settings::{
    DeadLetters, Environment, FileSystem, Image, Logging, SnapStart, Storage, Tracing, Vpc,
};
use super::reply::{gone, present};
use super::scalar::Number;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct Function;

/// Its inline code always comes with the hash of it, see [`Code::hash`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, remote = "Self")]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    architectures: Option<Vec<String>>,
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<DeadLetters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Environment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ephemeral_storage: Option<Storage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_system_configs: Option<Vec<FileSystem>>,
    function_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_config: Option<Image>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logging_config: Option<Logging>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_size: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_concurrent_executions: Option<Number>,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snap_start: Option<SnapStart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracing_config: Option<Tracing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_config: Option<Vpc>,
}

#[derive(Debug)]
pub struct Live {
    function: FunctionConfiguration,
    image_uri: Option<String>,
    reserved_concurrent_executions: Option<i32>,
    tags: Tags,
}

impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut spec = Self::deserialize(deserializer)?;
        spec.code.hash(spec.runtime.as_deref());
        Ok(spec)
    }
}

impl Kind for Function {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Lambda::Function";
    const DOC: &'static str = "A function that runs code on demand. \
        It works once its state is `Active` and its last update has ended: within seconds, in a VPC within a minute or \
        two. A fresh role may take some seconds until Lambda can assume it. \
        Its environment can be read by whoever may read the function: name a secret there, never its value. \
        Code in S3 is deployed again when bucket, key or version differ from what was deployed; code that was deployed by \
        hand is noticed where `CodeSha256` is known, which is so for inline code. \
        Nothing blocks its deletion; in a VPC, Lambda keeps its network interfaces for up to 45 minutes, and they block \
        the deletion of their subnets and security groups.";
    const FIELDS: &'static [Field] = &[
        Field::updates("Architectures", "`x86_64` or `arm64`."),
        Field::updates("Code", "Where the code is, or the code itself."),
        Field::updates(
            "Code.CodeSha256",
            "The hash of the archive, in base64; filled in for inline code.",
        ),
        Field::updates("Code.ImageUri", "A container image in ECR."),
        Field::updates("Code.S3Bucket", "The bucket of the archive.").write_only(),
        Field::updates("Code.S3Key", "The key of the archive.").write_only(),
        Field::updates("Code.S3ObjectVersion", "The version of the archive.").write_only(),
        Field::updates("Code.SourceKMSKeyArn", "The key that encrypts the archive at Lambda.")
            .write_only(),
        Field::updates(
            "Code.ZipFile",
            "The source text of a file `index.js` or `index.py`, for Node.js and Python.",
        )
        .write_only(),
        Field::updates("DeadLetterConfig", "`TargetArn`: where events go that always failed."),
        Field::updates("Description", "What the function is for."),
        Field::updates("Environment", "The environment of the process."),
        Field::updates("Environment.Variables", "All variables; no secret values.").document(),
        Field::updates("EphemeralStorage", "`Size` of `/tmp` in MB, 512 to 10,240."),
        Field::updates("FileSystemConfigs", "EFS access points, each with a `LocalMountPath`.")
            .when_ready(),
        Field::replaces("FunctionName", "Its name, unique in the account and region."),
        Field::updates("Handler", "What is called: `index.handler`."),
        Field::updates("ImageConfig", "What replaces the settings of the image."),
        Field::updates("KmsKeyArn", "The key that encrypts the environment."),
        Field::updates("Layers", "ARNs of layer versions, in their order."),
        Field::updates("LoggingConfig", "Format, levels and group of its logs."),
        Field::updates("MemorySize", "MB of memory, 128 to 10,240; processors grow with it."),
        Field::replaces("PackageType", "`Zip` or `Image`."),
        Field::updates("ReservedConcurrentExecutions", "How many may run at once; 0 stops it.")
            .late(),
        Field::updates("Role", "The ARN of the role that it runs as.").when_ready(),
        Field::updates("Runtime", "The language: `python3.13`, `nodejs22.x`, `provided.al2023`."),
        Field::updates("SnapStart", "`ApplyOn`: `PublishedVersions` or `None`."),
        TAGS,
        Field::updates("Timeout", "Seconds that a call may take, 1 to 900."),
        Field::updates("TracingConfig", "`Mode`: `Active` or `PassThrough`."),
        Field::updates("VpcConfig", "The subnets and security groups in which it runs."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Arn", "The ARN of the function."),
        Output::with_id("FunctionName", "The name of the function."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(5, 5, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.function.function_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let it = &live.function;
        let is_image = it.package_type() == Some(&types::PackageType::Image);
        let code = Code {
            // Of an image it is the digest, which nobody writes in base64.
            sha256: it.code_sha256.clone().filter(|_| !is_image),
            image_uri: live.image_uri.clone(),
            ..Code::default()
        };
        let variables = it.environment().and_then(|it| it.variables.clone()).unwrap_or_default();
        let image = it.image_config_response().and_then(|it| it.image_config());
        Spec {
            architectures: Some(it.architectures().iter().map(|it| it.as_str().into()).collect()),
            code,
            dead_letter_config: Some(DeadLetters {
                target_arn: it
                    .dead_letter_config()
                    .and_then(|it| it.target_arn.clone())
                    .unwrap_or_default(),
            }),
            description: Some(it.description().unwrap_or_default().into()),
            environment: Some(Environment { variables: variables.into_iter().collect() }),
            ephemeral_storage: it.ephemeral_storage().map(|it| Storage { size: Number(it.size) }),
            file_system_configs: Some(
                it.file_system_configs().iter().map(FileSystem::of).collect(),
            ),
            function_name: it.function_name().unwrap_or_default().into(),
            handler: it.handler.clone(),
            image_config: image.map(Image::of),
            kms_key_arn: it.kms_key_arn.clone(),
            layers: Some(it.layers().iter().filter_map(|it| it.arn.clone()).collect()),
            logging_config: it.logging_config().map(Logging::of),
            memory_size: it.memory_size.map(Number),
            package_type: it.package_type().map(|it| it.as_str().into()),
            reserved_concurrent_executions: live.reserved_concurrent_executions.map(Number),
            role: it.role().unwrap_or_default().into(),
            runtime: it.runtime().map(|it| it.as_str().into()),
            snap_start: it
                .snap_start()
                .and_then(|it| Some(SnapStart { apply_on: it.apply_on()?.as_str().into() })),
            tags: Some(live.tags.clone()),
            timeout: it.timeout.map(Number),
            tracing_config: it
                .tracing_config()
                .and_then(|it| Some(Tracing { mode: it.mode()?.as_str().into() })),
            vpc_config: Some(it.vpc_config().map_or_else(Vpc::default, Vpc::of)),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let function = &live.function;
        outputs([("Arn", function.function_arn()), ("FunctionName", function.function_name())])
    }

    fn readiness(live: &Live) -> Readiness {
        let it = &live.function;
        match (it.state(), it.last_update_status()) {
            (Some(State::Failed), _) => {
                Readiness::Failed(it.state_reason().unwrap_or("Failed").into())
            }
            (Some(State::Deleting), _) => Readiness::Deleting,
            (Some(State::Pending), _) => Readiness::Pending("Pending".into()),
            (_, Some(LastUpdateStatus::InProgress)) => Readiness::Pending("InProgress".into()),
            // The function still works as it was before: that is no reason to replace it.
            (_, Some(LastUpdateStatus::Failed)) => {
                let reason = it.last_update_status_reason().unwrap_or_default();
                Readiness::Pending(format!("update failed: {reason}").into())
            }
            // `Inactive` is asleep: a call wakes it.
            _ => Readiness::Ready,
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.function_name))
    }

    fn typical(spec: &Spec) -> Typical {
        match &spec.vpc_config {
            // Network interfaces are made for each new pair of subnet and security groups.
            Some(vpc) if !vpc.subnet_ids.is_empty() => Typical::seconds(60, 30, 2),
            _ => Self::TYPICAL,
        }
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names = wanted.iter().filter_map(|lookup| match lookup {
            Lookup::Id(id) => Some(id.clone()),
            Lookup::Owner { .. } => None,
        });
        let names: Vec<PhysicalId> = names.collect();
        // A call for each function, by intent: the list has neither state nor tags, concurrency or image. This call has
        // all of it, and a quota of its own of 100 a second, where all others together have 15.
        let found = stream::iter(names).map(|name| async move { live(cx, name.as_str()).await });
        let found: Vec<_> = found.buffer_unordered(READS_MAX).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags = spec.tags.as_ref().map(|tags| tags.0.clone().into_iter().collect());
        cx.lambda
            .create_function()
            .function_name(&spec.function_name)
            .set_architectures(architectures(spec))
            .code(spec.code.wire(spec.runtime.as_deref())?)
            .set_dead_letter_config(spec.dead_letter_config.as_ref().map(DeadLetters::wire))
            .set_description(spec.description.clone())
            .set_environment(environment(spec)?)
            .set_ephemeral_storage(storage(spec)?)
            .set_file_system_configs(file_systems(spec)?)
            .set_handler(spec.handler.clone())
            .set_image_config(spec.image_config.as_ref().map(Image::wire))
            .set_kms_key_arn(spec.kms_key_arn.clone())
            .set_layers(spec.layers.clone())
            .set_logging_config(spec.logging_config.as_ref().map(Logging::wire))
            .set_memory_size(spec.memory_size.map(Into::into))
            .set_package_type(spec.package_type.as_deref().map(Into::into))
            .role(&spec.role)
            .set_runtime(spec.runtime.as_deref().map(Into::into))
            .set_snap_start(spec.snap_start.as_ref().map(SnapStart::wire))
            .set_tags(tags)
            .set_timeout(spec.timeout.map(Into::into))
            .set_tracing_config(spec.tracing_config.as_ref().map(Tracing::wire))
            .set_vpc_config(spec.vpc_config.as_ref().map(Vpc::wire))
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.function_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        if update.has("Tags") {
            let arn = lambda::arn(cx, &format!("function:{id}")).await?;
            lambda::retag(cx, &arn, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        if let (true, Some(reserved)) =
            (update.has("ReservedConcurrentExecutions"), to.reserved_concurrent_executions)
        {
            let put = cx.lambda.put_function_concurrency().function_name(id.as_str());
            put.reserved_concurrent_executions(reserved.0).send().await?;
        }
        let Parts { configuration, code } = Parts::of(update.changed);
        // Lambda takes one update at a time and refuses the second one as long as the first one runs. Then both are
        // repeated, and what has been done already must not be begun again.
        let done = code && configuration && is_configured(cx, id, update).await?;
        if configuration && !done {
            configure(cx, id, update).await?;
        }
        if code {
            deploy(cx, id, to).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.lambda.delete_function().function_name(id.as_str()).send().await)
    }
}

/// Functions that are read at once.
const READS_MAX: usize = 16;

/// How a dynamic reference of CloudFormation begins.
const DYNAMIC: &str = "{{resolve:";

/// Which of the two updates a change needs.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    configuration: bool,
    code: bool,
}

impl Parts {
    fn of(changed: &[&str]) -> Self {
        let top = |row: &&str| row.split('.').next().unwrap_or_default().to_owned();
        let is_code = |name: &str| ["Architectures", "Code"].contains(&name);
        let elsewhere = |name: &str| ["ReservedConcurrentExecutions", "Tags"].contains(&name);
        let names: BTreeSet<String> = changed.iter().map(top).collect();
        Self {
            configuration: names.iter().any(|name| !is_code(name) && !elsewhere(name)),
            code: names.iter().any(|name| is_code(name)),
        }
    }
}

/// A function; `None` if it is gone. Without its tags nobody could tell whose it is: then that is the answer.
async fn live(cx: &Cx, name: &str) -> Result<Option<Live>, Fault> {
    let reply = present(cx.lambda.get_function().function_name(name).send().await)?;
    let Some(reply) = reply else { return Ok(None) };
    if let Some(error) = reply.tags_error() {
        return Err(Fault::new(Class::Denied, error.message()));
    }
    Ok(Some(Live {
        function: reply.configuration.required("function")?,
        image_uri: reply.code.and_then(|code| code.image_uri),
        reserved_concurrent_executions: reply
            .concurrency
            .and_then(|it| it.reserved_concurrent_executions),
        tags: Tags::read(reply.tags.unwrap_or_default()),
    }))
}

/// Whether the live function has everything of the configuration that changes.
async fn is_configured(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<bool, Fault> {
    let Some(live) = live(cx, id.as_str()).await? else { return Ok(false) };
    let text =
        |spec: &Spec| serde_json::to_value(spec).map_err(|error| Fault::bug(error.to_string()));
    let (to, live) = (text(update.to)?, text(&Function::spec(&live))?);
    let changed = update.changed.iter().filter(|row| Parts::of(&[row]).configuration);
    let mut names = changed.map(|row| row.split('.').next().unwrap_or_default());
    Ok(names.all(|name| covers(&to[name], &live[name])))
}

/// Equal, where objects may have members that nobody asked for.
fn covers(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            wanted.iter().all(|(name, value)| live.get(name).is_some_and(|it| covers(value, it)))
        }
        _ => wanted == live,
    }
}

async fn configure(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
    let to = update.to;
    let has = |name: &str| update.changed.iter().any(|row| row.split('.').next() == Some(name));
    // What is not sent stays as it is.
    macro_rules! changed {
        ($row:literal, $value:expr) => {
            if has($row) { $value } else { None }
        };
    }
    cx.lambda
        .update_function_configuration()
        .function_name(id.as_str())
        .set_dead_letter_config(changed!(
            "DeadLetterConfig",
            to.dead_letter_config.as_ref().map(DeadLetters::wire)
        ))
        .set_description(changed!("Description", to.description.clone()))
        .set_environment(changed!("Environment", environment(to)?))
        .set_ephemeral_storage(changed!("EphemeralStorage", storage(to)?))
        .set_file_system_configs(changed!("FileSystemConfigs", file_systems(to)?))
        .set_handler(changed!("Handler", to.handler.clone()))
        .set_image_config(changed!("ImageConfig", to.image_config.as_ref().map(Image::wire)))
        .set_kms_key_arn(changed!("KmsKeyArn", to.kms_key_arn.clone()))
        .set_layers(changed!("Layers", to.layers.clone()))
        .set_logging_config(changed!(
            "LoggingConfig",
            to.logging_config.as_ref().map(Logging::wire)
        ))
        .set_memory_size(changed!("MemorySize", to.memory_size.map(Into::into)))
        .set_role(changed!("Role", Some(to.role.clone())))
        .set_runtime(changed!("Runtime", to.runtime.as_deref().map(Into::into)))
        .set_snap_start(changed!("SnapStart", to.snap_start.as_ref().map(SnapStart::wire)))
        .set_timeout(changed!("Timeout", to.timeout.map(Into::into)))
        .set_tracing_config(changed!(
            "TracingConfig",
            to.tracing_config.as_ref().map(Tracing::wire)
        ))
        .set_vpc_config(changed!("VpcConfig", to.vpc_config.as_ref().map(Vpc::wire)))
        .send()
        .await?;
    Ok(())
}

async fn deploy(cx: &Cx, id: &PhysicalId, to: &Spec) -> Result<(), Fault> {
    let code = &to.code;
    cx.lambda
        .update_function_code()
        .function_name(id.as_str())
        .set_architectures(architectures(to))
        .set_image_uri(code.image_uri.clone())
        .set_s3_bucket(code.s3_bucket.clone())
        .set_s3_key(code.s3_key.clone())
        .set_s3_object_version(code.s3_object_version.clone())
        .set_source_kms_key_arn(code.source_kms_key_arn.clone())
        .set_zip_file(code.archive(to.runtime.as_deref())?.map(Blob::new))
        .send()
        .await?;
    Ok(())
}

fn architectures(spec: &Spec) -> Option<Vec<Architecture>> {
    let all = spec.architectures.as_ref()?;
    Some(all.iter().map(|it| Architecture::from(it.as_str())).collect())
}

/// A variable can be read by whoever may read the function: no secret is put into one.
fn environment(spec: &Spec) -> Result<Option<types::Environment>, Fault> {
    let Some(environment) = &spec.environment else { return Ok(None) };
    let mut dynamic = environment.variables.iter().filter(|(_, value)| value.contains(DYNAMIC));
    match dynamic.next() {
        Some((name, _)) => {
            let message = format!(
                "`Environment.Variables.{name}`: references to secrets are not resolved here, where their values could be \
                 read; pass the ARN and let the function read the secret"
            );
            Err(Fault::new(Class::Invalid, message))
        }
        None => Ok(Some(environment.wire())),
    }
}

fn storage(spec: &Spec) -> Result<Option<types::EphemeralStorage>, Fault> {
    spec.ephemeral_storage.as_ref().map(Storage::wire).transpose().map_err(incomplete)
}

fn file_systems(spec: &Spec) -> Result<Option<Vec<types::FileSystemConfig>>, Fault> {
    let all = spec.file_system_configs.as_ref();
    let all = all.map(|all| all.iter().map(FileSystem::wire).collect());
    all.transpose().map_err(incomplete)
}

/// All members that the SDK requires are set above.
fn incomplete(error: BuildError) -> Fault {
    Fault::bug(error.to_string())
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::builders::FunctionConfigurationBuilder;
    use serde_json::json;

    use super::*;

    fn live(function: FunctionConfigurationBuilder) -> Live {
        Live {
            function: function.function_name("api").build(),
            image_uri: None,
            reserved_concurrent_executions: None,
            tags: Tags::read([("team".into(), "shop".into())]),
        }
    }

    #[test]
    fn a_live_function_is_seen_in_full() {
        let variables = types::EnvironmentResponse::builder().variables("STAGE", "prod").build();
        let vpc = types::VpcConfigResponse::builder().subnet_ids("b").subnet_ids("a");
        let configuration = FunctionConfiguration::builder()
            .architectures(Architecture::Arm64)
            .code_sha256("hash")
            .environment(variables)
            .handler("index.handler")
            .memory_size(256)
            .role("arn:role")
            .runtime(types::Runtime::from("python3.13"))
            .vpc_config(vpc.security_group_ids("sg").build());
        let live = live(configuration);
        assert_eq!(
            serde_json::to_value(Function::spec(&live)).unwrap(),
            json!({
                "Architectures": ["arm64"], "Code": {"CodeSha256": "hash"},
                "DeadLetterConfig": {"TargetArn": ""}, "Description": "",
                "Environment": {"Variables": {"STAGE": "prod"}}, "FileSystemConfigs": [],
                "FunctionName": "api", "Handler": "index.handler", "Layers": [], "MemorySize": 256,
                "Role": "arn:role", "Runtime": "python3.13",
                "Tags": [{"Key": "team", "Value": "shop"}],
                "VpcConfig": {"SecurityGroupIds": ["sg"], "SubnetIds": ["a", "b"]},
            })
        );
        assert_eq!(Function::natural_id(&Function::spec(&live)), Some(Function::id(&live)));
    }

    #[test]
    fn a_function_works_once_its_update_has_ended() {
        let state = |state: State, update: Option<LastUpdateStatus>| {
            let it = FunctionConfiguration::builder().state(state).state_reason("why");
            Function::readiness(&live(it.set_last_update_status(update)))
        };
        assert_eq!(state(State::Pending, None), Readiness::Pending("Pending".into()));
        let running = state(State::Active, Some(LastUpdateStatus::InProgress));
        assert_eq!(running, Readiness::Pending("InProgress".into()));
        assert_eq!(state(State::Active, Some(LastUpdateStatus::Successful)), Readiness::Ready);
        assert_eq!(state(State::Inactive, None), Readiness::Ready);
        assert_eq!(state(State::Failed, None), Readiness::Failed("why".into()));
    }

    #[test]
    fn code_and_configuration_are_two_updates() {
        let parts = |configuration, code| Parts { configuration, code };
        assert_eq!(Parts::of(&["Tags", "ReservedConcurrentExecutions"]), parts(false, false));
        assert_eq!(Parts::of(&["Code.CodeSha256"]), parts(false, true));
        assert_eq!(Parts::of(&["Environment.Variables", "Architectures"]), parts(true, true));
    }

    #[test]
    fn no_secret_gets_into_the_environment() {
        let spec = |value: &str| -> Spec {
            let variables = json!({"Variables": {"KEY": value}});
            serde_json::from_value(json!({
                "Code": {}, "Environment": variables, "FunctionName": "api", "Role": "r",
            }))
            .unwrap()
        };
        assert!(environment(&spec("arn:secret")).unwrap().is_some());
        let refused = environment(&spec("{{resolve:secretsmanager:key}}")).unwrap_err();
        assert_eq!(refused.class, Class::Invalid);
    }

    #[test]
    fn a_spec_with_inline_code_has_its_hash() {
        let spec: Spec = serde_json::from_value(json!({
            "Code": {"ZipFile": "pass"}, "FunctionName": "api", "Role": "r", "Runtime": "python3.13",
        }))
        .unwrap();
        assert!(serde_json::to_value(&spec).unwrap()["Code"]["CodeSha256"].is_string());
    }
}
