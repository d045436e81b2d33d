use std::fmt;
use std::str::FromStr;

use crate::blueprint::decode::{Invalid, Word};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::ensure;

/// What is measured, in a unit that says of what: `80%`, `500ms`, `10Gi`, `100`.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// In percent, seconds, bytes, or a plain number.
    pub amount: f64,
    pub unit: Unit,
    text: String,
}

/// What a measure is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Percent,
    Seconds,
    Bytes,
    Count,
}

impl Unit {
    /// What measures are in: `percent`.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Seconds => "time",
            Self::Bytes => "bytes",
            Self::Count => "plain numbers",
        }
    }

    pub const fn example(self) -> &'static str {
        match self {
            Self::Percent => "80%",
            Self::Seconds => "500ms",
            Self::Bytes => "10Gi",
            Self::Count => "100",
        }
    }
}

/// The units as they are written, each with what it is of and how much of it.
const UNITS: [(&str, Unit, f64); 11] = [
    ("", Unit::Count, 1.0),
    ("%", Unit::Percent, 1.0),
    ("ms", Unit::Seconds, 0.001),
    ("s", Unit::Seconds, 1.0),
    ("m", Unit::Seconds, 60.0),
    ("h", Unit::Seconds, 3_600.0),
    ("d", Unit::Seconds, 86_400.0),
    ("Ki", Unit::Bytes, 1_024.0),
    ("Mi", Unit::Bytes, 1_048_576.0),
    ("Gi", Unit::Bytes, 1_073_741_824.0),
    ("Ti", Unit::Bytes, 1_099_511_627_776.0),
];

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Measure {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let starts = number.starts_with(|c: char| c.is_ascii_digit());
        ensure(starts && !number.ends_with('.'), "must begin with a number")?;
        let amount: f64 = number.parse().map_err(|_| Invalid::new("must begin with a number"))?;
        let Some((_, unit, factor)) = UNITS.iter().find(|(name, ..)| *name == unit) else {
            return Err(Invalid::new(format!("unknown unit `{unit}`"))
                .hint("Units are `%`, `ms` to `d`, and `Ki` to `Ti`."));
        };
        Ok(Self { amount: amount * factor, unit: *unit, text: text.to_owned() })
    }
}

impl Word for Measure {
    fn shape() -> Shape {
        Shape::word("a measure", &["80%", "500ms", "10Gi", "100"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;

    #[test]
    fn measures() {
        assert_round_trip::<Measure>("0.5s");
        let parse = |text: &str| text.parse::<Measure>().map(|it| (it.amount, it.unit));
        assert_eq!(parse("80%"), Ok((80.0, Unit::Percent)));
        assert_eq!(parse("5Gi"), Ok((5_368_709_120.0, Unit::Bytes)));
        assert_eq!(parse("15m"), Ok((900.0, Unit::Seconds)));
        assert_eq!(parse("0"), Ok((0.0, Unit::Count)));
        for bad in ["", "%", "-1", "1.", ".5", "1.2.3", "5GB", "1e3", "∞"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
