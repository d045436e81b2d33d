//! `AWS::EC2::LaunchTemplate`

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, LaunchTemplateVersion, ResourceType};
use serde::{Deserialize, Serialize};

use super::ec2;
use super::ec2_launch_template_data::{Data, Seen, Sent};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct LaunchTemplate;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    launch_template_data: Data,
    launch_template_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version_description: Option<String>,
}

#[derive(Debug)]
pub struct Live {
    template: types::LaunchTemplate,
    latest: LaunchTemplateVersion,
    default: LaunchTemplateVersion,
}

impl Kind for LaunchTemplate {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::EC2::LaunchTemplate";
    const DOC: &'static str = "What instances are launched with: image, type, disks, network, metadata, user data. \
        It works at once. An update makes a new version and then makes it the default one; instances are replaced by \
        those who launch them, once they refer to the new version (`LatestVersionNumber`). \
        Latest and default version are compared both: a version that somebody adds or makes the default is drift. \
        Everybody who may describe it reads the user data, so that secrets have no place there. \
        Where CloudFormation has `TagSpecifications` for the template itself, which replace it, here are `Tags`. \
        Nothing blocks its deletion, but groups that still launch from it cannot any more.";
    const FIELDS: &'static [Field] = &[
        Field::updates("LaunchTemplateData", "What instances are launched with. Sent in full."),
        Field::updates(
            "LaunchTemplateData.BlockDeviceMappings",
            "Disks by `DeviceName`: `Ebs`, ...",
        )
        .set(),
        Field::updates("LaunchTemplateData.SecurityGroupIds", "Security groups of the instances.")
            .set(),
        Field::updates(
            "LaunchTemplateData.TagSpecifications",
            "Tags of what is launched, by `ResourceType`: `instance`, `volume`, ...",
        )
        .set(),
        Field::replaces("LaunchTemplateName", "Its name, unique in the account and region."),
        TAGS,
        Field::updates("VersionDescription", "What its latest version is for."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("LaunchTemplateId", "The id of the launch template."),
        Output::when_ready("LatestVersionNumber", "The number of its latest version.")
            .moved_by(VERSION),
        Output::when_ready("DefaultVersionNumber", "The number of its default version.")
            .moved_by(VERSION),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.template.launch_template_id().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let Live { template, latest, default } = live;
        let description = latest.version_description.as_ref();
        Spec {
            // Where the two versions part, neither is taken for the whole: a desired member then differs.
            launch_template_data: data(latest).common(&data(default)),
            launch_template_name: template.launch_template_name().unwrap_or_default().into(),
            tags: Some(ec2::tags(template.tags())),
            version_description: description
                .filter(|text| default.version_description.as_ref() == Some(*text))
                .cloned(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let number =
            |version: &LaunchTemplateVersion| version.version_number.map(|n| n.to_string());
        outputs([
            ("LaunchTemplateId", live.template.launch_template_id()),
            ("LatestVersionNumber", number(&live.latest).as_deref()),
            ("DefaultVersionNumber", number(&live.default).as_deref()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&ec2::tags(live.template.tags()).0)
    }

    async fn read(cx: &Cx, _: &[Lookup]) -> Result<Vec<Live>, Fault> {
        // No filter knows ids, and one missing id fails a call with a list of them; versions of all templates come in
        // one call, versions of some in a call for each. So all are listed, two hundred a call.
        let templates = cx.ec2.describe_launch_templates().max_results(PAGE_MAX).into_paginator();
        let versions = cx
            .ec2
            .describe_launch_template_versions()
            .versions("$Latest")
            .versions("$Default")
            .max_results(PAGE_MAX)
            .into_paginator();
        let (templates, versions) = futures::try_join!(
            ec2::collect(templates.items().send()),
            ec2::collect(versions.items().send())
        )?;
        Ok(joined(templates, versions))
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let made = cx
            .ec2
            .create_launch_template()
            .client_token(&token.0)
            .launch_template_name(&spec.launch_template_name)
            .launch_template_data(spec.launch_template_data.sent())
            .set_version_description(spec.version_description.clone())
            .set_tag_specifications(ec2::tag_specifications(
                ResourceType::LaunchTemplate,
                spec.tags.as_ref(),
            ))
            .send()
            .await?;
        let id = made.launch_template.and_then(|template| template.launch_template_id);
        Ok(PhysicalId::new(id.required("launch template id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        if update.changed.iter().any(|row| VERSION.contains(row)) {
            let latest = latest(cx, id).await?;
            let number = if is_version_of(&latest, to) {
                latest.version_number
            } else {
                let made = cx
                    .ec2
                    .create_launch_template_version()
                    .launch_template_id(id.as_str())
                    .launch_template_data(to.launch_template_data.sent())
                    .set_version_description(to.version_description.clone())
                    .send()
                    .await?;
                made.launch_template_version.and_then(|version| version.version_number)
            };
            cx.ec2
                .modify_launch_template()
                .launch_template_id(id.as_str())
                .default_version(number.required("version number")?.to_string())
                .send()
                .await?;
        }
        if update.has("Tags") {
            ec2::retag(cx, id, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let delete = cx.ec2.delete_launch_template();
        ec2::gone(delete.launch_template_id(id.as_str()).send().await)
    }
}

/// The rows that a version carries.
const VERSION: &[&str] = &[
    "LaunchTemplateData",
    "LaunchTemplateData.BlockDeviceMappings",
    "LaunchTemplateData.SecurityGroupIds",
    "LaunchTemplateData.TagSpecifications",
    "VersionDescription",
];
/// The largest page that EC2 gives.
const PAGE_MAX: i32 = 200;

fn data(version: &LaunchTemplateVersion) -> Data {
    version.launch_template_data().map(Data::seen).unwrap_or_default()
}

/// Whether a version says what is desired, and no more: one that an update made before it was cut off is not made again.
fn is_version_of(version: &LaunchTemplateVersion, to: &Spec) -> bool {
    data(version) == to.launch_template_data
        && version.version_description == to.version_description
}

async fn latest(cx: &Cx, id: &PhysicalId) -> Result<LaunchTemplateVersion, Fault> {
    let ask = cx.ec2.describe_launch_template_versions().launch_template_id(id.as_str());
    let reply = ask.versions("$Latest").send().await?;
    let latest = reply.launch_template_versions.into_iter().flatten().next();
    latest
        .ok_or_else(|| Fault::new(Class::NotFound, format!("launch template {id} has no version")))
}

/// Templates with their two versions. One that came or went between the two calls is left out.
fn joined(
    templates: Vec<types::LaunchTemplate>,
    versions: Vec<LaunchTemplateVersion>,
) -> Vec<Live> {
    let mut of: BTreeMap<String, Vec<LaunchTemplateVersion>> = BTreeMap::new();
    for version in versions {
        of.entry(version.launch_template_id.clone().unwrap_or_default()).or_default().push(version);
    }
    let live = |template: types::LaunchTemplate| {
        let versions = of.get(template.launch_template_id()?)?;
        // A version that is both comes once or twice.
        let latest = versions.iter().max_by_key(|version| version.version_number)?.clone();
        let default = versions.iter().find(|version| version.default_version == Some(true))?;
        let default = default.clone();
        Some(Live { template, latest, default })
    };
    templates.into_iter().filter_map(live).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn version(number: i64, image: &str, is_default: bool) -> LaunchTemplateVersion {
        let data = types::ResponseLaunchTemplateData::builder()
            .image_id(image)
            .instance_type(types::InstanceType::M7gLarge);
        LaunchTemplateVersion::builder()
            .launch_template_id("lt-1")
            .version_number(number)
            .version_description("v")
            .default_version(is_default)
            .launch_template_data(data.build())
            .build()
    }

    fn live(versions: Vec<LaunchTemplateVersion>) -> Vec<Live> {
        let template = types::LaunchTemplate::builder()
            .launch_template_id("lt-1")
            .launch_template_name("nodes")
            .build();
        joined(vec![template], versions)
    }

    #[test]
    fn a_template_is_its_latest_and_default_version() {
        let both = version(2, "ami-2", true);
        let lives = live(vec![both.clone(), both]);
        assert_eq!(
            serde_json::to_value(LaunchTemplate::spec(&lives[0])).unwrap(),
            json!({
                "LaunchTemplateData": {"ImageId": "ami-2", "InstanceType": "m7g.large"},
                "LaunchTemplateName": "nodes", "Tags": [], "VersionDescription": "v",
            })
        );
        let outputs = LaunchTemplate::outputs(&lives[0]);
        assert_eq!(outputs["LatestVersionNumber"], "2");
        assert_eq!(outputs["DefaultVersionNumber"], "2");
    }

    #[test]
    fn what_the_two_versions_do_not_share_differs_from_whatever_is_desired() {
        let lives = live(vec![version(1, "ami-1", true), version(2, "ami-2", false)]);
        let seen = serde_json::to_value(LaunchTemplate::spec(&lives[0])).unwrap();
        assert_eq!(seen["LaunchTemplateData"], json!({"InstanceType": "m7g.large"}));
        let outputs = LaunchTemplate::outputs(&lives[0]);
        assert_eq!(outputs["LatestVersionNumber"], "2");
        assert_eq!(outputs["DefaultVersionNumber"], "1");
    }

    #[test]
    fn a_template_without_versions_came_or_went() {
        assert!(live(Vec::new()).is_empty());
    }

    #[test]
    fn a_version_that_was_made_already_is_not_made_again() {
        let spec = LaunchTemplate::spec(&live(vec![version(1, "ami-1", true)])[0]);
        assert!(is_version_of(&version(2, "ami-1", false), &spec));
        assert!(!is_version_of(&version(2, "ami-2", false), &spec));
    }

    #[test]
    fn all_rows_but_name_and_tags_make_a_version() {
        let others = ["LaunchTemplateName", "Tags"];
        let rows: BTreeSet<&str> = LaunchTemplate::FIELDS.iter().map(|field| field.path).collect();
        let versions = VERSION.iter().copied().chain(others).collect();
        assert_eq!(rows, versions);
    }
}
