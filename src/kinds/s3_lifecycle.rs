//! The lifecycle of a bucket's objects, in CloudFormation's shape.

use aws_sdk_s3::operation::get_bucket_lifecycle_configuration::GetBucketLifecycleConfigurationOutput;
use aws_sdk_s3::types::{
    self, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration,
    LifecycleRuleAndOperator, LifecycleRuleFilter, TransitionStorageClass,
};
use aws_smithy_types::error::operation::BuildError;

use super::properties::properties;
use super::s3::{Date, TagFilter, each, incomplete};
use super::scalar::{Long, Number};
use crate::fault::Fault;

properties! {
    Lifecycle {
        rules: Vec<Rule>,
        ;
        transition_default_minimum_object_size: String,
    }
}

properties! {
    /// CloudFormation has three more, each replaced by one of these long ago.
    Rule {
        status: String,
        ;
        abort_incomplete_multipart_upload: AbortIncompleteMultipartUpload,
        expiration_date: Date,
        expiration_in_days: Number,
        expired_object_delete_marker: bool,
        id: String,
        noncurrent_version_expiration: NoncurrentVersionExpiration,
        noncurrent_version_transitions: Vec<NoncurrentVersionTransition>,
        object_size_greater_than: Long,
        object_size_less_than: Long,
        prefix: String,
        tag_filters: Vec<TagFilter>,
        transitions: Vec<Transition>,
    }
}

properties! {
    AbortIncompleteMultipartUpload {
        days_after_initiation: Number,
        ;
    }
}

properties! {
    NoncurrentVersionExpiration {
        noncurrent_days: Number,
        ;
        newer_noncurrent_versions: Number,
    }
}

properties! {
    NoncurrentVersionTransition {
        storage_class: String,
        transition_in_days: Number,
        ;
        newer_noncurrent_versions: Number,
    }
}

properties! {
    Transition {
        storage_class: String,
        ;
        transition_date: Date,
        transition_in_days: Number,
    }
}

impl Lifecycle {
    /// A bucket without a lifecycle has no rules.
    pub(super) fn of(reply: Option<&GetBucketLifecycleConfigurationOutput>) -> Self {
        let minimum = reply.and_then(|reply| reply.transition_default_minimum_object_size());
        Self {
            rules: reply.iter().flat_map(|reply| reply.rules()).map(Rule::of).collect(),
            transition_default_minimum_object_size: minimum.map(ToString::to_string),
        }
    }

    pub(super) fn to_sdk(&self) -> Result<BucketLifecycleConfiguration, Fault> {
        let rules = each(&self.rules, Rule::to_sdk)?;
        BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().map_err(incomplete)
    }
}

impl Rule {
    fn of(rule: &types::LifecycleRule) -> Self {
        let expiration = rule.expiration();
        let transition = |it: &types::Transition| Transition {
            storage_class: it.storage_class().map(ToString::to_string).unwrap_or_default(),
            transition_date: it.date.map(Date),
            transition_in_days: it.days.map(Number),
        };
        let noncurrent = |it: &types::NoncurrentVersionTransition| NoncurrentVersionTransition {
            storage_class: it.storage_class().map(ToString::to_string).unwrap_or_default(),
            transition_in_days: Number(it.noncurrent_days.unwrap_or_default()),
            newer_noncurrent_versions: it.newer_noncurrent_versions.map(Number),
        };
        let Filter { prefix, tags, greater_than, less_than } = Filter::of(rule);
        Self {
            status: rule.status.to_string(),
            abort_incomplete_multipart_upload: rule.abort_incomplete_multipart_upload().map(|it| {
                let days = it.days_after_initiation.unwrap_or_default();
                AbortIncompleteMultipartUpload { days_after_initiation: Number(days) }
            }),
            expiration_date: expiration.and_then(|it| it.date).map(Date),
            expiration_in_days: expiration.and_then(|it| it.days).map(Number),
            expired_object_delete_marker: expiration.and_then(|it| it.expired_object_delete_marker),
            id: rule.id.clone(),
            noncurrent_version_expiration: rule.noncurrent_version_expiration().map(|it| {
                NoncurrentVersionExpiration {
                    noncurrent_days: Number(it.noncurrent_days.unwrap_or_default()),
                    newer_noncurrent_versions: it.newer_noncurrent_versions.map(Number),
                }
            }),
            noncurrent_version_transitions: Some(
                rule.noncurrent_version_transitions().iter().map(noncurrent).collect(),
            ),
            object_size_greater_than: greater_than.map(Long),
            object_size_less_than: less_than.map(Long),
            prefix: Some(prefix.unwrap_or_default()),
            tag_filters: Some(tags.iter().map(TagFilter::of).collect()),
            transitions: Some(rule.transitions().iter().map(transition).collect()),
        }
    }

