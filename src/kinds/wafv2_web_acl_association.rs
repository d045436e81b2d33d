//! `AWS::WAFv2::WebACLAssociation`

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::reply::{gone, present};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Tagging, Token, Typical,
    Update, outputs,
};

pub struct WebAclAssociation;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    resource_arn: String,
    #[serde(rename = "WebACLArn")]
    web_acl_arn: String,
}

impl Kind for WebAclAssociation {
    type Spec = Spec;
    /// There is nothing more to know of an association.
    type Live = Spec;

    const NAME: &'static str = "AWS::WAFv2::WebACLAssociation";
    const DOC: &'static str = "Puts a regional resource, a load balancer mostly, behind a web ACL. \
        It is there at once; WAF asks for patience while the resource or the web ACL is young. \
        A resource has one web ACL; another one takes its place in one step. Nothing blocks its deletion. \
        Distributions name their web ACL themselves.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("ResourceArn", "The load balancer, API, user pool or service.")
            .when_ready(),
        Field::updates(
            "WebACLArn",
            "The web ACL, of scope `REGIONAL`. CloudFormation replaces; here the resource is never without protection.",
        ),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("ResourceArn", "The ARN of the resource.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(5, 5, 3);

    fn id(live: &Spec) -> PhysicalId {
        PhysicalId::new(&live.resource_arn)
    }

    fn spec(live: &Spec) -> Spec {
        live.clone()
    }

    fn outputs(live: &Spec) -> Outputs {
        outputs([("ResourceArn", Some(&live.resource_arn))])
    }

    fn readiness(_: &Spec) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.resource_arn))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Spec>, Fault> {
        let arns = wanted.iter().filter_map(Lookup::id);
        // There is no list of associations: a call per resource, all at once.
        let found = try_join_all(arns.map(|arn| live(cx, arn))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        associate(cx, spec).await?;
        Ok(PhysicalId::new(&spec.resource_arn))
    }

    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        associate(cx, update.to).await
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.waf.disassociate_web_acl().resource_arn(id.as_str()).send().await)
    }
}

/// In place of the association that the resource has, if it has one.
async fn associate(cx: &Cx, spec: &Spec) -> Result<(), Fault> {
    let ask = cx.waf.associate_web_acl().resource_arn(&spec.resource_arn);
    ask.web_acl_arn(&spec.web_acl_arn).send().await?;
    Ok(())
}

/// The association of a resource; `None` if it has none, or is gone itself.
async fn live(cx: &Cx, arn: &str) -> Result<Option<Spec>, Fault> {
    let reply = present(cx.waf.get_web_acl_for_resource().resource_arn(arn).send().await)?;
    let acl = reply.and_then(|reply| reply.web_acl);
    Ok(acl.map(|acl| Spec { resource_arn: arn.into(), web_acl_arn: acl.arn }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_association_is_its_resource_and_its_web_acl() {
        let asked = json!({"ResourceArn": "arn:lb", "WebACLArn": "arn:acl"});
        let spec: Spec = serde_json::from_value(asked.clone()).unwrap();
        assert_eq!(WebAclAssociation::natural_id(&spec), Some(PhysicalId::new("arn:lb")));
        assert_eq!(serde_json::to_value(WebAclAssociation::spec(&spec)).unwrap(), asked);
        assert_eq!(WebAclAssociation::outputs(&spec)["ResourceArn"], "arn:lb");
    }
}
