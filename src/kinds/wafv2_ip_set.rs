//! `AWS::WAFv2::IPSet`

use std::collections::BTreeSet;

use aws_sdk_wafv2::operation::get_ip_set::GetIpSetOutput;
use aws_sdk_wafv2::types::{IpAddressVersion, IpSet as SdkIpSet, IpSetSummary, Scope};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::ec2::Cidr;
use super::reply::gone;
use super::wafv2;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct IpSet;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    /// In one form: WAF gives IPv6 ranges back with all their zeros.
    addresses: BTreeSet<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(rename = "IPAddressVersion")]
    ip_address_version: String,
    name: String,
    scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    set: SdkIpSet,
    scope: Scope,
    tags: Tags,
}

impl Kind for IpSet {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::WAFv2::IPSet";
    const DOC: &'static str = "Address ranges that the rules of web ACLs refer to. \
        It is there at once; other calls may not see it for some seconds. \
        With the scope `CLOUDFRONT` it lives in us-east-1. \
        Deletion is refused while a rule refers to it.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "Addresses",
            "The ranges: `192.0.2.0/24`, `192.0.2.44/32`, `2001:db8::/32`.",
        )
        .set(),
        Field::updates("Description", "What it is for."),
        Field::replaces("IPAddressVersion", "`IPV4` or `IPV6`."),
        Field::replaces("Name", "Its name, unique in the account, region and scope."),
        Field::replaces("Scope", "`REGIONAL` or `CLOUDFRONT`."),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Arn", "The ARN of the IP set."),
        Output::with_id("Id", "The id that WAF gave it."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(3, 3, 3);

    fn id(live: &Live) -> PhysicalId {
        wafv2::id(&live.set.name, live.scope.as_str())
    }

    fn spec(live: &Live) -> Spec {
        let set = &live.set;
        Spec {
            addresses: set.addresses().iter().cloned().map(Cidr::from).collect(),
            description: Some(set.description().unwrap_or_default().into()),
            ip_address_version: set.ip_address_version.as_str().into(),
            name: set.name.clone(),
            scope: live.scope.as_str().into(),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Arn", Some(&live.set.arn)), ("Id", Some(&live.set.id))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(wafv2::id(&spec.name, &spec.scope))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let ids = wafv2::ids(cx, "ipset", wanted).await?;
        let listed = try_join_all(wafv2::scopes(&ids).into_iter().map(|scope| list(cx, scope)));
        let listed = listed.await?.into_iter().flatten();
        let asked = listed.filter(|(scope, summary)| {
            ids.contains(&wafv2::id(summary.name().unwrap_or_default(), scope.as_str()))
        });
        // The list tells neither addresses nor tags: two calls per set, some sets at once.
        let lives = stream::iter(asked).map(|(scope, summary)| live(cx, scope, summary));
        let found: Vec<_> = lives.buffer_unordered(READS_MAX).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.waf
            .create_ip_set()
            .name(&spec.name)
            .scope(Scope::from(spec.scope.as_str()))
            .set_addresses(Some(addresses(spec)))
            .set_description(description(spec))
            .ip_address_version(IpAddressVersion::from(spec.ip_address_version.as_str()))
            .set_tags(wafv2::tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        Ok(wafv2::id(&spec.name, &spec.scope))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Some((scope, summary)) = find(cx, id).await? else {
            return Err(Fault::new(Class::NotFound, format!("there is no IP set `{id}`")));
        };
        if update.has("Addresses") || update.has("Description") {
            let reply = get(cx, &scope, &summary).await?;
            let (now, to) = (reply.ip_set.required("IP set")?, update.to);
            // The call replaces both: what the spec leaves open stays as it is.
            cx.waf
                .update_ip_set()
                .name(now.name)
                .id(now.id)
                .scope(scope)
                .set_lock_token(reply.lock_token)
                .set_addresses(Some(addresses(to)))
                .set_description(match to.description {
                    Some(_) => description(to),
                    None => now.description,
                })
                .send()
                .await?;
        }
        if update.has("Tags") {
            let arn = summary.arn.required("IP set ARN")?;
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            wafv2::retag(cx, &arn, change).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let Some((scope, summary)) = find(cx, id).await? else { return Ok(()) };
        gone(
            cx.waf
                .delete_ip_set()
                .set_name(summary.name)
                .set_id(summary.id)
                .set_lock_token(summary.lock_token)
                .scope(scope)
                .send()
                .await,
        )
    }
}

/// IP sets that are read at once, with two calls each.
const READS_MAX: usize = 8;

async fn list(cx: &Cx, scope: Scope) -> Result<Vec<(Scope, IpSetSummary)>, Fault> {
    let listed = wafv2::pages(|marker| {
        let ask = cx.waf.list_ip_sets().scope(scope.clone()).limit(wafv2::PAGE_MAX);
        let ask = ask.set_next_marker(marker);
        async move {
            let page = ask.send().await?;
            Ok((page.ip_sets.unwrap_or_default(), page.next_marker))
        }
    });
    Ok(listed.await?.into_iter().map(|summary| (scope.clone(), summary)).collect())
}

async fn find(cx: &Cx, id: &PhysicalId) -> Result<Option<(Scope, IpSetSummary)>, Fault> {
    let (name, scope) = wafv2::parts(id)?;
    let listed = list(cx, scope).await?;
    Ok(listed.into_iter().find(|(_, summary)| summary.name() == Some(name)))
}

async fn get(cx: &Cx, scope: &Scope, summary: &IpSetSummary) -> Result<GetIpSetOutput, Fault> {
    let ask = cx.waf.get_ip_set().scope(scope.clone()).set_name(summary.name.clone());
    Ok(ask.set_id(summary.id.clone()).send().await?)
}

/// A listed set; `None` if it is gone by now.
async fn live(cx: &Cx, scope: Scope, summary: IpSetSummary) -> Result<Option<Live>, Fault> {
    let arn = summary.arn().unwrap_or_default();
    match futures::try_join!(get(cx, &scope, &summary), wafv2::tags_of(cx, arn)) {
        Err(fault) if fault.is(Class::NotFound) => Ok(None),
        Err(fault) => Err(fault),
        Ok((reply, tags)) => {
            let set = reply.ip_set.required("IP set")?;
            Ok(Some(Live { set, scope, tags }))
        }
    }
}

fn addresses(spec: &Spec) -> Vec<String> {
    spec.addresses.iter().cloned().map(String::from).collect()
}

/// An empty text is refused: none is meant.
fn description(spec: &Spec) -> Option<String> {
    spec.description.clone().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ranges_read_back_as_asked() {
        let asked = json!({
            "Addresses": ["2001:db8::/32", "2001:db8:1::1/128"], "Description": "",
            "IPAddressVersion": "IPV6", "Name": "office", "Scope": "CLOUDFRONT", "Tags": [],
        });
        let set = SdkIpSet::builder()
            .name("office")
            .id("1a2b")
            .arn("arn:set")
            .ip_address_version(IpAddressVersion::Ipv6)
            .addresses("2001:0db8:0001:0000:0000:0000:0000:0001/128")
            .addresses("2001:0db8:0000:0000:0000:0000:0000:0000/32")
            .build()
            .unwrap();
        let live = Live { set, scope: Scope::Cloudfront, tags: Tags::default() };
        let spec: Spec = serde_json::from_value(asked.clone()).unwrap();
        assert_eq!(IpSet::natural_id(&spec), Some(PhysicalId::new("office|CLOUDFRONT")));
        assert_eq!(IpSet::id(&live), PhysicalId::new("office|CLOUDFRONT"));
        let seen = serde_json::to_value(IpSet::spec(&live)).unwrap();
        assert_eq!(seen, serde_json::to_value(spec).unwrap());
        assert_eq!(IpSet::outputs(&live)["Arn"], "arn:set");
    }
}
