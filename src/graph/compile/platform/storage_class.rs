//! The storage class of volumes of EBS.

use serde_json::{Value, json};

use crate::address::Address;
use crate::blueprint::component::platform::storage_class::{ReclaimPolicy, VolumeClass};
use crate::graph::compile::Compiler;

impl Compiler<'_> {
    pub(super) fn storage_class(&mut self, class: &VolumeClass) {
        let name = class.name.as_str();
        let annotations = class
            .default
            .then(|| -> Value { json!({"storageclass.kubernetes.io/is-default-class": "true"}) });
        let spec = json!({
            "metadata": {"name": name, "annotations": annotations},
            "provisioner": "ebs.csi.aws.com",
            // A volume stands in one zone: that of the pod that wants it.
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": true,
            "reclaimPolicy": match class.reclaim {
                ReclaimPolicy::Delete => "Delete",
                ReclaimPolicy::Retain => "Retain",
            },
            "parameters": {"type": "gp3", "encrypted": "true"},
        });
        let at = Address::of("platform.storageClass", &format!("storageclass/{name}"));
        self.object(&at, "storage.k8s.io/v1/StorageClass", spec);
    }
}
