//! `AWS::SecretsManager::RotationSchedule`

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::operation::rotate_secret::builders::RotateSecretFluentBuilder;
use aws_sdk_secretsmanager::types::RotationRulesType;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::reply::gone;
use super::secretsmanager::describe;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Tagging, Token, Typical,
    Update, outputs,
};

pub struct RotationSchedule;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotate_immediately_on_update: Option<bool>,
    #[serde(rename = "RotationLambdaARN", default, skip_serializing_if = "Option::is_none")]
    rotation_lambda_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation_rules: Option<Rules>,
    secret_id: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Rules {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    automatically_after_days: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule_expression: Option<String>,
}

#[derive(Debug)]
pub struct Live {
    /// The secret's name or ARN, as it was asked for.
    id: PhysicalId,
    secret: DescribeSecretOutput,
}

impl Kind for RotationSchedule {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::SecretsManager::RotationSchedule";
    const DOC: &'static str = "When a secret gets a new value, and by which function. \
        It stands at once; unless `RotateImmediatelyOnUpdate` is false, the first rotation begins with it. \
        A secret that a service manages (RDS: `MasterUserSecret`) needs no function. Such a secret always rotates, every \
        seven days unless told otherwise: that default counts as no schedule, and deletion restores it. \
        For any other secret deletion ends the rotation. `HostedRotationLambda` is not supported: name a function. \
        Nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "RotateImmediatelyOnUpdate",
            "Whether a change rotates at once, as by default.",
        )
        .write_only(),
        Field::updates("RotationLambdaARN", "The function that rotates; none for managed secrets."),
        Field::updates("RotationRules", "The days between rotations, or a schedule, and a window."),
        Field::replaces("SecretId", "The name or ARN of the secret.").when_ready(),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("Id", "The ARN of the secret, as `Fn::GetAtt` names it.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        live.id.clone()
    }

    fn spec(live: &Live) -> Spec {
        let rules = live.secret.rotation_rules().map(|rules| {
            let expression = rules.schedule_expression.clone();
            Rules {
                automatically_after_days: expression
                    .as_deref()
                    .map_or(rules.automatically_after_days, days_of),
                duration: rules.duration.clone(),
                schedule_expression: expression,
            }
        });
        Spec {
            rotate_immediately_on_update: None,
            rotation_lambda_arn: live.secret.rotation_lambda_arn.clone(),
            rotation_rules: rules,
            secret_id: live.id.as_str().into(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Id", live.secret.arn())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.secret_id))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let ids = wanted.iter().filter_map(|lookup| match lookup {
            Lookup::Id(id) => Some(id.clone()),
            // A schedule has no tags: nobody's name is on it.
            Lookup::Owner { .. } => None,
        });
        let asked = ids.map(|id| async move {
            let secret = describe(cx, id.as_str()).await?.filter(is_scheduled);
            Ok::<_, Fault>(secret.map(|secret| Live { id, secret }))
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        rotate(cx, spec).client_request_token(&token.0).send().await?;
        Ok(PhysicalId::new(&spec.secret_id))
    }

    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        // How a change is made is no change.
        if update.has("RotationLambdaARN") || update.has("RotationRules") {
            rotate(cx, update.to).send().await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        match describe(cx, id.as_str()).await? {
            Some(secret) if !is_scheduled(&secret) => Ok(()),
            // Only the service could end the rotation of what it manages.
            Some(secret) if secret.owning_service.is_some() => gone(
                cx.secrets
                    .rotate_secret()
                    .secret_id(id.as_str())
                    .rotation_rules(managed_default())
                    .rotate_immediately(false)
                    .send()
                    .await,
            ),
            Some(_) => gone(cx.secrets.cancel_rotate_secret().secret_id(id.as_str()).send().await),
            None => Ok(()),
        }
    }
}

/// How often the secrets that services manage rotate, if nobody says otherwise.
const MANAGED_DAYS: i64 = 7;

fn managed_default() -> RotationRulesType {
    RotationRulesType::builder().automatically_after_days(MANAGED_DAYS).build()
}

/// Whether somebody has scheduled rotations: not so if none are, or if a service's own schedule stands untouched.
fn is_scheduled(secret: &DescribeSecretOutput) -> bool {
    let untouched =
        secret.owning_service.is_some() && secret.rotation_rules() == Some(&managed_default());
    secret.deleted_date.is_none() && secret.rotation_enabled == Some(true) && !untouched
}

fn rotate(cx: &Cx, spec: &Spec) -> RotateSecretFluentBuilder {
    cx.secrets
        .rotate_secret()
        .secret_id(&spec.secret_id)
        .set_rotation_lambda_arn(spec.rotation_lambda_arn.clone())
        .set_rotation_rules(spec.rotation_rules.as_ref().map(sdk_rules))
        .set_rotate_immediately(spec.rotate_immediately_on_update)
}

/// A number of days is sent as the rate that Secrets Manager makes of it: so even seven days are told from a managed
/// secret's default.
fn sdk_rules(rules: &Rules) -> RotationRulesType {
    let rate = |days: i64| format!("rate({days} {})", if days == 1 { "day" } else { "days" });
    let expression = rules.schedule_expression.clone();
    RotationRulesType::builder()
        .set_duration(rules.duration.clone())
        .set_schedule_expression(expression.or(rules.automatically_after_days.map(rate)))
        .build()
}

/// The days of `rate(30 days)`.
fn days_of(expression: &str) -> Option<i64> {
    let inside = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (days, unit) = inside.split_once(' ')?;
    ["day", "days"].contains(&unit.trim()).then(|| days.parse().ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn managed(rules: RotationRulesType) -> DescribeSecretOutput {
        DescribeSecretOutput::builder()
            .arn("arn:secret")
            .owning_service("rds")
            .rotation_enabled(true)
            .rotation_rules(rules)
            .build()
    }

    fn rules(value: serde_json::Value) -> Rules {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_schedule_reads_back_as_asked() {
        let asked = rules(json!({"AutomaticallyAfterDays": 30, "Duration": "3h"}));
        let live = Live { id: PhysicalId::new("arn:secret"), secret: managed(sdk_rules(&asked)) };
        assert!(is_scheduled(&live.secret));
        assert_eq!(RotationSchedule::outputs(&live)["Id"], "arn:secret");
        assert_eq!(
            serde_json::to_value(RotationSchedule::spec(&live)).unwrap(),
            json!({
                "RotationRules": {
                    "AutomaticallyAfterDays": 30, "Duration": "3h",
                    "ScheduleExpression": "rate(30 days)",
                },
                "SecretId": "arn:secret",
            })
        );
    }

    #[test]
    fn the_default_of_a_managed_secret_is_no_schedule() {
        assert!(!is_scheduled(&managed(managed_default())));
        let seven = rules(json!({"AutomaticallyAfterDays": 7}));
        assert!(is_scheduled(&managed(sdk_rules(&seven))));
        let unmanaged = DescribeSecretOutput::builder().rotation_rules(managed_default());
        assert!(!is_scheduled(&unmanaged.clone().build()));
        assert!(is_scheduled(&unmanaged.rotation_enabled(true).build()));
    }

    #[test]
    fn a_rate_has_days() {
        assert_eq!(days_of("rate(1 day)"), Some(1));
        assert_eq!(days_of("rate(4 hours)"), None);
        assert_eq!(days_of("cron(0 8 1 * ? *)"), None);
    }
}
