//! The components: one file for each type, with its language, its defaults and its checks.

pub mod alarm;
pub mod audit;
pub mod bucket;
pub mod cache;
pub mod cdn;
pub mod certificate;
pub mod chart;
pub mod cluster;
pub mod dashboard;
pub mod database;
pub mod dns;
pub mod existing;
pub mod firewall;
pub mod function;
pub mod identity;
pub mod key;
pub mod load_balancer;
pub mod log;
pub mod manifest;
pub mod metric;
pub mod network;
pub mod parameter;
pub mod platform;
pub mod queue;
pub mod registry;
pub mod resource;
pub mod route;
pub mod secret;
pub mod security_group;
pub mod service;
pub mod table;
pub mod topic;
pub mod variable;

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::check::Check;
use super::decode::{Decode, Decoder, Word, decode_map};
use super::node::Node;
use super::reference::ComponentType;
use super::shape::Shape;
use crate::source::{Span, Spanned};

/// What every type of component has.
#[allow(private_bounds, private_interfaces, reason = "sealed: components are declared here")]
pub trait Component: Decode {
    const TYPE: ComponentType;

    /// What its components are called by.
    type Name: Word + Clone + Debug + Ord;

    /// Reports what is wrong although every value by itself is right. `at` is the place of the
    /// component's key.
    fn check(&self, name: &Self::Name, at: Span, check: &mut Check<'_>);
}

/// The components of one type. One that cannot be decoded is left out after its problems were
/// reported, so that the others are still checked. The span of each is that of its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named<C: Component>(pub(crate) BTreeMap<C::Name, Spanned<C>>);

impl<C: Component> Decode for Named<C> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let entries = decode_map::<C::Name, C>(node, decoder).unwrap_or_default();
        let valid = entries.into_iter().filter_map(|(name, value)| {
            let name = name?;
            Some((decoder.known_as(C::TYPE, name.value), Spanned::new(value?, name.span)))
        });
        Some(Self(valid.collect()))
    }

    fn shape() -> Shape {
        let name = <C::Name as Decode>::shape();
        Shape::Map { key: Box::new(name), value: Box::new(C::shape()) }
    }

    fn absent() -> Option<Self> {
        Some(Self(BTreeMap::new()))
    }
}

/// The component of a type of which there is at most one; as [`Named`] otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Only<C>(pub(crate) Option<Spanned<C>>);

impl<C: Component> Decode for Only<C> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let key = decoder.owner(node);
        Some(Self(C::decode(node, decoder).map(|component| Spanned::new(component, key))))
    }

    fn shape() -> Shape {
        C::shape()
    }

    fn absent() -> Option<Self> {
        Some(Self(None))
    }
}

/// A value of the header, without which the rest can still be checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header<T>(pub(crate) Option<T>);

impl<T: Decode> Decode for Header<T> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        Some(Self(T::decode(node, decoder)))
    }

    fn shape() -> Shape {
        T::shape()
    }

    fn absent() -> Option<Self> {
        T::absent().map(|value| Self(Some(value)))
    }

    fn missing() -> Option<Self> {
        Some(Self(None))
    }
}
