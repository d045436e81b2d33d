//! What the Secrets Manager kinds share.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use super::reply::present;
use crate::cloud::Cx;
use crate::fault::Fault;

/// A secret by name or ARN, scheduled ones included; `None` if there is none.
///
/// One call each, by intent: `ListSecrets` may be five minutes behind, says its documentation. This call has no such
/// lag, and a limit of 40,000 a second.
pub(super) async fn describe(cx: &Cx, id: &str) -> Result<Option<DescribeSecretOutput>, Fault> {
    present(cx.secrets.describe_secret().secret_id(id).send().await)
}
