//! What the components of the platform need of AWS, and the objects that stand beside their charts.

use serde_json::{Value, json};

use super::{Compiler, get, pod_identity_trust};
use crate::address::Address;
use crate::blueprint::component::dns::Zone;
use crate::blueprint::component::platform::Platform;
use crate::blueprint::reference::Link;
use crate::blueprint::value::{DomainName, Name, ServiceAccount};
use crate::kind::reference::join;
use crate::source::Spanned;

mod argo_cd;
mod cert_manager;
mod cloudwatch;
mod cluster_autoscaler;
mod external_dns;
mod external_secrets;
mod istio;
mod karpenter;
mod load_balancer_controller;
mod prometheus;
mod storage_class;

impl Compiler<'_> {
    pub(super) fn platform(&mut self, platform: &Platform) {
        platform.argo_cd.iter().for_each(|it| self.argo_cd(it));
        platform.cert_manager.iter().for_each(|it| self.cert_manager(it));
        platform.cloudwatch.iter().for_each(|it| self.cloudwatch(it));
        platform.cluster_autoscaler.iter().for_each(|it| self.cluster_autoscaler(it));
        platform.external_dns.iter().for_each(|it| self.external_dns(it));
        platform.external_secrets.iter().for_each(|it| self.external_secrets(it));
        platform.istio.iter().for_each(|it| self.istio(it));
        platform.karpenter.iter().for_each(|it| self.karpenter(it));
        platform.load_balancer_controller.iter().for_each(|it| self.load_balancer_controller(it));
        platform.prometheus.iter().for_each(|it| self.prometheus(it));
        platform.storage_class.iter().for_each(|it| self.storage_class(it));
    }

    /// The role of a component's pods, with a policy of these statements.
    fn platform_role(
        &mut self,
        component: &str,
        namespace: &Name,
        account: &str,
        statements: Vec<Value>,
    ) -> Address {
        let role = Address::of(component, "role");
        let spec = json!({
            "RoleName": self.platform_role_name(account),
            "Description": format!("pods of {account}"),
            "AssumeRolePolicyDocument": pod_identity_trust(),
        });
        self.add(&role, "AWS::IAM::Role", spec);
        let spec = json!({
            "RoleName": get(&role, "RoleName"),
            "PolicyName": account,
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        });
        self.add(&Address::of(component, "policy"), "AWS::IAM::RolePolicy", spec);
        let account = ServiceAccount { namespace: namespace.to_string(), name: account.to_owned() };
        self.pod_identity(component, &account, &role);
        role
    }

    /// Services and identities have roles, too.
    fn platform_role_name(&self, account: &str) -> String {
        self.role_name(&format!("platform-{account}"))
    }

    /// The ARN of a hosted zone.
    fn zone_arn(&self, domain: &DomainName) -> Value {
        let prefix = format!("arn:{}:route53:::hostedzone/", self.account.partition);
        join([json!(prefix), self.zone_id(domain)])
    }

    fn zone_id(&self, domain: &DomainName) -> Value {
        get(&self.zone_of(domain), "Id")
    }

    /// The zones that are named, or all that the blueprint has, that of which this is a part included.
    fn zones_named(&self, named: &[Spanned<Link<Zone>>]) -> Vec<DomainName> {
        let here = self.blueprint.zones_of(named);
        let found = if here.is_empty() { self.home.zones_of(named) } else { here };
        found.into_iter().cloned().collect()
    }

    /// The same, without those that only the network sees.
    fn public_zones_named(&self, named: &[Spanned<Link<Zone>>]) -> Vec<DomainName> {
        let private =
            |domain: &DomainName| self.home.dns.get(domain).is_some_and(|zone| zone.private.value);
        let mut zones = self.zones_named(named);
        zones.retain(|domain| !private(domain));
        zones
    }
}

fn allow(actions: &[&str], resources: Value) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

fn allow_when(actions: &[&str], resources: Value, condition: Value) -> Value {
    let mut statement = allow(actions, resources);
    statement["Condition"] = condition;
    statement
}
