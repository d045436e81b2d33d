//! A resource in CloudFormation's words.

use super::Compiler;
use crate::address::Address;
use crate::blueprint::component::resource::{OnDelete, Resource};
use crate::blueprint::value::Name;
use crate::kind::DeletionPolicy;
use crate::kinds::k8s_object;

impl Compiler<'_> {
    pub(super) fn resource(&mut self, name: &Name, resource: &Resource) {
        let address = Address::of(&format!("resources.{name}"), "resource");
        let after: Vec<Address> = resource.after.iter().map(|it| it.address()).collect();
        let policy = match resource.on_delete {
            OnDelete::Delete => DeletionPolicy::Delete,
            OnDelete::Snapshot => DeletionPolicy::Snapshot,
            OnDelete::Retain => DeletionPolicy::Retain,
        };
        let mut properties = resource.properties.value.value.clone();
        if k8s_object::is_object(resource.r#type.as_str()) && properties.get("cluster").is_none() {
            properties["cluster"] = self.cluster_of_objects();
        }
        let added = self.add(&address, resource.r#type.as_str(), properties);
        let added = added.after_all(&after).deletion(policy);
        if let Some(region) = &resource.region {
            added.region(region.as_str());
        }
    }
}
