//! What the platform gives to services.

use super::Platform;
use crate::blueprint::Blueprint;

/// What services can ask of the cluster beside its own, whichever component of the platform gives it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offers {
    /// Ingresses of class `alb` and `TargetGroupBinding`s are served.
    pub load_balancers: bool,
    /// What reads Secrets Manager for the copies of secrets in the cluster.
    pub secret_store: Option<SecretStore>,
}

/// A store of the External Secrets Operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretStore {
    /// `ClusterSecretStore` or `SecretStore`
    pub kind: &'static str,
    pub name: String,
}

impl Platform {
    /// What its components offer.
    pub fn offers(&self) -> Offers {
        let store = self
            .external_secrets
            .as_ref()
            .map(|it| SecretStore { kind: it.store_kind(), name: it.store.to_string() });
        Offers { load_balancers: self.load_balancer_controller.is_some(), secret_store: store }
    }
}

impl Blueprint {
    /// What the platform offers; nothing without one.
    pub fn offers(&self) -> Offers {
        self.platform.as_ref().map(|platform| platform.offers()).unwrap_or_default()
    }
}
