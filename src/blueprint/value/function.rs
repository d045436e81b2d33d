//! What Lambda and the schedules of EventBridge are told.

use super::{Invalid, characters, ensure, word};

word! {
    /// A runtime of Lambda.
    pub struct Runtime("a runtime", ["java21", "python3.13", "nodejs22.x", "provided.al2023"], |text| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
        characters(text, 4, 32, allowed, "lower-case letters, digits and dots")?;
        let family = FAMILIES.iter().find(|it| text.starts_with(**it));
        let Some(family) = family else {
            return Err(Invalid::new("is no runtime of Lambda")
                .hint(format!("They begin with {}.", crate::diagnostic::listed(FAMILIES))));
        };
        ensure(text.len() > family.len(), format!("says no version of `{family}`"))
    });
}

/// What the names of runtimes begin with.
const FAMILIES: [&str; 6] = ["dotnet", "java", "nodejs", "provided.", "python", "ruby"];

impl Runtime {
    /// Whether it takes a file of source as it is.
    pub fn runs_source(&self) -> bool {
        ["nodejs", "python"].iter().any(|it| self.as_str().starts_with(it))
    }
}

word! {
    /// What is called in the code of a function.
    pub struct Handler("a handler", ["index.handler", "com.example.Upload::handle"], |text| {
        characters(text, 1, 128, |c| c.is_ascii_graphic(), "printable ASCII characters without spaces")
    });
}

word! {
    /// The key of an object in a bucket.
    pub struct ObjectKey("the key of an object", ["upload-1.4.0.zip"], |text| {
        characters(text, 1, 1_024, |c| !c.is_control(), "printable characters")?;
        ensure(!text.starts_with('/'), "begins with `/`, which is part of the key")
    });
}

word! {
    /// When something happens again and again, as EventBridge writes it.
    pub struct Schedule("a schedule", ["rate(5 minutes)", "cron(0 2 * * ? *)"], |text| {
        if let Some(rate) = inside(text, "rate") {
            rate_of(rate)
        } else if let Some(fields) = inside(text, "cron") {
            cron_of(fields)
        } else {
            Err(Invalid::new("must be a `rate(…)` or a `cron(…)`")
                .hint("Write `rate(1 hour)`, or `cron(0 2 * * ? *)` for two o'clock at night, UTC."))
        }
    });
}

fn inside<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

/// `5 minutes`
fn rate_of(text: &str) -> Result<(), Invalid> {
    let (count, unit) = text.split_once(' ').unwrap_or((text, ""));
    let count: u32 = count.parse().ok().filter(|it| *it > 0).ok_or_else(|| {
        Invalid::new("must be a number and a unit").hint("Write `rate(5 minutes)`.")
    })?;
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    if !["minute", "hour", "day"].contains(&singular) {
        return Err(Invalid::new("counts no minutes, hours or days"));
    }
    let right = if count == 1 { singular.to_owned() } else { format!("{singular}s") };
    if unit == right {
        return Ok(());
    }
    Err(Invalid::new(format!("must be `{right}` after {count}"))
        .hint(format!("Write `rate({count} {right})`.")))
}

/// Minutes, hours, day of the month, month, day of the week, year; "Cron expressions" in the user guide of EventBridge.
fn cron_of(text: &str) -> Result<(), Invalid> {
    let fields: Vec<&str> = text.split(' ').collect();
    let [.., day, _, weekday, _] = fields[..] else {
        return Err(Invalid::new(format!("has {} fields, must have six", fields.len())).hint(
            "Minutes, hours, day of the month, month, day of the week, year: `cron(0 2 * * ? *)`.",
        ));
    };
    ensure(fields.len() == 6, format!("has {} fields, must have six", fields.len()))?;
    for field in &fields {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "*?,-/#".contains(c);
        characters(field, 1, 64, allowed, "letters, digits and `*?,-/#`")?;
    }
    if (day == "?") == (weekday == "?") {
        return Err(Invalid::new("must have `?` as day of the month or as day of the week")
            .hint("One of both decides; the other one is `?`, as in `cron(0 2 * * ? *)`."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts<T: std::str::FromStr>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text} must be accepted");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text} must be refused");
        }
    }

    #[test]
    fn schedules() {
        accepts::<Schedule>(
            &[
                "rate(1 minute)",
                "rate(5 minutes)",
                "rate(1 day)",
                "cron(0 2 * * ? *)",
                "cron(0/15 8-18 ? * MON-FRI *)",
                "cron(0 9 ? * 6L 2026-2030)",
            ],
            &[
                "5m",
                "rate(1 minutes)",
                "rate(5 minute)",
                "rate(0 minutes)",
                "rate(-1 days)",
                "rate(5 weeks)",
                "rate()",
                "cron(0 2 * * *)",
                "cron(0 2 * * * *)",
                "cron(0 2 ? * ? *)",
                "cron(0 2 * * ? * *)",
                "cron(0  2 * * ? *)",
                "cron(0 2 * * ?; *)",
            ],
        );
    }

    #[test]
    fn runtimes() {
        accepts::<Runtime>(
            &["java21", "python3.13", "nodejs22.x", "provided.al2023", "dotnet8", "ruby3.4"],
            &["java", "Java21", "rust1", "provided.", ""],
        );
        assert!("python3.13".parse::<Runtime>().unwrap().runs_source());
        assert!(!"java21".parse::<Runtime>().unwrap().runs_source());
    }
}
