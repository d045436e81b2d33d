//! `identities`: IAM roles for workloads and AWS services, with just the permissions they need.

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::component::cluster::POD_IDENTITY_AGENT;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{Access, ComponentType, Reference};
use crate::blueprint::value::{Arn, IamAction, Name, Seconds, ServiceAccount, Trusted};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// An IAM role and who may assume it.
    pub struct Identity("an identity") {
        /// What it is for.
        pub description: Option<Spanned<String>>,
        /// The Kubernetes service account whose pods get the role.
        pub service_account: Option<Spanned<ServiceAccount>>,
        /// How they get it.
        pub via: Spanned<Via> = "pod-identity",
        /// Who may assume the role: AWS services, or `account` for those of this account whom IAM lets.
        pub trust: Vec<Spanned<Trusted>>,
        /// The components that it uses, and how: `secret.api:read`.
        pub uses: Vec<Spanned<Reference>>,
        /// Managed policies.
        pub policies: Vec<Spanned<Arn>>,
        /// Permissions that no component stands for.
        pub statements: Vec<Spanned<Statement>>,
        /// How long a session may last.
        pub max_session: Seconds<3_600, 43_200> = "1h",
    }
}

schema! {
    /// How pods get a role.
    pub enum Via {
        /// From the agent of EKS Pod Identity on their node.
        PodIdentity = "pod-identity",
        /// With the token of their service account, by the cluster's identity provider.
        Irsa = "irsa",
    }
}

schema! {
    /// A permission.
    pub struct Statement("a statement") {
        /// The actions.
        pub allow: Spanned<Vec<Spanned<IamAction>>>,
        /// The ARNs of the resources, with wildcards.
        pub on: Spanned<Vec<Spanned<String>>>,
        /// Conditions, as IAM writes them.
        pub when: Option<serde_json::Value>,
    }
}

impl Component for Identity {
    const TYPE: ComponentType = ComponentType::Identity;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        check.name_length(name.as_str(), at, 64, "an IAM role");
        self.check_account(name, check);
        self.check_trust(at, check);
        self.check_permissions(check);
    }
}

impl Identity {
    fn check_trust(&self, at: Span, check: &mut Check<'_>) {
        match &self.service_account {
            None if self.trust.is_empty() => check.report(
                Diagnostic::error("nobody may assume the role")
                    .at(at, "has neither `serviceAccount` nor `trust`"),
            ),
            None => {}
            Some(account) => {
                check.needs_cluster("a service account", account.span);
                self.check_via(account, check);
            }
        }
    }

    /// A service account has one role, or none.
    fn check_account(&self, name: &Name, check: &mut Check<'_>) {
        let Some(account) = &self.service_account else { return };
        let earlier = check.blueprint.identities.range(..name).map(|(_, identity)| identity);
        let mut accounts = earlier.filter_map(|identity| identity.service_account.as_ref());
        if let Some(first) = accounts.find(|it| it.value == account.value) {
            check.report(
                Diagnostic::error(format!("service account `{account}` has two roles"))
                    .at(account.span, "given another here")
                    .also(first.span, "given one here"),
            );
        }
    }

    fn check_via(&self, account: &Spanned<ServiceAccount>, check: &mut Check<'_>) {
        let Some(cluster) = &check.blueprint.cluster else { return };
        match self.via.value {
            Via::Irsa if !cluster.oidc => check.report(
                Diagnostic::error("IRSA needs the cluster to be an identity provider")
                    .at(self.via.span, "asks for IRSA")
                    .hint("Set `oidc: true` in `cluster`."),
            ),
            Via::PodIdentity if !cluster.has_pod_identity_agent() => check.report(
                Diagnostic::error(format!("pods of `{account}` cannot get the role"))
                    .at(account.span, format!("needs the add-on `{POD_IDENTITY_AGENT}`"))
                    .hint(format!("Add `{POD_IDENTITY_AGENT}: {{}}` to the cluster's `addons`.")),
            ),
            Via::Irsa | Via::PodIdentity => {}
        }
    }

    fn check_permissions(&self, check: &mut Check<'_>) {
        check.uses("an identity", &self.uses);
        for reference in &self.uses {
            if let Some(Access::Connect) = reference.access
                && self.service_account.is_none()
            {
                check.report(
                    Diagnostic::error(format!("`{reference}` needs a service account"))
                        .at(reference.span, "only pods have a network path"),
                );
            }
        }
        for policy in &self.policies {
            if policy.service() != "iam" || !policy.resource().starts_with("policy/") {
                check.report(
                    Diagnostic::error(format!("`{policy}` is not a managed policy"))
                        .at(policy.span, "must be the ARN of an IAM policy"),
                );
            }
        }
        for statement in &self.statements {
            let Statement { allow, on, when: _ } = &statement.value;
            let lists = [(allow.span, allow.is_empty()), (on.span, on.is_empty())];
            for (span, _) in lists.into_iter().filter(|(_, empty)| *empty) {
                check.report(
                    Diagnostic::error("a statement needs actions and resources")
                        .at(span, "the list is empty"),
                );
            }
            if allow.iter().any(|it| it.as_str() == "*") && on.iter().any(|it| it.value == "*") {
                check.report(
                    Diagnostic::warning("the statement allows everything on everything")
                        .at(allow.span, "all actions")
                        .also(on.span, "all resources"),
                );
            }
        }
    }
}
