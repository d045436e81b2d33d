//! `platform`: what the cluster runs beside the services, each component with a line.

pub mod istio;
pub mod offer;

use serde_json::Value;

use super::Component;
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::Name;
use crate::chart::ChartUse;
use crate::source::{Span, Spanned};
use istio::Istio;

schema! {
    /// What the cluster runs beside the services. Each component is installed by its charts, with every value in reach.
    pub struct Platform("a platform") {
        /// Istio, the service mesh.
        pub istio: Option<Spanned<Istio>>,
    }
}

impl Platform {
    /// The charts of its components.
    pub fn charts(&self, blueprint: &Blueprint) -> Vec<ChartUse> {
        let mut charts = Vec::new();
        charts.extend(self.istio.iter().flat_map(|it| it.charts(blueprint, it.span)));
        charts
    }
}

impl Component for Platform {
    const TYPE: ComponentType = ComponentType::Platform;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_cluster("a platform", at);
        if let Some(istio) = &self.istio {
            istio.check(check);
        }
    }
}

impl Blueprint {
    pub fn istio(&self) -> Option<&Spanned<Istio>> {
        self.platform.as_ref()?.istio.as_ref()
    }
}

/// Lays values of a chart over others: mappings are merged, anything else is replaced.
fn lay_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_merged_key_by_key() {
        let mut values = json!({"a": {"b": 1, "c": [1]}, "d": 1});
        lay_over(&mut values, &json!({"a": {"c": [2], "e": null}, "f": {"g": 1}}));
        assert_eq!(values, json!({"a": {"b": 1, "c": [2], "e": null}, "d": 1, "f": {"g": 1}}));
    }
}
