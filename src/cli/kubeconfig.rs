//! `platctl kubeconfig`, and the hidden `platctl kube-token` that what it writes calls.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Common;
use super::connection::Connection;
use super::error::CommandError;
use super::exit::Exit;
use super::target::{BlueprintArg, Target};
use super::ui::Ui;
use crate::blueprint::component::existing::ExistingCluster;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    blueprint: BlueprintArg,
    /// Write it to a file, readable for you alone, in place of standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// The name of the EKS cluster
    #[arg(long, value_name = "NAME")]
    cluster: String,
    #[arg(long, value_name = "NAME")]
    region: String,
}

/// What `kubectl` needs to reach the blueprint's cluster.
pub(crate) async fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    let target = Target::load(ui, common, &args.blueprint.blueprint)?;
    let blueprint = &target.blueprint;
    let name = match &blueprint.existing.cluster {
        Some(existing) => match &existing.value {
            ExistingCluster::Eks(name) => name.to_string(),
            ExistingCluster::Context(context) => {
                let told = format!("the cluster is context `{context}` of a kubeconfig already");
                return Err(CommandError::new(told));
            }
        },
        None if blueprint.cluster.is_some() => blueprint.stack.clone(),
        None => return Err(CommandError::new("the blueprint has no cluster")),
    };
    let connection = Connection::open(ui, common, target.region()).await?;
    let cluster = connection.aws.region(target.region()).describe_cluster(&name).await;
    let cluster = cluster.map_err(|fault| {
        CommandError::new(format!("cannot ask EKS for cluster `{name}`")).caused_by(&fault)
    })?;
    let endpoint = cluster.as_ref().and_then(|it| it.endpoint());
    let (Some(cluster), Some(endpoint)) = (&cluster, endpoint) else {
        return Err(CommandError::new(format!("there is no cluster `{name}` whose API answers"))
            .hint("`platctl apply` makes it."));
    };
    let authority = cluster.certificate_authority().and_then(|it| it.data());
    // The sandbox speaks HTTP.
    let authority = authority.filter(|_| endpoint.starts_with("https:"));
    let mut call = vec!["kube-token", "--cluster", &name, "--region", target.region()];
    if common.sandbox {
        call.push("--sandbox");
    }
    let config = config(&name, endpoint, authority, &call);
    let text = serde_yaml::to_string(&config).expect("JSON is YAML");
    match &args.out {
        Some(path) => {
            write_private(path, &text).map_err(|error| CommandError::io("write", path, &error))?;
            ui.remark(format_args!("wrote {}", path.display()));
        }
        None => ui.print(text),
    }
    Ok(Exit::Done)
}

/// What the API of a cluster takes for us, in the form in which `kubectl` asks for it.
pub(crate) async fn token(
    ui: &Ui,
    common: &Common,
    args: &TokenArgs,
) -> Result<Exit, CommandError> {
    let connection = Connection::open(ui, common, &args.region).await?;
    let token = connection.aws.region(&args.region).cluster_token(&args.cluster).await;
    let token =
        token.map_err(|fault| CommandError::new("cannot make a token").caused_by(&fault))?;
    ui.document(&json!({
        "apiVersion": EXEC, "kind": "ExecCredential", "status": {"token": token},
    }));
    Ok(Exit::Done)
}

/// Every `kubectl` of these years knows this version.
const EXEC: &str = "client.authentication.k8s.io/v1beta1";

fn config(name: &str, endpoint: &str, authority: Option<&str>, call: &[&str]) -> Value {
    let mut cluster = json!({"server": endpoint});
    if let Some(authority) = authority {
        cluster["certificate-authority-data"] = json!(authority);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"exec": {
            "apiVersion": EXEC, "command": "platctl", "args": call, "interactiveMode": "Never",
        }}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    })
}

fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
