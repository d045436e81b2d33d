//! `AWS::CertificateManager::Certificate`

use std::collections::BTreeSet;

use aws_sdk_acm::types::{
    CertificateDetail, CertificateExport, CertificateOptions, CertificateStatus,
    DomainValidationOption, KeyAlgorithm, Tag, ValidationMethod,
};
use futures::future::try_join_all;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reply::{gone, present};
use super::route53::DomainName;
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Certificate;

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate_authority_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate_export: Option<String>,
    domain_name: DomainName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain_validation_options: Option<BTreeSet<MailDomain>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_algorithm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject_alternative_names: Option<BTreeSet<DomainName>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validation_method: Option<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MailDomain {
    domain_name: DomainName,
    validation_domain: DomainName,
}

#[derive(Debug)]
pub struct Live {
    certificate: CertificateDetail,
    tags: Tags,
}

impl Kind for Certificate {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::CertificateManager::Certificate";
    const DOC: &'static str = "A TLS certificate that ACM issues and renews. \
        `RequestCertificate` answers at once; the certificate works when it is `ISSUED`, about a minute after the \
        validation records stand in DNS. The records are ordinary `AWS::Route53::RecordSet`s that refer to the outputs \
        `ValidationName.<domain>` and `ValidationValue.<domain>`, which appear some seconds after the request; ACM \
        gives up after 72 hours without them. Leave them in place: renewals need them. \
        `HostedZoneId` of CloudFormation's validation options is therefore not supported. Neither is \
        `CertificateTransparencyLoggingPreference`: ACM logs every public certificate. \
        Deletion is refused while a load balancer or a distribution uses it.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("CertificateAuthorityArn", "The private authority; none: a public one."),
        Field::updates("CertificateExport", "`ENABLED`: the private key may be exported."),
        Field::replaces("DomainName", "The domain; `*.` covers one level below it."),
        Field::replaces("DomainValidationOptions", "Which domain gets the validation mails.").set(),
        Field::replaces("KeyAlgorithm", "`RSA_2048` or `EC_prime256v1`, mostly."),
        Field::replaces("SubjectAlternativeNames", "Further domains.").set(),
        TAGS,
        Field::replaces("ValidationMethod", "`DNS` or `EMAIL`."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("CertificateArn", "The ARN of the certificate."),
        Output::with_id("ValidationName.*", "The name of a domain's validation record."),
        Output::with_id("ValidationValue.*", "The value of a domain's validation record, a CNAME."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(60, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.certificate.certificate_arn().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let certificate = &live.certificate;
        let domain = DomainName::new(certificate.domain_name().unwrap_or_default());
        let names =
            certificate.subject_alternative_names().iter().map(|name| DomainName::new(name));
        let validations = certificate.domain_validation_options();
        let by_mail = validations
            .iter()
            .filter(|validation| validation.validation_method == Some(ValidationMethod::Email))
            .map(|validation| MailDomain {
                domain_name: DomainName::new(&validation.domain_name),
                validation_domain: DomainName::new(
                    validation.validation_domain().unwrap_or_default(),
                ),
            });
        let method =
            validations.iter().find_map(|validation| validation.validation_method.as_ref());
        let export = certificate.options().and_then(CertificateOptions::export);
        // ACM is asked for `RSA_2048` and tells of `RSA-2048`.
        let algorithm = certificate.key_algorithm().map(|name| name.as_str().replace('-', "_"));
        Spec {
            certificate_authority_arn: certificate.certificate_authority_arn.clone(),
            certificate_export: export.map(ToString::to_string),
            domain_validation_options: Some(by_mail.collect()),
            key_algorithm: algorithm,
            subject_alternative_names: Some(names.filter(|name| *name != domain).collect()),
            tags: Some(live.tags.clone()),
            validation_method: method.map(ToString::to_string),
            domain_name: domain,
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let mut known = outputs([("CertificateArn", live.certificate.certificate_arn())]);
        for validation in live.certificate.domain_validation_options() {
            let Some(record) = validation.resource_record() else { continue };
            for (output, text) in [("Name", &record.name), ("Value", &record.value)] {
                let output = format!("Validation{output}.{}", validation.domain_name);
                known.insert(output, DomainName::new(text).as_str().into());
            }
        }
        known
    }

    fn readiness(live: &Live) -> Readiness {
        let certificate = &live.certificate;
        let reason = certificate.failure_reason().map(ToString::to_string);
        match certificate.status() {
            Some(CertificateStatus::Issued) => Readiness::Ready,
            Some(
                status @ (CertificateStatus::Failed
                | CertificateStatus::ValidationTimedOut
                | CertificateStatus::Revoked
                | CertificateStatus::Expired),
            ) => Readiness::Failed(match reason {
                Some(reason) => format!("{status}: {reason}"),
                None => status.to_string(),
            }),
            Some(status) => Readiness::Pending(status.to_string().into()),
            None => Readiness::Pending("PENDING_VALIDATION".into()),
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut arns: BTreeSet<String> =
            tagging::owned(cx, "acm:certificate", wanted).await?.into_iter().collect();
        arns.extend(wanted.iter().filter_map(Lookup::id).map(str::to_owned));
        // The list tells no validation records: a call per certificate, all at once.
        let found = try_join_all(arns.iter().map(|arn| described(cx, arn))).await?;
        let found = found.into_iter().flatten().collect();
        let arn = |certificate: &CertificateDetail| certificate.certificate_arn.clone();
        let found = tagging::indexed(cx, found, arn).await?.into_iter();
        Ok(found.map(|(certificate, tags)| Live { certificate, tags }).collect())
    }

    /// Tags are told of one certificate alone: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { certificate, tags: indexed } = live;
        let tags = tagging::confirmed(indexed, &compared, async {
            let ask = cx.acm.list_tags_for_certificate();
            let ask = ask.set_certificate_arn(certificate.certificate_arn.clone());
            let pair = |tag: Tag| (tag.key, tag.value.unwrap_or_default());
            let tags = present(ask.send().await)?.map(|reply| reply.tags.unwrap_or_default());
            Ok(tags.map(|tags| Tags::read(tags.into_iter().map(pair))))
        });
        Ok(tags.await?.map(|tags| Live { certificate, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let names = spec.subject_alternative_names.as_ref().filter(|names| !names.is_empty());
        let by_mail = spec.domain_validation_options.as_ref().filter(|mail| !mail.is_empty());
        let tags = spec.tags.as_ref().map(|tags| tags.0.iter().map(|(k, v)| tag(k, Some(v))));
        let made = cx
            .acm
            .request_certificate()
            .domain_name(spec.domain_name.as_str())
            .idempotency_token(&token.0)
            .set_certificate_authority_arn(spec.certificate_authority_arn.clone())
            .set_domain_validation_options(
                by_mail.map(|mail| mail.iter().map(by_mail_of).collect()),
            )
            .set_key_algorithm(spec.key_algorithm.as_deref().map(KeyAlgorithm::from))
            .set_options(spec.certificate_export.as_deref().map(options))
            .set_subject_alternative_names(
                names.map(|names| names.iter().map(|name| name.as_str().into()).collect()),
            )
            .set_tags(tags.map(Iterator::collect))
            .set_validation_method(spec.validation_method.as_deref().map(ValidationMethod::from))
            .send()
            .await?;
        Ok(PhysicalId::new(made.certificate_arn.required("certificate ARN")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.has("CertificateExport")
            && let Some(export) = &update.to.certificate_export
        {
            cx.acm
                .update_certificate_options()
                .certificate_arn(id.as_str())
                .options(options(export))
                .send()
                .await?;
        }
        if update.has("Tags") {
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            let set: Vec<Tag> = change.set.iter().map(|(k, v)| tag(k, Some(v))).collect();
            let remove: Vec<Tag> = change.remove.iter().map(|key| tag(key, None)).collect();
            if !set.is_empty() {
                let ask = cx.acm.add_tags_to_certificate().certificate_arn(id.as_str());
                ask.set_tags(Some(set)).send().await?;
            }
            if !remove.is_empty() {
                let ask = cx.acm.remove_tags_from_certificate().certificate_arn(id.as_str());
                ask.set_tags(Some(remove)).send().await?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.acm.delete_certificate().certificate_arn(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let found = described(cx, id.as_str()).await?;
        let users = found.and_then(|it| it.in_use_by).unwrap_or_default();
        Ok(users.into_iter().map(|arn| Blocker::stays(arn, "ARN", "serves with it")).collect())
    }
}

impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Spec {
    /// ACM counts the domain itself among the alternative names; here it never is.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut spec = Self::deserialize(deserializer)?;
        if let Some(names) = &mut spec.subject_alternative_names {
            names.remove(&spec.domain_name);
        }
        Ok(spec)
    }
}

async fn described(cx: &Cx, arn: &str) -> Result<Option<CertificateDetail>, Fault> {
    let reply = present(cx.acm.describe_certificate().certificate_arn(arn).send().await)?;
    reply.map(|reply| reply.certificate.required("certificate")).transpose()
}

/// Without a value a tag is removed whatever its value is.
fn tag(key: &str, value: Option<&String>) -> Tag {
    Tag::builder().key(key).set_value(value.cloned()).build().expect("a tag has a key")
}

fn options(export: &str) -> CertificateOptions {
    CertificateOptions::builder().export(CertificateExport::from(export)).build()
}

fn by_mail_of(mail: &MailDomain) -> DomainValidationOption {
    DomainValidationOption::builder()
        .domain_name(mail.domain_name.as_str())
        .validation_domain(mail.validation_domain.as_str())
        .build()
        .expect("both domains are given")
}

#[cfg(test)]
mod tests {
    use aws_sdk_acm::types::{DomainValidation, FailureReason, RecordType, ResourceRecord};
    use serde_json::json;

    use super::*;

    fn certificate() -> aws_sdk_acm::types::builders::CertificateDetailBuilder {
        CertificateDetail::builder()
            .certificate_arn("arn:cert")
            .domain_name("example.com")
            .subject_alternative_names("example.com")
            .subject_alternative_names("*.example.com")
            .key_algorithm(KeyAlgorithm::from("RSA-2048"))
    }

    fn validation(record: Option<ResourceRecord>) -> DomainValidation {
        DomainValidation::builder()
            .domain_name("example.com")
            .validation_method(ValidationMethod::Dns)
            .set_resource_record(record)
            .build()
            .unwrap()
    }

    fn live(certificate: CertificateDetail) -> Live {
        Live { certificate, tags: Tags::default() }
    }

    #[test]
    fn a_pending_certificate_tells_its_validation_records() {
        let record = ResourceRecord::builder()
            .name("_a.example.com.")
            .r#type(RecordType::Cname)
            .value("_b.acm-validations.aws.")
            .build()
            .unwrap();
        let live = live(
            certificate()
                .domain_validation_options(validation(Some(record)))
                .status(CertificateStatus::PendingValidation)
                .build(),
        );
        assert_eq!(Certificate::readiness(&live), Readiness::Pending("PENDING_VALIDATION".into()));
        let outputs = Certificate::outputs(&live);
        assert_eq!(outputs["ValidationName.example.com"], "_a.example.com");
        assert_eq!(outputs["ValidationValue.example.com"], "_b.acm-validations.aws");
        assert_eq!(
            serde_json::to_value(Certificate::spec(&live)).unwrap(),
            json!({
                "DomainName": "example.com", "DomainValidationOptions": [],
                "KeyAlgorithm": "RSA_2048", "SubjectAlternativeNames": ["*.example.com"],
                "Tags": [], "ValidationMethod": "DNS",
            })
        );
    }

    #[test]
    fn a_young_certificate_has_no_records_yet_and_a_failed_one_says_why() {
        let young = live(certificate().domain_validation_options(validation(None)).build());
        assert_eq!(Certificate::outputs(&young).len(), 1);
        let failed = certificate()
            .status(CertificateStatus::Failed)
            .failure_reason(FailureReason::CaaError)
            .build();
        let failed = Certificate::readiness(&live(failed));
        assert_eq!(failed, Readiness::Failed("FAILED: CAA_ERROR".into()));
    }

    #[test]
    fn the_domain_is_not_an_alternative_name_of_itself() {
        let asked = json!({
            "DomainName": "Example.com", "SubjectAlternativeNames": ["example.com", "b.com"],
        });
        let spec: Spec = serde_json::from_value(asked).unwrap();
        let canonical = json!({"DomainName": "example.com", "SubjectAlternativeNames": ["b.com"]});
        assert_eq!(serde_json::to_value(spec).unwrap(), canonical);
    }
}
