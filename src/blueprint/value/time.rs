use std::fmt;
use std::str::FromStr;

use super::bounded::{amount, in_largest_unit};
use crate::blueprint::decode::{self, Decode, Decoder, Invalid};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::shape::{Shape, Word};
use crate::diagnostic::listed;

/// A length of time in whole seconds. Printed in the largest unit that divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    pub seconds: u64,
}

/// The units of a [`Duration`] and their seconds, the largest first.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

impl Duration {
    pub const fn days(days: u64) -> Self {
        Self { seconds: days * 86_400 }
    }

    pub const fn hours(hours: u64) -> Self {
        Self { seconds: hours * 3_600 }
    }

    pub const fn minutes(minutes: u64) -> Self {
        Self { seconds: minutes * 60 }
    }

    pub const fn seconds(seconds: u64) -> Self {
        Self { seconds }
    }

    /// In days; `None` if it is not a whole number of them.
    pub fn as_days(self) -> Option<u64> {
        self.seconds.is_multiple_of(86_400).then_some(self.seconds / 86_400)
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        Self::from_secs(duration.seconds)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        in_largest_unit(self.seconds, &UNITS, f)
    }
}

impl FromStr for Duration {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let seconds = amount(text, &UNITS, "Write `{}s`, `{}m`, `{}h` or `{}d`.")?;
        Ok(Self { seconds })
    }
}

impl decode::Word for Duration {
    fn shape() -> Shape {
        Shape::word("a duration", &["30s", "5m", "4h", "30d"])
    }

    fn pattern() -> Option<String> {
        Some("^(0|[1-9][0-9]*)[smhd]$".to_owned())
    }
}

/// A value, or the word `none` where leaving it out means a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrNone<T> {
    None,
    Some(T),
}

impl<T> OrNone<T> {
    pub fn as_option(&self) -> Option<&T> {
        match self {
            Self::None => None,
            Self::Some(value) => Some(value),
        }
    }
}

impl<T: Decode> Decode for OrNone<T> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) if scalar.text == "none" => Some(Self::None),
            Value::Null | Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => {
                T::decode(node, decoder).map(Self::Some)
            }
        }
    }

    fn shape() -> Shape {
        let none = Word {
            what: "`none`".to_owned(),
            examples: &["none"],
            pattern: Some("^none$".to_owned()),
            accepts: |text| text == "none",
            quoted: false,
        };
        Shape::Either(vec![T::shape(), Shape::Word(none)])
    }
}

/// How long CloudWatch Logs keeps events: one of the lengths that it offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retention {
    pub days: u32,
}

/// `RetentionInDays` of `AWS::Logs::LogGroup`.
const RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.days)
    }
}

impl FromStr for Retention {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let asked = text.parse::<Duration>()?;
        if let Some(days) =
            RETENTION_DAYS.into_iter().find(|days| asked.as_days() == Some(u64::from(*days)))
        {
            return Ok(Self { days });
        }
        let longer =
            RETENTION_DAYS.into_iter().find(|days| Duration::days(u64::from(*days)) > asked);
        let shorter =
            RETENTION_DAYS.into_iter().rfind(|days| Duration::days(u64::from(*days)) < asked);
        let near: Vec<_> = shorter.into_iter().chain(longer).map(|days| Self { days }).collect();
        let near = match near.as_slice() {
            [only] => format!("The nearest is `{only}`."),
            _ => format!("The nearest are {}.", listed(near)),
        };
        Err(Invalid::new("not a retention that CloudWatch Logs offers").hint(near))
    }
}

impl decode::Word for Retention {
    fn shape() -> Shape {
        Shape::word("a retention", &["7d", "30d", "90d", "365d"])
    }

    fn pattern() -> Option<String> {
        <Duration as decode::Word>::pattern()
    }
}

/// The days of a week as RDS spells them.
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_PER_DAY: u32 = 24 * 60;
const MINUTES_PER_WEEK: u32 = 7 * MINUTES_PER_DAY;
/// RDS refuses shorter windows, for backups and for maintenance.
const WINDOW_MINUTES_MIN: u32 = 30;

/// A time of every day in UTC, such as `02:00-03:00`; it may pass midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyWindow {
    start: u32,
    end: u32,
}

impl DailyWindow {
    /// How long it is.
    pub fn minutes(self) -> u32 {
        (self.end + MINUTES_PER_DAY - self.start) % MINUTES_PER_DAY
    }

    /// Whether the two have a minute in common on any day.
    pub fn overlaps(self, weekly: WeeklyWindow) -> bool {
        let length = self.minutes();
        (0..7).any(|day| {
            let start = day * MINUTES_PER_DAY + self.start;
            weekly.contains(start) || (0..length).any(|minute| weekly.contains(start + minute))
        })
    }
}

impl fmt::Display for DailyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", clock(self.start), clock(self.end))
    }
}

impl FromStr for DailyWindow {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let shape = || Invalid::new("must be `hh:mm-hh:mm`");
        let (start, end) = text.split_once('-').ok_or_else(shape)?;
        let (start, end) = (time(start).ok_or_else(shape)?, time(end).ok_or_else(shape)?);
        if (end + MINUTES_PER_DAY - start) % MINUTES_PER_DAY < WINDOW_MINUTES_MIN {
            return Err(Invalid::new("must be at least 30 minutes long"));
        }
        Ok(Self { start, end })
    }
}

