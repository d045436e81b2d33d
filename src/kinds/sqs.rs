//! What the SQS kinds share.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::QueueAttributeName;

use super::reply::present;
use crate::cloud::Cx;
use crate::fault::Fault;

/// Attributes have names and texts.
pub(super) type Attributes = BTreeMap<String, String>;

/// The attributes of a queue, its policy among them; `None` if it is gone. There is no call for several queues.
pub(super) async fn attributes(cx: &Cx, url: &str) -> Result<Option<Attributes>, Fault> {
    let ask = async {
        let ask = cx.sqs.get_queue_attributes().queue_url(url);
        let reply = present(ask.attribute_names(QueueAttributeName::All).send().await)?;
        let attributes = reply.map(|reply| reply.attributes.unwrap_or_default().into_iter());
        Ok(attributes.map(|all| all.map(|(name, value)| (name.to_string(), value)).collect()))
    };
    cx.once("GetQueueAttributes", url, Box::pin(ask)).await
}
