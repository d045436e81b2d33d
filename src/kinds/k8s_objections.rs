//! What clusters would refuse of custom resources: their definitions there tell.

use serde_json::Value;

use super::k8s_schema::{self, Schema};
use crate::cloud::kube::{Api, Resource};
use crate::fault::Fault;
use crate::kind::Objection;

/// What a cluster says that objects of a kind must be.
pub(super) enum Known {
    /// There is no cluster yet, or it does not say.
    Nothing,
    /// It has no such kind.
    NoSuchKind,
    Schema(Schema),
}

impl Known {
    /// `resource` is how the API server calls the kind, if it knows it.
    pub(super) async fn on(api: &Api, resource: Option<Resource>) -> Result<Self, Fault> {
        let Some(Resource { group, version, kind, plural, .. }) = resource else {
            return Ok(Self::NoSuchKind);
        };
        let definitions = "customresourcedefinitions";
        let of = "apiextensions.k8s.io";
        let definition = Resource::new(of, "v1", "CustomResourceDefinition", definitions, false);
        let found = api.get(&definition, "", &format!("{plural}.{group}")).await?;
        // Without one an API server of its own is behind the kind.
        let Some(found) = found else { return Ok(Self::Nothing) };
        let wanted = (group.as_str(), version.as_str(), kind.as_str());
        let mut schemas = k8s_schema::of_definition(&found).into_iter();
        let schema = schemas.find(|(of, _)| *of == wanted);
        Ok(schema.map_or(Self::Nothing, |(_, schema)| Self::Schema(schema)))
    }

    /// What is refused of a spec of this `apiVersion/Kind`.
    pub(super) fn objections(&self, kind: &str, spec: &Value) -> Vec<Objection> {
        match self {
            Self::Nothing => Vec::new(),
            Self::NoSuchKind => {
                let reason = format!(
                    "the cluster does not know `{kind}`, and nothing in the blueprint defines it"
                );
                vec![Objection { reason, is_sure: false }]
            }
            Self::Schema(schema) => {
                let sure = |reason| Objection { reason, is_sure: true };
                schema.mistakes(kind, spec).into_iter().map(sure).collect()
            }
        }
    }
}
