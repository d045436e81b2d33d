use std::fmt;
use std::str::FromStr;

use crate::blueprint::decode::{Decode, Decoder, Invalid};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::shape::Shape;
use crate::diagnostic::Diagnostic;

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
        let number = whole_number(text)?;
        match u32::try_from(number) {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(Invalid::new(format!("must be between {MIN} and {MAX}"))),
        }
    }
}

impl<const MIN: u32, const MAX: u32> Decode for Int<MIN, MAX> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let what = "a whole number";
        let Value::Scalar(scalar) = &node.value else {
            decoder.wrong_type(node, what);
            return None;
        };
        match scalar.text.parse() {
            Ok(_) if !scalar.plain => {
                let summary = format!("expected {what}, found {}", node.describe());
                decoder.report(
                    Diagnostic::error(summary)
                        .at(node.span, "is in quotes")
                        .hint(format!("Write `{}` without quotes.", scalar.text)),
                );
                None
            }
            Ok(number) => Some(number),
            Err(Invalid { reason, hint }) => {
                let in_range = scalar.text.chars().all(|c| c.is_ascii_digit());
                let summary = if in_range && !scalar.text.starts_with('0') {
                    format!("`{}` is out of range", scalar.excerpt())
                } else {
                    format!("expected {what}, found {}", node.describe())
                };
                let problem = Diagnostic::error(summary).at(node.span, reason);
                decoder.report(match hint {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                });
                None
            }
        }
    }

    fn shape() -> Shape {
        Shape::Integer { min: u64::from(MIN), max: u64::from(MAX) }
    }
}

/// Decimal digits without a leading zero, which YAML 1.1 takes for octal and 1.2 does not.
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
    text.parse().map_err(|_| Invalid::new("the number is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