impl decode::Word for DailyWindow {
    fn shape() -> Shape {
        Shape::word("a daily window", &["02:00-03:00"])
    }

    fn pattern() -> Option<String> {
        Some(format!("^{CLOCK}-{CLOCK}$"))
    }
}

/// A time of every week in UTC, such as `sun:03:00-sun:04:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeeklyWindow {
    start: u32,
    end: u32,
}

impl WeeklyWindow {
    /// How long it is.
    pub fn minutes(self) -> u32 {
        (self.end + MINUTES_PER_WEEK - self.start) % MINUTES_PER_WEEK
    }

    fn contains(self, minute: u32) -> bool {
        (minute + MINUTES_PER_WEEK - self.start) % MINUTES_PER_WEEK < self.minutes()
    }
}

impl fmt::Display for WeeklyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |minute: u32| {
            let day = WEEKDAYS[(minute / MINUTES_PER_DAY) as usize];
            format!("{day}:{}", clock(minute % MINUTES_PER_DAY))
        };
        write!(f, "{}-{}", at(self.start), at(self.end))
    }
}

impl FromStr for WeeklyWindow {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let shape = || Invalid::new("must be `ddd:hh:mm-ddd:hh:mm`");
        let at = |text: &str| {
            let (day, rest) = text.split_once(':')?;
            let day = WEEKDAYS.iter().position(|it| *it == day)?;
            Some(u32::try_from(day).ok()? * MINUTES_PER_DAY + time(rest)?)
        };
        let (start, end) = text.split_once('-').ok_or_else(shape)?;
        let (start, end) = (at(start).ok_or_else(shape)?, at(end).ok_or_else(shape)?);
        let window = Self { start, end };
        if !(WINDOW_MINUTES_MIN..=MINUTES_PER_DAY).contains(&window.minutes()) {
            return Err(Invalid::new("must be between 30 minutes and 24 hours long"));
        }
        Ok(window)
    }
}

impl decode::Word for WeeklyWindow {
    fn shape() -> Shape {
        Shape::word("a weekly window", &["sun:03:00-sun:04:00"])
    }

    fn pattern() -> Option<String> {
        let day = WEEKDAYS.join("|");
        Some(format!("^({day}):{CLOCK}-({day}):{CLOCK}$"))
    }
}

/// What [`time`] accepts.
const CLOCK: &str = "([01][0-9]|2[0-3]):[0-5][0-9]";

/// The minute of the day of `hh:mm`.
fn time(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |text: &str, max: u32| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| digits && *number <= max)
    };
    Some(two_digits(hour, 23)? * 60 + two_digits(minute, 59)?)
}

fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        assert_eq!("30d".parse(), Ok(Duration::days(30)));
        assert_eq!("90m".parse(), Ok(Duration::minutes(90)));
        assert_eq!(Duration::seconds(7200).to_string(), "2h");
        assert_eq!(Duration::seconds(0).to_string(), "0s");
        for bad in
            ["", "d", "30", "30 d", "-1d", "1.5h", "30D", "1w", "030d", "99999999999999999999d"]
        {
            assert!(bad.parse::<Duration>().is_err(), "{bad}");
        }
    }

    #[test]
    fn retentions_are_those_of_cloudwatch() {
        assert_round_trip::<Retention>("30d");
        let near = |text: &str| text.parse::<Retention>().unwrap_err().hint.unwrap();
        assert_eq!(near("10d"), "The nearest are `7d` and `14d`.");
        assert_eq!(near("1h"), "The nearest is `1d`.");
        assert_eq!(near("9999d"), "The nearest is `3653d`.");
    }

    #[test]
    fn windows() {
        assert_round_trip::<DailyWindow>("23:30-00:15");
        assert_round_trip::<WeeklyWindow>("sun:23:30-mon:00:30");
        for bad in ["", "02:00", "02:00-02:10", "2:00-3:00", "24:00-25:00", "02:00-02:00"] {
            assert!(bad.parse::<DailyWindow>().is_err(), "{bad}");
        }
        for bad in ["sun:03:00-04:00", "xxx:03:00-sun:04:00", "sun:03:00-wed:04:00"] {
            assert!(bad.parse::<WeeklyWindow>().is_err(), "{bad}");
        }
        let overlap = |daily: &str, weekly: &str| {
            daily.parse::<DailyWindow>().unwrap().overlaps(weekly.parse().unwrap())
        };
        assert!(overlap("23:30-00:30", "mon:00:00-mon:01:00"));
        assert!(overlap("03:00-04:00", "sun:03:30-sun:04:30"));
        assert!(!overlap("02:00-03:00", "sun:03:00-sun:04:00"));
    }

    proptest! {
        #[test]
        fn durations_round_trip(seconds in 0u64..u64::from(u32::MAX)) {
            let duration = Duration { seconds };
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn nothing_panics(text in ".{0,24}") {
            let _ = text.parse::<Duration>();
            let _ = text.parse::<Retention>();
            let _ = text.parse::<DailyWindow>();
            let _ = text.parse::<WeeklyWindow>();
        }
    }
}
