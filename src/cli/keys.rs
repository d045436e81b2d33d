//! What seals state: the passphrases of the environment, and the way to KMS.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::OnceCell;

use super::Common;
use super::connection::Connection;
use super::ui::Ui;
use crate::cloud::Aws;
use crate::cloud::data_key::{Context, DataKey, KeyService, SecretBytes};
use crate::fault::{Class, Fault};
use crate::state::Seal;
use crate::state::seal::{
    FORMER_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE, Passphrase, Policy, Wrap,
};

/// What the blueprint says about sealing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) wrap: Option<Wrap>,
    pub(crate) required: bool,
}

/// Opens and seals state; `way` leads to KMS.
pub(crate) fn seal(wanted: Wanted, way: Arc<dyn KeyService>) -> Arc<Seal> {
    let passphrase = |variable: &str| std::env::var(variable).ok().and_then(Passphrase::new);
    let policy = Policy {
        wrap: wanted.wrap,
        required: wanted.required,
        passphrase: passphrase(PASSPHRASE_VARIABLE),
        former_passphrase: passphrase(FORMER_PASSPHRASE_VARIABLE),
    };
    Arc::new(Seal::new(policy, Some(way)))
}

/// A way to KMS that is made once something is sealed by it; `region`: that of the stack, where it is known.
pub(crate) fn way(ui: &Ui, common: &Common, region: Option<String>) -> Arc<dyn KeyService> {
    let region = region.or_else(named_region).unwrap_or_else(|| ANY.into());
    Arc::new(Way { ui: ui.clone(), common: common.clone(), region, aws: OnceCell::new() })
}

/// The region of the environment.
fn named_region() -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|variable| std::env::var(variable).ok())
}

/// Where nothing names a region, only ARNs lead to keys, which name their own.
const ANY: &str = "us-east-1";

/// The way to KMS, taken only once something is sealed by it.
struct Way {
    ui: Ui,
    common: Common,
    region: String,
    aws: OnceCell<Arc<Aws>>,
}

impl Way {
    async fn aws(&self) -> Result<&Aws, Fault> {
        let connect = || async {
            let connection = Connection::open(&self.ui, &self.common, &self.region).await;
            // On AWS nothing is asked yet, so that nothing fails.
            let failed = |_| Fault::new(Class::Unanswered, "the sandbox does not start");
            connection.map(|it| it.aws).map_err(failed)
        };
        self.aws.get_or_try_init(connect).await.map(|aws| &**aws)
    }
}

impl KeyService for Way {
    fn generate<'a>(
        &'a self,
        key: &'a str,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<DataKey, Fault>> {
        Box::pin(async move { self.aws().await?.generate(key, context).await })
    }

    fn unwrap<'a>(
        &'a self,
        key: &'a str,
        wrapped: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<SecretBytes, Fault>> {
        Box::pin(async move { self.aws().await?.unwrap(key, wrapped, context).await })
    }
}
