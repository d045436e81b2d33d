//! Quantities (`500m`, `1Gi`) in the one form in which an API server shows them.

/// The canonical form, or nothing if it is no quantity: no fraction, the largest suffix that fits, the suffix's family kept.
pub(super) fn canonical(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let numeric = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !numeric(whole) || !numeric(fraction) {
        return None;
    }
    let family = Family::of(suffix)?;
    // In billionths, which is all that a quantity can tell; beyond `i128` nobody has a machine.
    let fraction_nano: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let whole_nano =
        if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()?.checked_mul(NANO)? };
    let nano = whole_nano.checked_add(fraction_nano.parse::<i128>().ok()?)?;
    let nano = match family {
        Family::Binary(power) => nano.checked_mul(1024_i128.checked_pow(power)?)?,
        Family::Decimal(power) | Family::Exponent(power) if power >= 0 => {
            nano.checked_mul(10_i128.checked_pow(power.unsigned_abs())?)?
        }
        // What is finer than a billionth is rounded up.
        Family::Decimal(power) | Family::Exponent(power) => {
            let by = 10_i128.checked_pow(power.unsigned_abs())?;
            (nano + by - 1) / by
        }
    };
    let sign = if negative && nano != 0 { "-" } else { "" };
    Some(format!("{sign}{}", shown(nano, &family)))
}

const NANO: i128 = 1_000_000_000;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// From a billionth on, by thousands.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

enum Family {
    Binary(u32),
    Decimal(i32),
    Exponent(i32),
}

impl Family {
    fn of(suffix: &str) -> Option<Self> {
        if let Some(power) = BINARY.iter().skip(1).position(|it| *it == suffix) {
            return Some(Self::Binary(u32::try_from(power).ok()? + 1));
        }
        if let Some(power) = DECIMAL.iter().position(|it| *it == suffix) {
            return Some(Self::Decimal((i32::try_from(power).ok()? - 3) * 3));
        }
        let exponent = suffix.strip_prefix(['e', 'E'])?;
        Some(Self::Exponent(exponent.parse().ok()?))
    }
}

fn shown(nano: i128, family: &Family) -> String {
    if nano == 0 {
        return "0".into();
    }
    // What is below 1024, or has a fraction, is shown as a decimal.
    if matches!(family, Family::Binary(_)) && nano % NANO == 0 && nano / NANO >= 1024 {
        let (mut value, mut power) = (nano / NANO, 0);
        while value % 1024 == 0 && power + 1 < BINARY.len() {
            value /= 1024;
            power += 1;
        }
        return format!("{value}{}", BINARY[power]);
    }
    let (mut value, mut power) = (nano, 0);
    while value % 1000 == 0 && power + 1 < DECIMAL.len() {
        value /= 1000;
        power += 1;
    }
    match (family, power) {
        (Family::Exponent(_), 3) | (Family::Binary(_) | Family::Decimal(_), _) => {
            format!("{value}{}", DECIMAL[power])
        }
        (Family::Exponent(_), _) => {
            format!("{value}e{}", (i32::try_from(power).unwrap_or(3) - 3) * 3)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_one_form() {
        for (text, expected) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("100m", "100m"),
            ("2", "2"),
            ("1000", "1k"),
            ("1024", "1024"),
            ("1024Ki", "1Mi"),
            ("1500m", "1500m"),
            ("0", "0"),
            ("0m", "0"),
            ("1e3", "1e3"),
            ("-1.5", "-1500m"),
            (".5", "500m"),
            ("512", "512"),
            ("128974848", "128974848"),
            ("129e6", "129e6"),
            ("100Mi", "100Mi"),
            ("1Ki", "1Ki"),
            ("0.1Ki", "102400m"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "m", "1 Gi", "1GB", "1..2", "abc", "1.2.3", "--1"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
