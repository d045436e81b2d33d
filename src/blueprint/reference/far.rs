//! What stands in another region of the stack: `orders@home`, `loadBalancer.public@dr`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use super::{ComponentType, HOME, Mention, Parsed, Place, Reference};
use crate::blueprint::component::Component;
use crate::blueprint::decode::{Decode, Decoder, Invalid, Word};
use crate::blueprint::node::Node;
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{NAME_PATTERN, Name};
use crate::diagnostic::with_article;

/// The name of a component in another region of the stack: `orders@home`, `assets@dr`.
pub struct FarLink<C: Component> {
    pub name: Name,
    /// The name of the region; `home` is the blueprint's own.
    pub region: Name,
    component: PhantomData<fn() -> C>,
}

impl<C: Component> FarLink<C> {
    pub fn is_home(&self) -> bool {
        self.region.as_str() == HOME
    }

    /// The beginning of the addresses of what stands there.
    pub fn scope(&self) -> String {
        scope(&self.region)
    }
}

fn scope(region: &Name) -> String {
    if region.as_str() == HOME { format!("{HOME}.") } else { format!("regions.{region}.") }
}

impl<C: Component> Decode for FarLink<C> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let Far { name, region } = decoder.word(node)?;
        let place = Place::of(&region);
        let at = node.part(0..name.as_str().len());
        decoder.mentions.push(Mention {
            component: C::TYPE,
            name: name.to_string(),
            span: at,
            place,
        });
        let name = decoder.former.of(Some(region.as_str()), C::TYPE, name);
        Some(Self { name, region, component: PhantomData })
    }

    fn shape() -> Shape {
        let what = format!("the name of {} in another region", with_article(C::TYPE.noun()));
        Shape::word(what, &["orders@home"]).parsed_as::<Far>()
    }
}

/// A [`FarLink`] before it is recorded as a [`Mention`].
struct Far {
    name: Name,
    region: Name,
}

impl FromStr for Far {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let Some((name, region)) = text.split_once('@') else {
            return Err(Invalid::new("must be a name and a region with `@` between").hint(
                format!("Write `{text}@{HOME}` for the blueprint's own region, `{text}@REGION` for another one."),
            ));
        };
        Ok(Self { name: name.parse()?, region: region.parse()? })
    }
}

impl fmt::Display for Far {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.region)
    }
}

impl Word for Far {
    fn shape() -> Shape {
        Shape::word("the name of a component in another region", &["orders@home", "assets@dr"])
    }

    fn pattern() -> Option<String> {
        Some(format!("^{NAME_PATTERN}@{NAME_PATTERN}$"))
    }
}

impl<C: Component> Clone for FarLink<C> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), region: self.region.clone(), component: PhantomData }
    }
}

impl<C: Component> PartialEq for FarLink<C> {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.region) == (&other.name, &other.region)
    }
}

impl<C: Component> fmt::Debug for FarLink<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{self}", C::TYPE)
    }
}

impl<C: Component> fmt::Display for FarLink<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.region)
    }
}

/// A component in the same region or, with `@` and its name, in another one of the stack: `loadBalancer.public@dr`.
#[derive(Debug, Clone, PartialEq)]
pub struct FarReference {
    pub component: ComponentType,
    pub name: Name,
    /// `None` for where the reference stands; `home` is the blueprint's own region.
    pub region: Option<Name>,
}

impl FarReference {
    /// The beginning of the addresses of what stands there.
    pub fn scope(&self) -> String {
        self.region.as_ref().map(scope).unwrap_or_default()
    }
}

impl FromStr for FarReference {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (text, region) = match text.split_once('@') {
            Some((text, region)) => (text, Some(region.parse()?)),
            None => (text, None),
        };
        let Reference { component, name, access: _ } = text.parse()?;
        Ok(Self { component, name, region })
    }
}

impl fmt::Display for FarReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.component, self.name)?;
        self.region.as_ref().map_or(Ok(()), |region| write!(f, "@{region}"))
    }
}

impl Decode for FarReference {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let ParsedFar(Self { component, name, region }) = decoder.word(node)?;
        let start = component.as_str().len() + 1;
        let span = node.part(start..start + name.as_str().len());
        let place = region.as_ref().map_or(Place::Here, Place::of);
        decoder.mentions.push(Mention { component, name: name.to_string(), span, place });
        let name = match &region {
            Some(region) => decoder.former.of(Some(region.as_str()), component, name),
            None => decoder.known_as(component, name),
        };
        Some(Self { component, name, region })
    }

    fn shape() -> Shape {
        <ParsedFar as Decode>::shape()
    }
}

/// A [`FarReference`] before it is recorded as a [`Mention`].
struct ParsedFar(FarReference);

impl FromStr for ParsedFar {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ParsedFar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Word for ParsedFar {
    fn shape() -> Shape {
        Shape::word("a reference", &["loadBalancer.public", "loadBalancer.public@dr"])
    }

    fn pattern() -> Option<String> {
        let here = Parsed::pattern()?;
        let here = here.trim_start_matches('^').trim_end_matches('$');
        Some(format!("^{here}(@{NAME_PATTERN})?$"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;

    #[test]
    fn references_to_other_regions() {
        assert_round_trip::<FarReference>("loadBalancer.public@dr");
        assert_round_trip::<FarReference>("cdn.shop");
        let parse = |text: &str| text.parse::<FarReference>();
        assert_eq!(parse("loadBalancer.public@home").unwrap().scope(), "home.");
        assert_eq!(parse("loadBalancer.public@dr").unwrap().scope(), "regions.dr.");
        assert_eq!(parse("loadBalancer.public").unwrap().scope(), "");
        for bad in ["public@dr", "loadBalancer.public@", "loadBalancer.public@DR", "cdn.a@b@c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let elsewhere = "queue.orders@dr".parse::<Reference>().unwrap_err();
        assert_eq!(elsewhere.reason, "stands in another region");
    }
}
