//! The way to the cloud: AWS by the standard chain, or the sandbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Common;
use super::error::CommandError;
use super::ui::Ui;
use crate::apply::Pace;
use crate::cloud::Aws;
use crate::cloud::aws::{Endpoint, Options};
use crate::fault::Fault;
use crate::graph::compile::Account;
use crate::kinds::KINDS;
use crate::sandbox::{self, Running, Sandbox};

/// Clients, and how fast time runs where they lead.
pub(crate) struct Connection {
    pub(crate) aws: Arc<Aws>,
    pub(crate) speed: f64,
    region: String,
}

/// Nobody could say whose the credentials are: nothing can be named, and nothing was looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell the account of the credentials in {region}{}", at(.endpoint.as_deref()))]
pub(crate) struct AccountError {
    region: String,
    /// Where that is not AWS's own.
    endpoint: Option<String>,
    /// The profile that the environment names.
    pub(crate) profile: Option<String>,
    #[source]
    pub(crate) fault: Fault,
}

/// Names another sandbox than the user's usual one: several can run side by side.
const SANDBOX_VARIABLE: &str = "PLATCTL_SANDBOX";
const SANDBOX: &str = "default";

impl Connection {
    /// Connects to AWS, or to the sandbox, which is started if it must be.
    pub(crate) async fn open(ui: &Ui, common: &Common, region: &str) -> Result<Self, CommandError> {
        let mut options = Options {
            region: region.into(),
            sandbox: None,
            speed: 1.0,
            kubeconfig: common.kubeconfig.clone(),
        };
        if common.sandbox {
            let running = start_sandbox(ui, None).await?;
            let access_key_id = sandbox::access_key_id(sandbox::DEFAULT_ACCOUNT);
            options.sandbox = Some(Endpoint { url: running.endpoint, access_key_id });
            options.speed = running.speed;
        }
        let aws = Arc::new(Aws::connect(&options).await);
        Ok(Self { aws, speed: options.speed, region: region.into() })
    }

    /// The one that was named when it was opened.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    pub(crate) fn pace(&self) -> Pace {
        Pace { speed: self.speed }
    }

    /// Whose credentials these are.
    pub(crate) async fn account(&self) -> Result<Account, AccountError> {
        let cx = self.aws.region(&self.region);
        let account = cx.account().await.map_err(|fault| AccountError {
            region: self.region.clone(),
            endpoint: self.aws.endpoint().map(str::to_owned),
            profile: std::env::var("AWS_PROFILE").ok(),
            fault,
        })?;
        Ok(Account { id: account.id.clone(), partition: account.partition.clone() })
    }
}

/// The user's sandbox, whether it runs or not.
pub(crate) fn user_sandbox() -> Result<Sandbox, CommandError> {
    let name = std::env::var(SANDBOX_VARIABLE).unwrap_or_else(|_| SANDBOX.into());
    Ok(Sandbox::named(&name)?)
}

/// The sandbox, started if it does not run; one that runs keeps its speed unless another is asked for.
pub(crate) async fn start_sandbox(ui: &Ui, speed: Option<f64>) -> Result<Running, CommandError> {
    let sandbox = user_sandbox()?;
    let known = sandbox.status().await?.map(|running| running.speed);
    let speed = speed.or(known).unwrap_or(sandbox::DEFAULT_SPEED);
    let durations: BTreeMap<String, sandbox::Typical> = KINDS
        .iter()
        .map(|kind| {
            let typical = kind.typical(&Value::Null);
            let (create, update, delete) = (typical.create, typical.update, typical.delete);
            (kind.name().to_owned(), sandbox::Typical { create, update, delete })
        })
        .collect();
    let program = std::env::current_exe().ok();
    let options = sandbox::Options { speed, durations, program };
    let remarks = ui.clone();
    let progress = move |doing: &str| remarks.remark(format_args!("{doing} ..."));
    Ok(sandbox.start(&options, &progress).await?)
}

fn at(endpoint: Option<&str>) -> String {
    endpoint.map(|url| format!(" at {url}")).unwrap_or_default()
}
