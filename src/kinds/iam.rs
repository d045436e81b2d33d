//! What the IAM kinds share: policy documents, tags, and the one bulk read of roles.

use std::sync::Arc;

use aws_sdk_iam::types::{EntityType, PolicyDetail, RoleDetail, Tag};
use serde_json::Value;

use super::document;
use super::ec2::collect;
use crate::cloud::Cx;
use crate::cloud::tags::Tags;
use crate::fault::{Fault, found};

/// Up to this many roles or inline policies are read one by one. More are read by paging through all roles of the
/// account: a call for a thousand of them, where one by one takes three or more for each.
pub(super) const ONE_BY_ONE_MAX: usize = 2;
/// The largest page that IAM gives.
pub(super) const PAGE_MAX: i32 = 1000;

/// All roles of the account with their tags, attached and inline policies. Descriptions and session durations are
/// missing: `ListRoles` tells those.
pub(super) async fn role_details(cx: &Cx) -> Result<Arc<[RoleDetail]>, Fault> {
    let ask = async {
        let list = cx.iam.get_account_authorization_details().filter(EntityType::Role);
        let pages = collect(list.max_items(PAGE_MAX).into_paginator().send()).await?.into_iter();
        Ok(pages.flat_map(|page| page.role_detail_list.unwrap_or_default()).collect())
    };
    cx.once("GetAccountAuthorizationDetails", "Role", Box::pin(ask)).await
}

/// One inline policy of a role, if it is there.
pub(super) async fn role_policy(
    cx: &Cx,
    role: &str,
    policy: &str,
) -> Result<Option<PolicyDetail>, Fault> {
    let answer = cx.iam.get_role_policy().role_name(role).policy_name(policy).send().await;
    Ok(found(answer)?.map(|answer| {
        PolicyDetail::builder()
            .policy_name(answer.policy_name)
            .policy_document(answer.policy_document)
            .build()
    }))
}

/// A document of a reply: percent-encoded JSON.
pub(super) fn document(encoded: &str) -> Value {
    document::from_text(&percent_decoded(encoded))
}

/// Tags of a reply.
pub(super) fn tags(tags: &[Tag]) -> Tags {
    Tags::read(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())))
}

/// Tags of a call.
pub(super) fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<Tag> {
    let tag = |(key, value)| {
        Tag::builder().key(key).value(value).build().expect("a tag with a key and a value")
    };
    tags.into_iter().map(tag).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%');
        let byte = escaped
            .and_then(|digits| hex::decode(digits).ok())
            .and_then(|byte| byte.first().copied());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_back_as_they_were_sent() {
        let sent = serde_json::json!({"Version": "2012-10-17", "Statement": [{"Sid": "100%é"}]});
        assert_eq!(
            document(
                "%7B%22Version%22%3A%222012-10-17%22,%22Statement%22:[%7B%22Sid%22:%22100%25%C3%A9%22%7D]%7D"
            ),
            sent
        );
        assert_eq!(document(&document::to_text(&sent)), sent);
        assert_eq!(document("50% off"), Value::String("50% off".into()));
    }
}