    fn to_sdk(&self) -> Result<types::LifecycleRule, BuildError> {
        let expires = self.expiration_date.is_some()
            || self.expiration_in_days.is_some()
            || self.expired_object_delete_marker.is_some();
        let expiration = expires.then(|| {
            LifecycleExpiration::builder()
                .set_date(self.expiration_date.as_ref().map(|date| date.0))
                .set_days(self.expiration_in_days.map(Into::into))
                .set_expired_object_delete_marker(self.expired_object_delete_marker)
                .build()
        });
        let transition = |it: &Transition| {
            types::Transition::builder()
                .storage_class(TransitionStorageClass::from(it.storage_class.as_str()))
                .set_date(it.transition_date.as_ref().map(|date| date.0))
                .set_days(it.transition_in_days.map(Into::into))
                .build()
        };
        let noncurrent = |it: &NoncurrentVersionTransition| {
            types::NoncurrentVersionTransition::builder()
                .storage_class(TransitionStorageClass::from(it.storage_class.as_str()))
                .noncurrent_days(it.transition_in_days.into())
                .set_newer_noncurrent_versions(it.newer_noncurrent_versions.map(Into::into))
                .build()
        };
        let abort = self.abort_incomplete_multipart_upload.as_ref().map(|it| {
            types::AbortIncompleteMultipartUpload::builder()
                .days_after_initiation(it.days_after_initiation.into())
                .build()
        });
        let noncurrent_expiration = self.noncurrent_version_expiration.as_ref().map(|it| {
            types::NoncurrentVersionExpiration::builder()
                .noncurrent_days(it.noncurrent_days.into())
                .set_newer_noncurrent_versions(it.newer_noncurrent_versions.map(Into::into))
                .build()
        });
        types::LifecycleRule::builder()
            .set_id(self.id.clone())
            .status(ExpirationStatus::from(self.status.as_str()))
            .filter(self.filter()?.into_sdk())
            .set_expiration(expiration)
            .set_transitions(
                self.transitions.as_ref().map(|all| all.iter().map(transition).collect()),
            )
            .set_noncurrent_version_expiration(noncurrent_expiration)
            .set_noncurrent_version_transitions(
                self.noncurrent_version_transitions
                    .as_ref()
                    .map(|all| all.iter().map(noncurrent).collect()),
            )
            .set_abort_incomplete_multipart_upload(abort)
            .build()
    }

    fn filter(&self) -> Result<Filter, BuildError> {
        let tags = self.tag_filters.iter().flatten().map(TagFilter::to_sdk);
        Ok(Filter {
            prefix: self.prefix.clone().filter(|prefix| !prefix.is_empty()),
            tags: tags.collect::<Result<_, _>>()?,
            greater_than: self.object_size_greater_than.map(|size| size.0),
            less_than: self.object_size_less_than.map(|size| size.0),
        })
    }
}

/// Which objects a rule is for. S3 wants one condition alone, or several inside an `And`.
struct Filter {
    prefix: Option<String>,
    tags: Vec<types::Tag>,
    greater_than: Option<i64>,
    less_than: Option<i64>,
}

