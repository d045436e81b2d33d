//! `AWS::CloudWatch::Dashboard`

use aws_sdk_cloudwatch::operation::get_dashboard::GetDashboardOutput;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cloudwatch::{READS_MAX, retag, tag_list, tags_of};
use super::document;
use super::reply::{gone, present};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct Dashboard;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(deserialize_with = "document::deserialize")]
    dashboard_body: Value,
    dashboard_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    dashboard: GetDashboardOutput,
    tags: Tags,
}

impl Kind for Dashboard {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::CloudWatch::Dashboard";
    const DOC: &'static str = "A page of widgets in the CloudWatch console, the same in all regions of the account. \
        It is there at once and waits for nothing that its widgets show. Nothing blocks its deletion. \
        The body may be written as an object or as its JSON text; all of it is managed.";
    const FIELDS: &'static [Field] = &[
        Field::updates("DashboardBody", "The widgets, as JSON.").document(),
        Field::replaces("DashboardName", "Its name, unique in the account."),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("DashboardArn", "The ARN of the dashboard."),
        Output::with_id("DashboardName", "The name of the dashboard."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.dashboard.dashboard_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let body = live.dashboard.dashboard_body().unwrap_or_default();
        Spec {
            dashboard_body: document::from_text(body),
            dashboard_name: live.dashboard.dashboard_name().unwrap_or_default().into(),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("DashboardArn", live.dashboard.dashboard_arn()),
            ("DashboardName", live.dashboard.dashboard_name()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.dashboard_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names: Vec<String> = wanted.iter().filter_map(Lookup::id).map(str::to_owned).collect();
        // A list tells neither body nor tags: two calls for each dashboard.
        let lives = stream::iter(names).map(|name| live(cx, name));
        let lives: Vec<_> = lives.buffer_unordered(READS_MAX).try_collect().await?;
        Ok(lives.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.cloudwatch
            .put_dashboard()
            .dashboard_name(&spec.dashboard_name)
            .dashboard_body(document::to_text(&spec.dashboard_body))
            .set_tags(tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.dashboard_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        if update.has("DashboardBody") {
            let put = cx.cloudwatch.put_dashboard().dashboard_name(id.as_str());
            put.dashboard_body(document::to_text(&to.dashboard_body)).send().await?;
        }
        if update.has("Tags") {
            let Some(dashboard) = get(cx, id.as_str()).await? else {
                return Err(Fault::new(Class::NotFound, format!("there is no dashboard `{id}`")));
            };
            let arn = dashboard.dashboard_arn.required("dashboard ARN")?;
            retag(cx, &arn, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.cloudwatch.delete_dashboards().dashboard_names(id.as_str()).send().await)
    }
}

async fn get(cx: &Cx, name: &str) -> Result<Option<GetDashboardOutput>, Fault> {
    present(cx.cloudwatch.get_dashboard().dashboard_name(name).send().await)
}

async fn live(cx: &Cx, name: String) -> Result<Option<Live>, Fault> {
    let Some(dashboard) = get(cx, &name).await? else { return Ok(None) };
    let arn = dashboard.dashboard_arn.clone().required("dashboard ARN")?;
    Ok(present(tags_of(cx, arn).await)?.map(|tags| Live { dashboard, tags }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_a_document() {
        let dashboard = GetDashboardOutput::builder()
            .dashboard_arn("arn:aws:cloudwatch::1:dashboard/shop")
            .dashboard_name("shop")
            .dashboard_body(r#"{"widgets": [{"type": "text"}]}"#);
        let live = Live { dashboard: dashboard.build(), tags: Tags::default() };
        let seen = serde_json::to_value(Dashboard::spec(&live)).unwrap();
        assert_eq!(
            seen,
            json!({"DashboardBody": {"widgets": [{"type": "text"}]}, "DashboardName": "shop", "Tags": []})
        );
        let text = json!({"DashboardBody": "{\"widgets\": []}", "DashboardName": "shop"});
        let spec: Spec = serde_json::from_value(text).unwrap();
        assert_eq!(spec.dashboard_body, json!({"widgets": []}));
        assert_eq!(Dashboard::natural_id(&spec), Some(Dashboard::id(&live)));
    }
}
