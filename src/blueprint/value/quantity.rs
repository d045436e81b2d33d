use std::fmt;
use std::str::FromStr;

use super::bounded::{amount, in_largest_unit, whole_number};
use crate::blueprint::decode::{Invalid, Word};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{Gib, Int};

/// An amount of storage. Printed in the largest unit that divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    pub bytes: u64,
}

/// The units of a [`Size`] and their bytes, the largest first.
const UNITS: [(&str, u64); 4] =
    [("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];

impl Size {
    pub const fn gib(gib: u64) -> Self {
        Self { bytes: gib << 30 }
    }

    /// In KiB; `None` if it is not a whole number of them.
    pub fn as_kib(self) -> Option<u64> {
        self.bytes.is_multiple_of(1 << 10).then_some(self.bytes >> 10)
    }

    /// In MiB; `None` if it is not a whole number of them.
    pub fn as_mib(self) -> Option<u64> {
        self.bytes.is_multiple_of(1 << 20).then_some(self.bytes >> 20)
    }

    /// In GiB, which is what AWS counts volumes in; `None` if it is not a whole number of them.
    pub fn as_gib(self) -> Option<u64> {
        self.bytes.is_multiple_of(1 << 30).then_some(self.bytes >> 30)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        in_largest_unit(self.bytes, &UNITS, f)
    }
}

impl FromStr for Size {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let decimal = text.strip_suffix('B').unwrap_or(text);
        if let Some(c @ ('K' | 'M' | 'G' | 'T')) = decimal.chars().next_back() {
            return Err(Invalid::new(format!("unknown unit `{}`", &text[decimal.len() - 1..]))
                .hint(format!(
                    "Write `{}{c}i`: units are powers of 1024.",
                    &decimal[..decimal.len() - 1]
                )));
        }
        let bytes = amount(text, &UNITS, "Write `{}Gi` for {} GiB.")?;
        Ok(Self { bytes })
    }
}

impl Word for Size {
    fn shape() -> Shape {
        Shape::word("a size", &["20Gi", "1Ti"])
    }

    fn pattern() -> Option<String> {
        Some(format!("^{SIZE}$"))
    }
}

/// What a [`Size`] matches.
const SIZE: &str = "(0|[1-9][0-9]*)(Ki|Mi|Gi|Ti)";

/// What a [`Range`] of values that match `one` matches.
pub(super) fn range_of(one: &str) -> String {
    format!(r"^({one}|\s*{one}\s*\.\.\s*{one}\s*)$")
}

/// From a smallest to a largest value, both included: `2..10`. A single value is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<T> {
    pub min: T,
    pub max: T,
}

impl<T: fmt::Display + PartialEq> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(f, "{}", self.min)
        } else {
            write!(f, "{}..{}", self.min, self.max)
        }
    }
}

impl<T: FromStr<Err = Invalid> + fmt::Display + PartialOrd + Copy> FromStr for Range<T> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let Some((min, max)) = text.split_once("..") else {
            let value = text.parse()?;
            return Ok(Self { min: value, max: value });
        };
        if max.starts_with(['.', '=']) {
            return Err(Invalid::new("must be `min..max`").hint("The maximum is part of a range."));
        }
        if min.is_empty() || max.is_empty() {
            return Err(Invalid::new("a range needs both ends"));
        }
        let (min, max): (T, T) = (min.trim().parse()?, max.trim().parse()?);
        if max < min {
            return Err(Invalid::new("the maximum is below the minimum")
                .hint(format!("Write `{max}..{min}`.")));
        }
        Ok(Self { min, max })
    }
}

impl<const MIN: u32, const MAX: u32> Word for Range<Gib<MIN, MAX>> {
    fn shape() -> Shape {
        let what = format!("{} or a range of them", Gib::<MIN, MAX>::shape().describe());
        Shape::word(what, &["20Gi", "20Gi..1Ti"])
    }

    fn pattern() -> Option<String> {
        Some(range_of(SIZE))
    }
}

impl Word for Range<Size> {
    fn shape() -> Shape {
        Shape::word("a size or a range of them", &["256Mi", "128Mi..256Mi"])
    }

    fn pattern() -> Option<String> {
        Some(range_of(SIZE))
    }
}

impl<const MIN: u32, const MAX: u32> Word for Range<Int<MIN, MAX>> {
    fn shape() -> Shape {
        Shape::word("a number or a range of numbers", &["3", "2..10"])
    }

    fn pattern() -> Option<String> {
        Some(range_of("(0|[1-9][0-9]*)"))
    }
}

/// A share in whole percent, at most 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    pub fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl FromStr for Percent {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let Some(number) = text.strip_suffix('%') else {
            return Err(Invalid::new("the `%` is missing").hint("Write a share such as `70%`."));
        };
        match u8::try_from(whole_number(number)?) {
            Ok(share @ 0..=100) => Ok(Self(share)),
            _ => Err(Invalid::new("must be at most 100%")),
        }
    }
}

impl Word for Percent {
    fn shape() -> Shape {
        Shape::word("a percentage", &["70%"])
    }

    fn pattern() -> Option<String> {
        Some("^(100|[1-9]?[0-9])%$".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;
    use proptest::prelude::*;

    fn reason<T: FromStr<Err = Invalid> + fmt::Debug>(text: &str) -> String {
        text.parse::<T>().unwrap_err().reason
    }

    #[test]
    fn sizes() {
        assert_eq!("20Gi".parse(), Ok(Size::gib(20)));
        assert_eq!("1Ti".parse(), Ok(Size::gib(1024)));
        assert_eq!(Size::gib(2048).to_string(), "2Ti");
        assert_eq!("1536Mi".parse::<Size>().unwrap().as_gib(), None);
        assert_eq!(reason::<Size>("20"), "a unit is missing");
        assert_eq!(reason::<Size>("20GB"), "unknown unit `GB`");
        assert_eq!(reason::<Size>("99999999999Ti"), "is too much");
        assert!("Gi".parse::<Size>().is_err() && "".parse::<Size>().is_err());
    }

    #[test]
    fn ranges() {
        type Count = Int<0, 100>;
        assert_round_trip::<Range<Count>>("2..10");
        assert_round_trip::<Range<Count>>("3");
        assert_round_trip::<Range<Size>>("20Gi..1Ti");
        assert_eq!(reason::<Range<Count>>("10..2"), "the maximum is below the minimum");
        assert_eq!(reason::<Range<Count>>("2.."), "a range needs both ends");
        assert_eq!(reason::<Range<Count>>("2...10"), "must be `min..max`");
        assert_eq!(reason::<Range<Count>>("2..101"), "must be between 0 and 100");
    }

    #[test]
    fn percentages() {
        assert_round_trip::<Percent>("70%");
        for bad in ["70", "101%", "%", "-1%", "300%"] {
            assert!(bad.parse::<Percent>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn sizes_round_trip(kib in 0u64..1 << 50) {
            let size = Size { bytes: kib << 10 };
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }

        #[test]
        fn nothing_panics(text in ".{0,12}") {
            let _ = text.parse::<Size>();
            let _ = text.parse::<Range<Size>>();
            let _ = text.parse::<Percent>();
        }
    }
}
