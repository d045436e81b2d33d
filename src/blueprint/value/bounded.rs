use std::fmt;
use std::str::FromStr;

use crate::blueprint::decode::{Decode, Decoder, Invalid, Word};
use crate::blueprint::node::{Node, Scalar, Value};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{Duration, Size};
use crate::diagnostic::{Diagnostic, listed};

/// A whole number between two bounds, which are part of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Int<MIN, MAX> {
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> fmt::Display for Int<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: u32, const MAX: u32> FromStr for Int<MIN, MAX> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let number = if is_negative(text) { None } else { u32::try_from(whole_number(text)?).ok() };
        let number = number.filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or_else(|| Invalid::new(format!("must be between {MIN} and {MAX}")))
    }
}

impl<const MIN: u32, const MAX: u32> Decode for Int<MIN, MAX> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let Value::Scalar(scalar) = &node.value else {
            decoder.wrong_type(node, "a whole number");
            return None;
        };
        let Scalar { text, plain } = scalar;
        let expected = format!("expected a whole number, found {}", node.describe());
        let problem = match text.parse() {
            Ok(number) if *plain => return Some(number),
            Ok(_) => Diagnostic::error(expected)
                .at(node.span, "is in quotes")
                .hint(format!("Write `{text}` without quotes.")),
            Err(Invalid { reason, hint }) => {
                let number = whole_number(text).is_ok() || is_negative(text);
                let range = format!("`{}` is out of range", scalar.excerpt());
                let problem = Diagnostic::error(if number { range } else { expected });
                hint.into_iter().fold(problem.at(node.span, reason), Diagnostic::hint)
            }
        };
        decoder.report(problem);
        None
    }

    fn shape() -> Shape {
        Shape::Integer { min: u64::from(MIN), max: u64::from(MAX) }
    }
}

/// Declares a quantity of whole units between two bounds, which are part of the language.
macro_rules! bounded {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident($base:ident, $count:expr, $unit:literal, $whole:literal, $noun:literal);
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name<const MIN: u32, const MAX: u32>(u32);

        impl<const MIN: u32, const MAX: u32> $name<MIN, MAX> {
            pub fn get(self) -> u32 {
                self.0
            }
        }

        impl<const MIN: u32, const MAX: u32> fmt::Display for $name<MIN, MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}", $unit), self.0)
            }
        }

        impl<const MIN: u32, const MAX: u32> FromStr for $name<MIN, MAX> {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let count: fn($base) -> Option<u64> = $count;
                let Some(count) = count(text.parse()?) else {
                    return Err(Invalid::new(concat!("must be ", $whole)));
                };
                let count = u32::try_from(count).ok().filter(|it| (MIN..=MAX).contains(it));
                count.map(Self).ok_or_else(|| Invalid::new("out of range"))
            }
        }

        impl<const MIN: u32, const MAX: u32> Word for $name<MIN, MAX> {
            fn shape() -> Shape {
                let (min, max) = (Self(MIN), Self(MAX));
                Shape::word(format!(concat!($noun, " between `{}` and `{}`"), min, max), &[])
            }

            fn pattern() -> Option<String> {
                $base::pattern()
            }
        }
    };
}

bounded! {
    /// A duration of whole days.
    pub struct Days(Duration, Duration::as_days, "d", "whole days", "a duration");
}

bounded! {
    /// A duration in seconds.
    pub struct Seconds(Duration, |it| Some(it.seconds), "s", "seconds", "a duration");
}

bounded! {
    /// A size of whole KiB.
    pub struct Kib(Size, Size::as_kib, "Ki", "whole `Ki`", "a size");
}

bounded! {
    /// A size of whole MiB.
    pub struct Mib(Size, Size::as_mib, "Mi", "whole `Mi`", "a size");
}

bounded! {
    /// A size of whole GiB.
    pub struct Gib(Size, Size::as_gib, "Gi", "whole `Gi`", "a size");
}

/// Decimal digits without a leading zero, which YAML 1.1 takes for octal and 1.2 does not. Saturates.
pub(super) fn whole_number(text: &str) -> Result<u64, Invalid> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::new("only digits make a whole number"));
    }
    if text.len() > 1 && text.starts_with('0') {
        let digits = text.trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        return Err(Invalid::new("starts with a zero")
            .hint(format!("Write `{digits}`: some YAML tools read a leading zero as octal.")));
    }
    // Digits alone can only be too many.
    Ok(text.parse().unwrap_or(u64::MAX))
}

fn is_negative(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|digits| whole_number(digits).is_ok())
}

/// A whole number and one of some units, as how many of the smallest unit.
pub(super) fn amount(text: &str, units: &[(&str, u64)], missing: &str) -> Result<u64, Invalid> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let names = listed(units.iter().map(|(name, _)| *name));
    if number.is_empty() || unit.starts_with(['.', ',']) {
        return Err(
            Invalid::new("must be a whole number and a unit").hint(format!("Units are {names}."))
        );
    }
    if unit.is_empty() {
        return Err(Invalid::new("a unit is missing").hint(missing.replace("{}", text)));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(
            Invalid::new(format!("unknown unit `{unit}`")).hint(format!("Units are {names}."))
        );
    };
    let number = whole_number(number)?;
    number.checked_mul(*factor).ok_or_else(|| Invalid::new("is too much"))
}

/// An amount in the largest unit that divides it.
pub(super) fn in_largest_unit(
    amount: u64,
    units: &[(&str, u64)],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let divides = |(_, factor): &&(&str, u64)| amount != 0 && amount.is_multiple_of(*factor);
    match units.iter().find(divides).or(units.last()) {
        Some((name, factor)) => write!(f, "{}{name}", amount / factor),
        None => write!(f, "{amount}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_know_their_bounds() {
        assert_eq!("7d".parse::<Days<0, 35>>().unwrap().get(), 7);
        assert_eq!("48h".parse::<Days<0, 35>>().unwrap().to_string(), "2d");
        let reason = |text: &str| text.parse::<Days<1, 35>>().unwrap_err().reason;
        assert_eq!(reason("36d"), "out of range");
        assert_eq!(reason("0d"), "out of range");
        assert_eq!(reason("36h"), "must be whole days");
        assert_eq!("1Ti".parse::<Gib<20, 65536>>().unwrap().get(), 1024);
        assert!("9999999999999d".parse::<Seconds<0, 10>>().is_err());
    }

    #[test]
    fn bounds_and_zeros() {
        type Count = Int<1, 20>;
        assert_eq!("20".parse::<Count>().unwrap().get(), 20);
        for bad in ["", "0", "21", "010", "1e1", "+1", "-1", "1.0", "0x1", "99999999999999999999"] {
            assert!(bad.parse::<Count>().is_err(), "{bad}");
        }
        assert_eq!(whole_number("0"), Ok(0));
        assert!(whole_number("00").unwrap_err().hint.unwrap().starts_with("Write `0`"));
    }
}
