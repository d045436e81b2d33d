//! What the Secrets Manager kinds share.

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use super::reply::present;
use crate::cloud::Cx;
use crate::fault::Fault;

/// A secret by name or ARN, as it is now, scheduled ones included; `None` if there is none.
pub(super) async fn describe(cx: &Cx, id: &str) -> Result<Option<DescribeSecretOutput>, Fault> {
    present(cx.secrets.describe_secret().secret_id(id).send().await)
}
