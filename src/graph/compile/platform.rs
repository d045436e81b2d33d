//! What the cluster runs beside the services, as far as charts do not make it.

mod istio;

use super::Compiler;
use crate::blueprint::component::platform::Platform;

impl Compiler<'_> {
    pub(super) fn platform(&mut self, platform: &Platform) {
        if let Some(istio) = &platform.istio {
            self.istio(istio);
        }
    }
}
