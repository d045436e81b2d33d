//! `AWS::ECR::Repository`

use std::collections::BTreeSet;

use aws_sdk_ecr::types::{
    self, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilterType, Tag,
};
use aws_smithy_types::error::operation::BuildError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document;
use super::reply::{collect, gone, present};
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::{Blocker, Fault};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Loss, Output, Outputs, Readiness, ReplaceOrder,
    TAGS, Tagging, Token, Typical, Update, outputs,
};

pub struct Repository;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    empty_on_delete: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_configuration: Option<Encryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_scanning_configuration: Option<Scanning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_tag_mutability: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle_policy: Option<LifecyclePolicy>,
    repository_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_policy_text: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Encryption {
    encryption_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Scanning {
    scan_on_push: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExclusionFilter {
    #[serde(rename = "ImageTagMutabilityExclusionFilterType")]
    filter_type: String,
    #[serde(rename = "ImageTagMutabilityExclusionFilterValue")]
    filter: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LifecyclePolicy {
    lifecycle_policy_text: Value,
}

#[derive(Debug)]
pub struct Live {
    repository: types::Repository,
    lifecycle_policy: Option<String>,
    policy: Option<String>,
    tags: Tags,
}

impl Kind for Repository {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::ECR::Repository";
    const DOC: &'static str = "A repository of container images. \
        It is there at once. \
        Deletion is refused while it holds images, unless `EmptyOnDelete` is set. \
        The encryption key is compared as the service tells it: name it by its ARN.";
    const FIELDS: &'static [Field] = &[
        Field::updates("EmptyOnDelete", "Whether a deletion takes the images along.").write_only(),
        Field::replaces(
            "EncryptionConfiguration",
            "`EncryptionType` (`AES256`, `KMS`, `KMS_DSSE`) and `KmsKey`.",
        ),
        Field::updates("ImageScanningConfiguration", "`ScanOnPush`: whether images are scanned."),
        Field::updates("ImageTagMutability", "Whether a tag may move to another image."),
        Field::updates(
            "ImageTagMutabilityExclusionFilters",
            "Patterns of tags for which the opposite rules.",
        )
        .set(),
        Field::updates("LifecyclePolicy", "Which images expire, and when.").late(),
        Field::updates("LifecyclePolicy.LifecyclePolicyText", "The rules.").document().late(),
        Field::replaces("RepositoryName", "The name: `shop/api`."),
        Field::updates("RepositoryPolicyText", "Who may pull and push.").document().late(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("RepositoryName", "The name of the repository."),
        Output::with_id("Arn", "The ARN of the repository."),
        Output::with_id("RepositoryUri", "What images are tagged with, up to the colon."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;
    const LOSS: Loss = Loss::Data;
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.repository.repository_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let repository = &live.repository;
        let encryption = repository.encryption_configuration().map(|encryption| Encryption {
            encryption_type: encryption.encryption_type().as_str().into(),
            kms_key: encryption.kms_key.clone(),
        });
        let scanning = repository
            .image_scanning_configuration()
            .map(|scanning| Scanning { scan_on_push: scanning.scan_on_push() });
        let filters = repository.image_tag_mutability_exclusion_filters().iter();
        let mut filters: Vec<_> = filters
            .map(|exclusion| ExclusionFilter {
                filter_type: exclusion.filter_type().as_str().into(),
                filter: exclusion.filter().into(),
            })
            .collect();
        filters.sort();
        Spec {
            empty_on_delete: None,
            encryption_configuration: encryption,
            image_scanning_configuration: scanning,
            image_tag_mutability: repository
                .image_tag_mutability()
                .map(|mutability| mutability.as_str().into()),
            image_tag_mutability_exclusion_filters: Some(filters),
            lifecycle_policy: live
                .lifecycle_policy
                .as_deref()
                .map(|text| LifecyclePolicy { lifecycle_policy_text: document::from_text(text) }),
            repository_name: repository.repository_name().unwrap_or_default().into(),
            repository_policy_text: live.policy.as_deref().map(document::from_text),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("RepositoryName", live.repository.repository_name()),
            ("Arn", live.repository.repository_arn()),
            ("RepositoryUri", live.repository.repository_uri()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.repository_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let found = if let [Lookup::Id(id)] = wanted {
            let ask = cx.ecr.describe_repositories().repository_names(id.as_str());
            present(ask.send().await)?.and_then(|reply| reply.repositories).unwrap_or_default()
        } else {
            // The whole list: of several names, one that is not there is a fault.
            let pages = cx.ecr.describe_repositories().into_paginator().page_size(1000);
            collect(pages.items().send()).await?
        };
        let names: BTreeSet<&str> = wanted.iter().filter_map(Lookup::id).collect();
        let is_wanted = |repository: &types::Repository| {
            repository.repository_name().is_some_and(|name| names.contains(name))
        };
        let found = found.into_iter().filter(is_wanted).collect();
        let found = tagging::indexed(cx, found, |it| it.repository_arn.clone()).await?;
        let live =
            |(repository, tags)| Live { lifecycle_policy: None, policy: None, tags, repository };
        Ok(found.into_iter().map(live).collect())
    }

    /// The two policies are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { repository, tags: indexed, .. } = live;
        let name = || repository.repository_name.clone();
        let tags = tagging::confirmed(indexed, &compared, async {
            let arn = repository.repository_arn.clone();
            let reply = cx.ecr.list_tags_for_resource().set_resource_arn(arn).send().await;
            let pair = |tag: &Tag| (tag.key().to_owned(), tag.value().to_owned());
            Ok(present(reply)?.map(|reply| Tags::read(reply.tags().iter().map(pair))))
        });
        // A policy that is not there is a fault, too.
        let lifecycle = async {
            if !compared.has("LifecyclePolicy") {
                return Ok(None);
            }
            present(cx.ecr.get_lifecycle_policy().set_repository_name(name()).send().await)
        };
        let policy = async {
            if !compared.has("RepositoryPolicyText") {
                return Ok(None);
            }
            present(cx.ecr.get_repository_policy().set_repository_name(name()).send().await)
        };
        let (tags, lifecycle, policy) = futures::try_join!(tags, lifecycle, policy)?;
        Ok(tags.map(|tags| Live {
            lifecycle_policy: lifecycle.and_then(|reply| reply.lifecycle_policy_text),
            policy: policy.and_then(|reply| reply.policy_text),
            tags,
            repository,
        }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let encryption = spec.encryption_configuration.as_ref().map(|encryption| {
            types::EncryptionConfiguration::builder()
                .encryption_type(EncryptionType::from(encryption.encryption_type.as_str()))
                .set_kms_key(encryption.kms_key.clone())
                .build()
        });
        cx.ecr
            .create_repository()
            .repository_name(&spec.repository_name)
            .set_encryption_configuration(encryption.transpose().map_err(incomplete)?)
            .set_image_scanning_configuration(
                spec.image_scanning_configuration.as_ref().map(scanning),
            )
            .set_image_tag_mutability(mutability(spec))
            .set_image_tag_mutability_exclusion_filters(filters(spec)?)
            .set_tags(tag_list(spec.tags.iter().flat_map(|tags| &tags.0))?)
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.repository_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let (ecr, to) = (&cx.ecr, update.to);
        if update.has("ImageTagMutability") || update.has("ImageTagMutabilityExclusionFilters") {
            ecr.put_image_tag_mutability()
                .repository_name(id.as_str())
                .set_image_tag_mutability(mutability(to))
                .set_image_tag_mutability_exclusion_filters(filters(to)?)
                .send()
                .await?;
        }
        if let (true, Some(wanted)) =
            (update.has("ImageScanningConfiguration"), &to.image_scanning_configuration)
        {
            let put = ecr.put_image_scanning_configuration().repository_name(id.as_str());
            put.image_scanning_configuration(scanning(wanted)).send().await?;
        }
        let expires =
            update.has("LifecyclePolicy") || update.has("LifecyclePolicy.LifecyclePolicyText");
        if let (true, Some(policy)) = (expires, &to.lifecycle_policy) {
            let text = document::to_text(&policy.lifecycle_policy_text);
            let put = ecr.put_lifecycle_policy().repository_name(id.as_str());
            put.lifecycle_policy_text(text).send().await?;
        }
        if let (true, Some(policy)) =
            (update.has("RepositoryPolicyText"), &to.repository_policy_text)
        {
            let set = ecr.set_repository_policy().repository_name(id.as_str());
            set.policy_text(document::to_text(policy)).send().await?;
        }
        if update.has("Tags") {
            retag(cx, id, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let with_images = recorded.empty_on_delete == Some(true);
        let delete = cx.ecr.delete_repository().repository_name(id.as_str());
        gone(delete.force(with_images).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let pages = cx.ecr.list_images().repository_name(id.as_str()).into_paginator();
        let images = present(collect(pages.items().send()).await)?.unwrap_or_default();
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let why = "must be deleted first, or set `EmptyOnDelete`";
        let count = format!("{} images", images.len());
        Ok(vec![Blocker::stays(count, "AWS::ECR::Image", why)])
    }
}

fn scanning(wanted: &Scanning) -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder().scan_on_push(wanted.scan_on_push).build()
}

fn mutability(spec: &Spec) -> Option<ImageTagMutability> {
    spec.image_tag_mutability.as_deref().map(ImageTagMutability::from)
}

fn filters(spec: &Spec) -> Result<Option<Vec<types::ImageTagMutabilityExclusionFilter>>, Fault> {
    let filter = |wanted: &ExclusionFilter| {
        types::ImageTagMutabilityExclusionFilter::builder()
            .filter_type(ImageTagMutabilityExclusionFilterType::from(wanted.filter_type.as_str()))
            .filter(&wanted.filter)
            .build()
    };
    // The API refuses an empty list.
    let wanted = spec.image_tag_mutability_exclusion_filters.as_ref();
    let wanted = wanted.filter(|filters| !filters.is_empty());
    let filters = wanted.map(|filters| filters.iter().map(filter).collect());
    filters.transpose().map_err(incomplete)
}

async fn retag(cx: &Cx, id: &PhysicalId, change: TagChange) -> Result<(), Fault> {
    let arn = cx.account().await?.arn("ecr", &cx.region, format_args!("repository/{id}"));
    if !change.set.is_empty() {
        let tags = tag_list(&change.set)?;
        cx.ecr.tag_resource().resource_arn(&arn).set_tags(tags).send().await?;
    }
    if !change.remove.is_empty() {
        let keys = Some(change.remove);
        cx.ecr.untag_resource().resource_arn(&arn).set_tag_keys(keys).send().await?;
    }
    Ok(())
}

fn tag_list<'a>(
    tags: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<Option<Vec<Tag>>, Fault> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<Tag>, BuildError> = tags.into_iter().map(tag).collect();
    tags.map(Some).map_err(incomplete)
}

/// All members that the SDK requires are set above.
fn incomplete(error: BuildError) -> Fault {
    Fault::bug(error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live() -> Live {
        let encryption =
            types::EncryptionConfiguration::builder().encryption_type(EncryptionType::Aes256);
        let repository = types::Repository::builder()
            .repository_name("shop/api")
            .repository_arn("arn:aws:ecr:eu-west-1:1:repository/shop/api")
            .repository_uri("1.dkr.ecr.eu-west-1.amazonaws.com/shop/api")
            .image_tag_mutability(ImageTagMutability::Immutable)
            .image_scanning_configuration(scanning(&Scanning { scan_on_push: true }))
            .encryption_configuration(encryption.build().unwrap());
        Live {
            repository: repository.build(),
            lifecycle_policy: None,
            policy: None,
            tags: Tags::default(),
        }
    }

    #[test]
    fn a_live_repository_is_seen_in_full() {
        assert_eq!(
            serde_json::to_value(Repository::spec(&live())).unwrap(),
            json!({
                "EncryptionConfiguration": {"EncryptionType": "AES256"},
                "ImageScanningConfiguration": {"ScanOnPush": true},
                "ImageTagMutability": "IMMUTABLE", "ImageTagMutabilityExclusionFilters": [],
                "RepositoryName": "shop/api", "Tags": [],
            })
        );
        let uri = &Repository::outputs(&live())["RepositoryUri"];
        assert_eq!(uri, "1.dkr.ecr.eu-west-1.amazonaws.com/shop/api");
    }

    #[test]
    fn policies_are_seen_as_documents() {
        let rules = r#"{"rules": [{"rulePriority": 1}]}"#;
        let policy = r#"{"Version": "2012-10-17"}"#;
        let live =
            Live { lifecycle_policy: Some(rules.into()), policy: Some(policy.into()), ..live() };
        let seen = serde_json::to_value(Repository::spec(&live)).unwrap();
        let text = &seen["LifecyclePolicy"]["LifecyclePolicyText"];
        assert_eq!(*text, json!({"rules": [{"rulePriority": 1}]}));
        assert_eq!(seen["RepositoryPolicyText"], json!({"Version": "2012-10-17"}));
    }

    #[test]
    fn no_exclusions_are_sent_as_nothing() {
        let spec = json!({"RepositoryName": "a", "ImageTagMutabilityExclusionFilters": []});
        assert_eq!(filters(&serde_json::from_value(spec).unwrap()).unwrap(), None);
    }
}
