//! What the WAF kinds share: ids of name and scope, pages of lists, tags.
//!
//! What protects distributions has the scope `CLOUDFRONT` and exists in us-east-1 only, beside what is `REGIONAL`
//! there. Names are unique in a scope.

use std::collections::BTreeSet;
use std::future::Future;

use aws_sdk_wafv2::types::{Scope, Tag};

use super::tagging;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::cloud::tags::{TagChange, Tags};
use crate::fault::Fault;
use crate::kind::Lookup;

/// The largest page of WAF's lists.
pub(super) const PAGE_MAX: i32 = 100;

/// The id of what is known by its name in a scope.
pub(super) fn id(name: &str, scope: &str) -> PhysicalId {
    PhysicalId::joined([name, scope])
}

/// Name and scope of an id.
pub(super) fn parts(id: &PhysicalId) -> Result<(&str, Scope), Fault> {
    match id.parts() {
        Some([name, scope]) => Ok((name, Scope::from(scope))),
        None => Err(Fault::bug(format!("`{id}` is no name and scope"))),
    }
}

/// The scope that an ARN tells: `arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/shop/1a2b`.
pub(super) fn scope_of(arn: &str) -> Option<Scope> {
    match resource_of(arn)?.split('/').next()? {
        "regional" => Some(Scope::Regional),
        "global" => Some(Scope::Cloudfront),
        _ => None,
    }
}

/// The ids that answer `wanted`: those that are known, and those of everything of this type (`webacl`) that carries
/// the tags of an owner. They tell the scopes in which there is something to look for.
pub(super) async fn ids(
    cx: &Cx,
    of_type: &str,
    wanted: &[Lookup],
) -> Result<BTreeSet<PhysicalId>, Fault> {
    let owned = tagging::owned(cx, "wafv2", wanted).await?;
    let known = wanted.iter().filter_map(|lookup| match lookup {
        Lookup::Id(id) => Some(id.clone()),
        Lookup::Owner { .. } => None,
    });
    Ok(owned.iter().filter_map(|arn| id_of(arn, of_type)).chain(known).collect())
}

/// The scopes of ids, each once.
pub(super) fn scopes(ids: &BTreeSet<PhysicalId>) -> Vec<Scope> {
    let scopes: BTreeSet<&str> =
        ids.iter().filter_map(PhysicalId::parts).map(|[_, scope]| scope).collect();
    scopes.into_iter().map(Scope::from).collect()
}

/// All items of a list. `page` asks for the page behind a marker and answers with its items and the next marker.
pub(super) async fn pages<T, P>(mut page: impl FnMut(Option<String>) -> P) -> Result<Vec<T>, Fault>
where
    P: Future<Output = Result<(Vec<T>, Option<String>), Fault>>,
{
    let (mut listed, mut marker) = (Vec::new(), None);
    loop {
        let (items, next) = page(marker).await?;
        // The last page may carry a marker, too; what follows it is empty.
        let more = !items.is_empty() && next.is_some();
        listed.extend(items);
        if !more {
            return Ok(listed);
        }
        marker = next;
    }
}

/// The tags of a resource.
pub(super) async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags, Fault> {
    // A resource has fifty tags at most, a page twice as many.
    let reply = cx.waf.list_tags_for_resource().resource_arn(arn).limit(PAGE_MAX).send().await?;
    let tags = reply.tag_info_for_resource.and_then(|info| info.tag_list);
    Ok(Tags::read(tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value))))
}

/// Tags of a create call.
pub(super) fn tag_list(tags: Option<&Tags>) -> Option<Vec<Tag>> {
    Some(tags?.0.iter().map(tag).collect())
}

/// Sends a change of tags.
pub(super) async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let set = change.set.iter().map(tag).collect();
        cx.waf.tag_resource().resource_arn(arn).set_tags(Some(set)).send().await?;
    }
    if !change.remove.is_empty() {
        let ask = cx.waf.untag_resource().resource_arn(arn);
        ask.set_tag_keys(Some(change.remove)).send().await?;
    }
    Ok(())
}

fn resource_of(arn: &str) -> Option<&str> {
    arn.splitn(6, ':').nth(5)
}

fn id_of(arn: &str, of_type: &str) -> Option<PhysicalId> {
    let scope = scope_of(arn)?;
    match resource_of(arn)?.split('/').collect::<Vec<_>>().as_slice() {
        [_, found, name, _] if *found == of_type => Some(id(name, scope.as_str())),
        _ => None,
    }
}

fn tag((key, value): (&String, &String)) -> Tag {
    Tag::builder().key(key).value(value).build().expect("a tag has a key and a value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_tells_name_and_scope() {
        let arn = |resource: &str| format!("arn:aws:wafv2:eu-west-1:123456789012:{resource}");
        let id = |resource| id_of(&arn(resource), "webacl");
        assert_eq!(id("regional/webacl/shop/1a"), Some(PhysicalId::new("shop|REGIONAL")));
        assert_eq!(id("global/webacl/shop/1a"), Some(PhysicalId::new("shop|CLOUDFRONT")));
        assert_eq!(id("regional/ipset/shop/1a"), None);
        assert_eq!(scope_of(&arn("managed/ruleset/shop/1a")), None);
    }

    #[test]
    fn only_scopes_that_are_asked_for_are_listed() {
        let ids = |ids: &[&str]| ids.iter().map(|&id| PhysicalId::new(id)).collect();
        assert_eq!(scopes(&ids(&["a|REGIONAL", "b|REGIONAL"])), [Scope::Regional]);
        let both = [Scope::Cloudfront, Scope::Regional];
        assert_eq!(scopes(&ids(&["a|REGIONAL", "b|CLOUDFRONT"])), both);
        assert_eq!(scopes(&BTreeSet::new()), []);
    }

    #[tokio::test]
    async fn pages_end_with_an_empty_one_or_without_a_marker() {
        let list = |pages: Vec<(Vec<u8>, Option<&'static str>)>| {
            let mut pages = pages.into_iter();
            super::pages(move |_| {
                let (items, next) = pages.next().unwrap();
                std::future::ready(Ok((items, next.map(str::to_owned))))
            })
        };
        assert_eq!(list(vec![(vec![1], Some("a")), (vec![2], None)]).await.unwrap(), [1, 2]);
        assert_eq!(list(vec![(vec![1], Some("a")), (vec![], Some("b"))]).await.unwrap(), [1]);
    }
}
