//! The words of the graph, as a blueprint writes them: addresses, kinds, properties.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::blueprint::decode::{Decode, Decoder, Invalid};
use crate::blueprint::node::Node;
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{ensure, word};
use crate::kinds::k8s_object::is_object;
use crate::source::Span;

word! {
    /// The address of a resource: a component and the resource's role in it.
    pub struct ResourceAddress("the address of a resource", ["databases.orders/instance"], |text| {
        text.parse::<Address>().map(drop).map_err(|error| {
            Invalid::new(error.to_string()).hint("Addresses are those that `platctl plan` shows: a component, `/`, and a role.")
        })
    }, "[A-Za-z0-9_.:@+=-]+/[A-Za-z0-9_./:@+=-]+");
}

impl ResourceAddress {
    pub fn address(&self) -> Address {
        self.as_str().parse().expect("it was parsed when it was read")
    }
}

word! {
    /// The path of a component, or the address of a single resource.
    pub struct Place("a component or an address", ["databases.orders", "resources.vault/resource"], |text| {
        let probe = if text.contains('/') { text.to_owned() } else { format!("{text}/role") };
        probe.parse::<Address>().map(drop).map_err(|error| Invalid::new(error.to_string()))?;
        ensure(text.contains(['.', '/']), "must be a section and a name, such as `databases.orders`")
    }, "(?=.*[./])[A-Za-z0-9_.:@+=-]+(/[A-Za-z0-9_./:@+=-]+)?");
}

word! {
    /// A resource type of CloudFormation.
    pub struct KindName("a CloudFormation type or a kind of Kubernetes", ["AWS::EC2::VPC", "apps/v1/Deployment"], |text| {
        let parts: Vec<&str> = text.split("::").collect();
        let named = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let of_aws = parts.len() == 3 && parts.iter().all(named);
        ensure(of_aws || is_object(text), "must be `AWS::Service::Type`, or `group/version/Kind` for Kubernetes")
    }, "[A-Za-z0-9]+(::[A-Za-z0-9]+){2}|([a-z0-9.-]+/)?v[0-9][A-Za-z0-9]*/[A-Z][A-Za-z0-9]*");
}

word! {
    /// What the cloud calls a resource: an id, a name or an ARN.
    pub struct CloudId("the id of a resource", ["vpc-0a1b2c3d4e5f67890"], |text| {
        ensure(!text.is_empty(), "is empty")?;
        ensure(text.bytes().all(|b| b.is_ascii_graphic()), "has a space or a special character")
    });
}

/// Properties of a resource by CloudFormation's names, handed on as they are.
#[derive(Debug, Clone, Default)]
pub struct Properties {
    /// An object.
    pub value: serde_json::Value,
    /// Where each was written.
    pub places: BTreeMap<String, Span>,
}

impl PartialEq for Properties {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Decode for Properties {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mapping = decoder.mapping(node, "Write `{}` for none.")?;
        let places = mapping.entries.iter().map(|it| (it.key.value.clone(), it.key.span)).collect();
        Some(Self { value: serde_json::Value::decode(node, decoder)?, places })
    }

    fn shape() -> Shape {
        let key = Shape::word("a property of CloudFormation", &["CidrBlock"]);
        Shape::Map { key: Box::new(key), value: Box::new(Shape::Any) }
    }

    fn absent() -> Option<Self> {
        Some(Self { value: serde_json::json!({}), places: BTreeMap::new() })
    }
}