impl Filter {
    fn of(rule: &types::LifecycleRule) -> Self {
        let filter = rule.filter();
        let and = filter.and_then(|filter| filter.and.as_ref());
        Self {
            prefix: filter
                .and_then(|filter| filter.prefix.clone())
                .or(and.and_then(|and| and.prefix.clone()))
                .or(old_prefix(rule).map(ToOwned::to_owned)),
            tags: filter
                .and_then(|filter| filter.tag.clone())
                .into_iter()
                .chain(and.iter().flat_map(|and| and.tags()).cloned())
                .collect(),
            greater_than: filter
                .and_then(|filter| filter.object_size_greater_than)
                .or(and.and_then(|and| and.object_size_greater_than)),
            less_than: filter
                .and_then(|filter| filter.object_size_less_than)
                .or(and.and_then(|and| and.object_size_less_than)),
        }
    }

    fn into_sdk(self) -> LifecycleRuleFilter {
        let Self { prefix, tags, greater_than, less_than } = self;
        let conditions = usize::from(prefix.is_some())
            + tags.len()
            + usize::from(greater_than.is_some())
            + usize::from(less_than.is_some());
        let filter = LifecycleRuleFilter::builder();
        match conditions {
            0 => filter.prefix("").build(),
            1 => filter
                .set_prefix(prefix)
                .set_tag(tags.into_iter().next())
                .set_object_size_greater_than(greater_than)
                .set_object_size_less_than(less_than)
                .build(),
            _ => {
                let and = LifecycleRuleAndOperator::builder()
                    .set_prefix(prefix)
                    .set_tags((!tags.is_empty()).then_some(tags))
                    .set_object_size_greater_than(greater_than)
                    .set_object_size_less_than(less_than);
                filter.and(and.build()).build()
            }
        }
    }
}

/// Rules made by old clients have their prefix beside the filter.
#[expect(deprecated, reason = "it is what old clients wrote")]
fn old_prefix(rule: &types::LifecycleRule) -> Option<&str> {
    rule.prefix.as_deref()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn back(rule: &Value) -> Value {
        let rule: Rule = serde_json::from_value(rule.clone()).unwrap();
        serde_json::to_value(Rule::of(&rule.to_sdk().unwrap())).unwrap()
    }

    #[test]
    fn a_rule_of_many_conditions_reads_back() {
        let rule = json!({
            "Status": "Enabled", "Id": "archive", "Prefix": "logs/",
            "TagFilters": [{"Key": "keep", "Value": "short"}],
            "ObjectSizeGreaterThan": 128, "ObjectSizeLessThan": 5_000_000_000_i64,
            "ExpirationInDays": 365,
            "Transitions": [
                {"StorageClass": "STANDARD_IA", "TransitionInDays": 30},
                {"StorageClass": "GLACIER", "TransitionDate": "2030-01-01T00:00:00Z"},
            ],
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30, "NewerNoncurrentVersions": 3},
            "NoncurrentVersionTransitions": [
                {"StorageClass": "GLACIER", "TransitionInDays": 7, "NewerNoncurrentVersions": 1},
            ],
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        });
        assert_eq!(back(&rule), rule);
    }

    #[test]
    fn one_condition_stands_alone_and_none_is_an_empty_prefix() {
        let filter = |rule: Value| {
            let rule: Rule = serde_json::from_value(rule).unwrap();
            rule.filter().unwrap().into_sdk()
        };
        let tagged =
            filter(json!({"Status": "Enabled", "TagFilters": [{"Key": "a", "Value": "b"}]}));
        assert!(tagged.tag.is_some() && tagged.and.is_none() && tagged.prefix.is_none());
        let large =
            filter(json!({"Status": "Enabled", "Prefix": "", "ObjectSizeGreaterThan": "1"}));
        assert_eq!((large.object_size_greater_than, large.prefix), (Some(1), None));
        assert_eq!(filter(json!({"Status": "Enabled"})).prefix.as_deref(), Some(""));
    }
}
