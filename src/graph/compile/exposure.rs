//! How requests from outside come to the routes of a service without a mesh.

use serde_json::{Value, json};

use super::workload::at;
use super::{Compiler, cut, get, load_balancer};
use crate::address::Address;
use crate::blueprint::component::load_balancer::{Target, TargetType};
use crate::blueprint::component::platform::offer::Offers;
use crate::blueprint::component::service::Service;
use crate::blueprint::value::Name;
use crate::source::Spanned;

/// `IngressGroup` in the documentation of the AWS Load Balancer Controller.
const GROUP_NAME_MAX: usize = 63;

impl Compiler<'_> {
    /// A target of the blueprint's load balancers that is called like the service and has its port leads to its pods;
    /// without one they get a load balancer by an Ingress. Both need the load balancer controller.
    pub(super) fn routes_of_service(&mut self, name: &Name, service: &Service, offers: &Offers) {
        let Some(port) = &service.port else { return };
        if service.routes.is_empty() || !offers.load_balancers || self.blueprint.istio().is_some() {
            return;
        }
        if let Some((balancer, target)) = self.target_of(name, port.get()) {
            let group = load_balancer::target_group(balancer, target);
            let mut manifest = target_group_binding(&group, name.as_str(), port.get());
            manifest["metadata"] = self.metadata(name.as_str(), name, service);
            self.object(&at(name, "target-group-binding"), TARGET_GROUP_BINDING, manifest);
            return;
        }
        let paths: Vec<Value> = service
            .routes
            .iter()
            .map(|route| {
                json!({
                    "path": route.as_str(),
                    "pathType": "Prefix",
                    "backend": {"service": {"name": name.as_str(), "port": {"number": port.get()}}},
                })
            })
            .collect();
        let paths = json!({"paths": paths});
        let rules: Vec<Value> = if service.hosts.is_empty() {
            vec![json!({"http": paths})]
        } else {
            let hosts = service.hosts.iter();
            hosts.map(|host| json!({"host": host.as_str(), "http": paths})).collect()
        };
        let mut metadata = self.metadata(name.as_str(), name, service);
        metadata["annotations"] = json!({
            // One load balancer for all services of the stack, which only the network reaches: who should be reached from
            // the internet stands behind one of the blueprint's own.
            "alb.ingress.kubernetes.io/group.name": cut(self.blueprint.stack.clone(), GROUP_NAME_MAX),
            "alb.ingress.kubernetes.io/scheme": "internal",
            "alb.ingress.kubernetes.io/target-type": "ip",
            "alb.ingress.kubernetes.io/healthcheck-path":
                service.health.as_ref().map(|health| health.path.as_str()),
        });
        let manifest = json!({
            "metadata": metadata,
            "spec": {"ingressClassName": "alb", "rules": rules},
        });
        self.object(&at(name, "ingress"), "networking.k8s.io/v1/Ingress", manifest);
    }

    fn target_of(&self, service: &Name, port: u32) -> Option<(&Name, &Name)> {
        let fits = |name: &Name, target: &Spanned<Target>| {
            name == service && target.port.get() == port && target.r#type == TargetType::Ip
        };
        self.blueprint.load_balancers.iter().find_map(|(balancer, it)| {
            let (target, _) = it.targets.iter().find(|(name, target)| fits(name, target))?;
            Some((balancer, target))
        })
    }
}

pub(super) const TARGET_GROUP_BINDING: &str = "elbv2.k8s.aws/v1beta1/TargetGroupBinding";

/// Leads a target group to the pods of a Service. The rules of the load balancer let it.
pub(super) fn target_group_binding(group: &Address, service: &str, port: u32) -> Value {
    json!({"spec": {
        "targetGroupARN": get(group, "TargetGroupArn"),
        "targetType": "ip",
        "serviceRef": {"name": service, "port": port},
    }})
}
