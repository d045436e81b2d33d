//! `AWS::ElasticLoadBalancingV2::Listener`

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{
    self, AdvertiseTrustStoreCaNamesEnum, ListenerAttribute, MutualAuthenticationAttributes,
    ProtocolEnum,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::elbv2::{self, Attributes};
use super::elbv2_action::{self, Action};
use super::reply::{collect, gone, present};
use super::scalar::Number;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Listener;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    alpn_policy: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates: Option<Vec<Certificate>>,
    default_actions: Vec<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listener_attributes: Option<Attributes>,
    load_balancer_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutual_authentication: Option<MutualAuthentication>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssl_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Certificate {
    certificate_arn: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MutualAuthentication {
    #[serde(skip_serializing_if = "Option::is_none")]
    advertise_trust_store_ca_names: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_client_certificate_expiry: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_store_arn: Option<String>,
}

#[derive(Debug)]
pub struct Live {
    listener: types::Listener,
    attributes: Option<Attributes>,
    tags: Tags,
}

impl Kind for Listener {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::ElasticLoadBalancingV2::Listener";
    const DOC: &'static str = "The port on which a load balancer takes requests, and what becomes of them. \
        It is there at once. Its certificate must be issued before. \
        Load balancer and port are its identity, so another port is another listener: it stands before the old one \
        goes, where CloudFormation moves the one that is there. \
        Secrets are no part of a specification: an OIDC action keeps the client secret that the listener has. \
        Nothing blocks its deletion; its rules go with it.";
    const FIELDS: &'static [Field] = &[
        Field::updates("AlpnPolicy", "Which protocols TLS may agree on: `HTTP2Preferred`, ..."),
        Field::updates("Certificates", "`CertificateArn` of the default certificate.")
            .set()
            .when_ready(),
        Field::updates("DefaultActions", "What becomes of requests that no rule matches."),
        Field::updates("ListenerAttributes", "Attributes by key: `tcp.idle_timeout.seconds`.")
            .owned_keys()
            .late(),
        Field::replaces("LoadBalancerArn", "The load balancer."),
        Field::updates("MutualAuthentication", "Whether and how clients show certificates."),
        Field::replaces("Port", "The port; gateway load balancers have none."),
        Field::updates("Protocol", "`HTTP`, `HTTPS`, `TCP`, `TLS`, ..."),
        Field::updates("SslPolicy", "Which protocol versions and ciphers TLS accepts."),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("ListenerArn", "The ARN of the listener.")];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        id(live.listener.load_balancer_arn().unwrap_or_default(), live.listener.port)
    }

    fn spec(live: &Live) -> Spec {
        let listener = &live.listener;
        let certificates = listener.certificates().iter();
        let certificates = certificates
            .filter_map(|certificate| certificate.certificate_arn.clone())
            .map(|certificate_arn| Certificate { certificate_arn });
        Spec {
            alpn_policy: listener.alpn_policy.clone(),
            certificates: Some(certificates.collect()),
            default_actions: elbv2_action::from_wire(listener.default_actions()),
            listener_attributes: live.attributes.clone(),
            load_balancer_arn: listener.load_balancer_arn().unwrap_or_default().into(),
            mutual_authentication: listener.mutual_authentication().map(Into::into),
            port: listener.port.map(Number),
            protocol: listener.protocol().map(|protocol| protocol.as_str().into()),
            ssl_policy: listener.ssl_policy.clone(),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("ListenerArn", live.listener.listener_arn())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(id(&spec.load_balancer_arn, spec.port.map(Into::into)))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let wanted: BTreeSet<&PhysicalId> = wanted
            .iter()
            .filter_map(|lookup| match lookup {
                Lookup::Id(id) => Some(id),
                Lookup::Owner { .. } => None,
            })
            .collect();
        let balancers: BTreeSet<&str> =
            wanted.iter().filter_map(|id| id.parts::<2>()).map(|[balancer, _]| balancer).collect();
        // A listener is listed by its load balancer only: a call for each of those.
        let lists = try_join_all(balancers.into_iter().map(|balancer| listeners(cx, balancer)));
        let lists = lists.await?;
        let is_wanted = |listener: &types::Listener| {
            wanted.contains(&id(listener.load_balancer_arn().unwrap_or_default(), listener.port))
        };
        tagged(cx, lists.into_iter().flatten().filter(is_wanted).collect()).await
    }

    /// Attributes are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        if !compared.has("ListenerAttributes") {
            return Ok(Some(live));
        }
        let ask = cx.elb.describe_listener_attributes();
        let ask = ask.set_listener_arn(live.listener.listener_arn.clone());
        let Some(reply) = present(ask.send().await)? else { return Ok(None) };
        let attributes = reply.attributes.unwrap_or_default().into_iter();
        let pairs = attributes.map(|attribute| (attribute.key, attribute.value));
        Ok(Some(Live { attributes: Some(elbv2::attributes(pairs)), ..live }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.elb
            .create_listener()
            .load_balancer_arn(&spec.load_balancer_arn)
            .set_alpn_policy(spec.alpn_policy.clone())
            .set_certificates(spec.certificates.as_deref().map(certificate_list))
            .set_default_actions(Some(elbv2_action::to_wire(&spec.default_actions)))
            .set_mutual_authentication(spec.mutual_authentication.as_ref().map(Into::into))
            .set_port(spec.port.map(Into::into))
            .set_protocol(spec.protocol.as_deref().map(ProtocolEnum::from))
            .set_ssl_policy(spec.ssl_policy.clone())
            .set_tags(elbv2::tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        Ok(id(&spec.load_balancer_arn, spec.port.map(Into::into)))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Some(arn) = find(cx, id).await? else {
            // It may have been made a moment ago.
            return Err(Fault::new(Class::NotYet, format!("listener `{id}` is not there")));
        };
        let (elb, to) = (&cx.elb, update.to);
        if update.changed.iter().any(|path| MODIFIED.contains(path)) {
            let actions = update.has("DefaultActions").then_some(&to.default_actions);
            let authentication = to.mutual_authentication.as_ref();
            let certificates = to.certificates.as_deref();
            let protocol = to.protocol.as_deref();
            elb.modify_listener()
                .listener_arn(&arn)
                .set_alpn_policy(to.alpn_policy.clone().filter(|_| update.has("AlpnPolicy")))
                .set_certificates(
                    certificates.filter(|_| update.has("Certificates")).map(certificate_list),
                )
                .set_default_actions(actions.map(|actions| elbv2_action::to_wire(actions)))
                .set_mutual_authentication(
                    authentication.filter(|_| update.has("MutualAuthentication")).map(Into::into),
                )
                .set_protocol(protocol.filter(|_| update.has("Protocol")).map(Into::into))
                .set_ssl_policy(to.ssl_policy.clone().filter(|_| update.has("SslPolicy")))
                .send()
                .await?;
        }
        if update.has("ListenerAttributes") {
            let set = elbv2::attributes_to_set(
                update.from.listener_attributes.as_ref(),
                to.listener_attributes.as_ref(),
            );
            let attribute =
                |(key, value)| ListenerAttribute::builder().key(key).value(value).build();
            // The call refuses an empty list.
            if !set.is_empty() {
                let attributes = set.into_iter().map(attribute).collect();
                let modify = elb.modify_listener_attributes().listener_arn(&arn);
                modify.set_attributes(Some(attributes)).send().await?;
            }
        }
        if update.has("Tags") {
            elbv2::retag(cx, &arn, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let Some(arn) = find(cx, id).await? else { return Ok(()) };
        gone(cx.elb.delete_listener().listener_arn(arn).send().await)
    }
}

/// Properties that one `ModifyListener` sends.
const MODIFIED: &[&str] = &[
    "AlpnPolicy",
    "Certificates",
    "DefaultActions",
    "MutualAuthentication",
    "Protocol",
    "SslPolicy",
];

/// A load balancer has one listener a port. Listeners of gateway load balancers have no port, and there is only one.
fn id(load_balancer: &str, port: Option<i32>) -> PhysicalId {
    let port = port.map_or_else(String::new, |port| port.to_string());
    PhysicalId::joined([load_balancer, &port])
}

/// The listeners of a load balancer; none if it is not there.
async fn listeners(cx: &Cx, balancer: &str) -> Result<Vec<types::Listener>, Fault> {
    let pages = cx.elb.describe_listeners().load_balancer_arn(balancer).into_paginator();
    let listeners = present(collect(pages.items().send()).await)?;
    Ok(listeners.unwrap_or_default())
}

/// The ARN, which updates and deletions want.
async fn find(cx: &Cx, wanted: &PhysicalId) -> Result<Option<String>, Fault> {
    let Some([balancer, _]) = wanted.parts() else {
        return Err(Fault::bug(format!("`{wanted}` is no listener's id")));
    };
    let listeners = listeners(cx, balancer).await?;
    let found = listeners.into_iter().find(|found| id(balancer, found.port) == *wanted);
    Ok(found.and_then(|listener| listener.listener_arn))
}

/// With their tags, for those that still exist.
async fn tagged(cx: &Cx, found: Vec<types::Listener>) -> Result<Vec<Live>, Fault> {
    let arns: Vec<_> = found.iter().filter_map(|found| found.listener_arn.clone()).collect();
    let mut tags = elbv2::tags_of(cx, &arns).await?;
    let live = |listener: types::Listener| {
        let tags = tags.remove(listener.listener_arn()?)?;
        Some(Live { listener, attributes: None, tags })
    };
    Ok(found.into_iter().filter_map(live).collect())
}

fn certificate_list(certificates: &[Certificate]) -> Vec<types::Certificate> {
    let certificate = |wanted: &Certificate| {
        types::Certificate::builder().certificate_arn(&wanted.certificate_arn).build()
    };
    certificates.iter().map(certificate).collect()
}

impl From<&MutualAuthenticationAttributes> for MutualAuthentication {
    fn from(attributes: &MutualAuthenticationAttributes) -> Self {
        Self {
            advertise_trust_store_ca_names: attributes
                .advertise_trust_store_ca_names()
                .map(|advertise| advertise.as_str().into()),
            ignore_client_certificate_expiry: attributes.ignore_client_certificate_expiry,
            mode: attributes.mode.clone(),
            trust_store_arn: attributes.trust_store_arn.clone(),
        }
    }
}

impl From<&MutualAuthentication> for MutualAuthenticationAttributes {
    fn from(wanted: &MutualAuthentication) -> Self {
        let advertise = wanted.advertise_trust_store_ca_names.as_deref();
        Self::builder()
            .set_advertise_trust_store_ca_names(advertise.map(AdvertiseTrustStoreCaNamesEnum::from))
            .set_ignore_client_certificate_expiry(wanted.ignore_client_certificate_expiry)
            .set_mode(wanted.mode.clone())
            .set_trust_store_arn(wanted.trust_store_arn.clone())
            .build()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{ActionTypeEnum, FixedResponseActionConfig};
    use serde_json::json;

    use super::*;
    use crate::kind::OnChange;

    const BALANCER: &str = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/shop/50dc";

    #[test]
    fn a_live_listener_is_seen_in_full() {
        let not_found = types::Action::builder().r#type(ActionTypeEnum::FixedResponse);
        let response = FixedResponseActionConfig::builder().status_code("404").build();
        let certificate = types::Certificate::builder().certificate_arn("arn:c").is_default(true);
        let off = MutualAuthenticationAttributes::builder().mode("off").build();
        let listener = types::Listener::builder()
            .load_balancer_arn(BALANCER)
            .listener_arn("arn:l")
            .port(443)
            .protocol(ProtocolEnum::Https)
            .ssl_policy("ELBSecurityPolicy-TLS13-1-2-2021-06")
            .certificates(certificate.build())
            .mutual_authentication(off)
            .default_actions(not_found.fixed_response_config(response).build());
        let attributes = Some(Attributes::default());
        let live = Live { listener: listener.build(), attributes, tags: Tags::default() };
        assert_eq!(
            serde_json::to_value(Listener::spec(&live)).unwrap(),
            json!({
                "Certificates": [{"CertificateArn": "arn:c"}],
                "DefaultActions":
                    [{"FixedResponseConfig": {"StatusCode": "404"}, "Type": "fixed-response"}],
                "ListenerAttributes": [], "LoadBalancerArn": BALANCER,
                "MutualAuthentication": {"Mode": "off"}, "Port": 443, "Protocol": "HTTPS",
                "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06", "Tags": [],
            })
        );
        assert_eq!(Listener::id(&live), PhysicalId::new(format!("{BALANCER}|443")));
        assert_eq!(Listener::natural_id(&Listener::spec(&live)), Some(Listener::id(&live)));
    }

    #[test]
    fn a_gateway_listener_is_told_by_its_load_balancer_alone() {
        let spec = json!({"LoadBalancerArn": BALANCER, "DefaultActions": []});
        let spec: Spec = serde_json::from_value(spec).unwrap();
        let natural = Listener::natural_id(&spec).unwrap();
        assert_eq!(natural.parts(), Some([BALANCER, ""]));
    }

    #[test]
    fn every_property_that_can_be_updated_is_sent_somewhere() {
        let elsewhere = ["ListenerAttributes", "Tags"];
        for field in Listener::FIELDS {
            let sent = MODIFIED.contains(&field.path) || elsewhere.contains(&field.path);
            assert_eq!(field.on_change == OnChange::Update, sent, "{}", field.path);
        }
    }
}
