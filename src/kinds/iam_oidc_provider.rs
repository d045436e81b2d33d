//! `AWS::IAM::OIDCProvider`

use std::collections::BTreeSet;

use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2::gone;
use super::iam;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Fault, found};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Scope, TAGS, Tagging, Token,
    Typical, Update, outputs,
};

pub struct OidcProvider;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id_list: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thumbprint_list: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    arn: String,
    provider: GetOpenIdConnectProviderOutput,
}

const SCHEME: &str = "https://";

impl Kind for OidcProvider {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::IAM::OIDCProvider";
    const DOC: &'static str = "An OpenID Connect identity provider, whose tokens roles may trust: that of an EKS cluster, for IAM roles of service accounts. \
        It waits for nothing but its URL, works at once, and nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("Url", "The issuer's URL, beginning with `https://`."),
        Field::updates("ClientIdList", "Audiences: `sts.amazonaws.com` for EKS.").set(),
        Field::updates(
            "ThumbprintList",
            "SHA-1 thumbprints of the issuer's certificates; IAM finds them itself if none is given.",
        )
        .set(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Arn", "The provider's ARN."),
        Output::with_id(
            "Issuer",
            "The URL without its scheme: how conditions of trust policies begin.",
        ),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const SCOPE: Scope = Scope::Account;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.arn.split_once('/').map_or(live.arn.as_str(), |(_, id)| id))
    }

    fn spec(live: &Live) -> Spec {
        let provider = &live.provider;
        // IAM tells the URL without its scheme, which is always the same.
        let url = provider.url().unwrap_or_default();
        Spec {
            url: format!("{SCHEME}{}", without_scheme(url)),
            client_id_list: Some(provider.client_id_list().iter().cloned().collect()),
            thumbprint_list: Some(provider.thumbprint_list().iter().cloned().collect()),
            tags: Some(iam::tags(provider.tags())),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let issuer = live.arn.split_once('/').map(|(_, issuer)| issuer);
        outputs([("Arn", Some(&live.arn)), ("Issuer", issuer)])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&iam::tags(live.provider.tags()).0)
    }

    /// The URL without its scheme, as it ends the ARN.
    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(without_scheme(&spec.url)))
    }

    /// A call for each: the list has nothing but ARNs. An account has a hundred providers at most.
    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut arns = BTreeSet::new();
        for lookup in wanted {
            if let Lookup::Id(id) = lookup {
                arns.insert(arn(cx, id).await?);
            }
        }
        if wanted.iter().any(|lookup| matches!(lookup, Lookup::Owner { .. })) {
            let listed = cx.iam.list_open_id_connect_providers().send().await?;
            let listed = listed.open_id_connect_provider_list.unwrap_or_default();
            arns.extend(listed.into_iter().filter_map(|entry| entry.arn));
        }
        let asked = arns.into_iter().map(|arn| async move {
            let call = cx.iam.get_open_id_connect_provider().open_id_connect_provider_arn(&arn);
            let answer = found(call.send().await)?;
            Ok::<_, Fault>(answer.map(|provider| Live { arn, provider }))
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.iam
            .create_open_id_connect_provider()
            .url(&spec.url)
            .set_client_id_list(list(spec.client_id_list.as_ref()))
            .set_thumbprint_list(list(spec.thumbprint_list.as_ref()))
            .set_tags(spec.tags.as_ref().map(|tags| iam::tag_list(&tags.0)))
            .send()
            .await?;
        Ok(Self::natural_id(spec).expect("a URL gives an id"))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Update { from, to, .. } = update;
        let arn = &arn(cx, id).await?;
        if update.has("ClientIdList") {
            let none = BTreeSet::new();
            let from = from.client_id_list.as_ref().unwrap_or(&none);
            let to = to.client_id_list.as_ref().unwrap_or(&none);
            for client in to.difference(from) {
                let call = cx.iam.add_client_id_to_open_id_connect_provider();
                call.open_id_connect_provider_arn(arn).client_id(client).send().await?;
            }
            for client in from.difference(to) {
                let call = cx.iam.remove_client_id_from_open_id_connect_provider();
                gone(call.open_id_connect_provider_arn(arn).client_id(client).send().await)?;
            }
        }
        if update.has("ThumbprintList") {
            let call = cx.iam.update_open_id_connect_provider_thumbprint();
            let thumbprints = list(to.thumbprint_list.as_ref());
            call.open_id_connect_provider_arn(arn).set_thumbprint_list(thumbprints).send().await?;
        }
        if update.has("Tags") {
            let change = tags::change_of(&from.tags, &to.tags);
            if !change.set.is_empty() {
                let call = cx.iam.tag_open_id_connect_provider().open_id_connect_provider_arn(arn);
                call.set_tags(Some(iam::tag_list(&change.set))).send().await?;
            }
            if !change.remove.is_empty() {
                let call =
                    cx.iam.untag_open_id_connect_provider().open_id_connect_provider_arn(arn);
                call.set_tag_keys(Some(change.remove)).send().await?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let call = cx.iam.delete_open_id_connect_provider();
        gone(call.open_id_connect_provider_arn(arn(cx, id).await?).send().await)
    }
}

async fn arn(cx: &Cx, id: &PhysicalId) -> Result<String, Fault> {
    Ok(cx.account().await?.arn("iam", "", format_args!("oidc-provider/{id}")))
}

fn without_scheme(url: &str) -> &str {
    url.strip_prefix(SCHEME).unwrap_or(url)
}

fn list(set: Option<&BTreeSet<String>>) -> Option<Vec<String>> {
    set.map(|set| set.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_url_without_its_scheme_is_the_identity() {
        let provider = GetOpenIdConnectProviderOutput::builder()
            .url("oidc.eks.eu-west-1.amazonaws.com/id/1")
            .client_id_list("sts.amazonaws.com");
        let live = Live {
            arn: "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"
                .into(),
            provider: provider.build(),
        };
        let spec = OidcProvider::spec(&live);
        assert_eq!(OidcProvider::id(&live).as_str(), "oidc.eks.eu-west-1.amazonaws.com/id/1");
        assert_eq!(OidcProvider::natural_id(&spec), Some(OidcProvider::id(&live)));
        assert_eq!(
            serde_json::to_value(spec).unwrap(),
            json!({
                "Url": "https://oidc.eks.eu-west-1.amazonaws.com/id/1",
                "ClientIdList": ["sts.amazonaws.com"], "ThumbprintList": [], "Tags": [],
            })
        );
    }
}
