//! `HorizontalPodAutoscaler`: what is filled in, and its two versions.

use serde_json::{Map, Value, json};

use super::defaults::set;

/// Without metrics it goes by the CPU; who says something of its behavior gets the rest of that.
pub(super) fn fill(spec: &mut Value) {
    let cpu = json!({ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } } });
    set(spec, &[("minReplicas", json!(1)), ("metrics", json!([cpu]))]);
    if !spec["behavior"].is_object() {
        return;
    }
    let policy =
        |kind: &str, value: i64| json!({ "type": kind, "value": value, "periodSeconds": 15 });
    for (direction, defaults) in [
        (
            "scaleUp",
            [
                ("policies", json!([policy("Pods", 4), policy("Percent", 100)])),
                ("stabilizationWindowSeconds", json!(0)),
            ]
            .as_slice(),
        ),
        ("scaleDown", [("policies", json!([policy("Percent", 100)]))].as_slice()),
    ] {
        set(&mut spec["behavior"][direction], defaults);
        set(&mut spec["behavior"][direction], &[("selectPolicy", json!("Max"))]);
    }
}

/// `HorizontalPodAutoscaler` is stored as v2: v1 has one metric, the CPU, in a field of its own.
pub(super) fn to_v2(object: &mut Value) {
    let Some(spec) = object["spec"].as_object_mut() else { return };
    if let Some(target) = spec.remove("targetCPUUtilizationPercentage").filter(Value::is_number) {
        let target = json!({ "type": "Utilization", "averageUtilization": target });
        spec.insert(
            "metrics".into(),
            json!([{ "type": "Resource", "resource": { "name": "cpu", "target": target } }]),
        );
    }
}

pub(super) fn to_v1(object: &mut Value) {
    let Some(spec) = object["spec"].as_object_mut() else { return };
    let metrics = spec.remove("metrics").unwrap_or_default();
    let cpu = metrics.as_array().into_iter().flatten().find(|it| it["resource"]["name"] == "cpu");
    if let Some(target) = cpu.and_then(|it| it["resource"]["target"].get("averageUtilization")) {
        spec.insert("targetCPUUtilizationPercentage".into(), target.clone());
    }
    spec.remove("behavior");
    if let Some(status) = object["status"].as_object_mut() {
        let kept = ["currentReplicas", "desiredReplicas", "lastScaleTime", "observedGeneration"];
        *status = status
            .iter()
            .filter(|(key, _)| kept.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Map<_, _>>();
    }
}
