//! What the SQS kinds share.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::QueueAttributeName;

use super::reply::present;
use crate::cloud::Cx;
use crate::fault::Fault;

/// Attributes of a queue by their names; `None` if it is gone. There is no call for several queues.
pub(super) async fn attributes(
    cx: &Cx,
    url: &str,
    name: QueueAttributeName,
) -> Result<Option<BTreeMap<String, String>>, Fault> {
    let ask = cx.sqs.get_queue_attributes().queue_url(url).attribute_names(name);
    let Some(reply) = present(ask.send().await)? else { return Ok(None) };
    let attributes = reply.attributes.unwrap_or_default().into_iter();
    Ok(Some(attributes.map(|(name, value)| (name.as_str().to_owned(), value)).collect()))
}
