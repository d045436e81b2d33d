use crate::blueprint::decode::Invalid;
use crate::blueprint::value::{characters, ensure, word};

word! {
    /// The name of a blueprint, an environment or a component: 1 to 40 lower-case letters, digits
    /// and single hyphens, the first a letter, so that every AWS service accepts it.
    pub struct Name("a name", ["orders", "birthday-api"], check_name, NAME_PATTERN);
}

/// What a [`Name`] matches, to be part of other patterns.
pub(crate) const NAME_PATTERN: &str = "(?![a-z0-9-]{41})[a-z][a-z0-9]*(-[a-z0-9]+)*";

fn check_name(text: &str) -> Result<(), Invalid> {
    if text.chars().any(|c| c.is_ascii_uppercase() || c == '_' || c == ' ') {
        let kebab = kebab(text);
        let problem = Invalid::new("must be lower-case words with hyphens");
        return Err(match check_name(&kebab) {
            Ok(()) => problem.hint(format!("Write `{kebab}`.")),
            Err(_) => problem,
        });
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    characters(text, 1, 40, allowed, "lower-case letters, digits and hyphens")?;
    ensure(text.starts_with(|c: char| c.is_ascii_lowercase()), "must start with a letter")?;
    ensure(!text.ends_with('-'), "ends with a hyphen")?;
    ensure(!text.contains("--"), "has two hyphens in a row")
}

/// `birthdayApi`, `birthday_api` and `Birthday API` → `birthday-api`.
fn kebab(text: &str) -> String {
    let mut kebab = String::new();
    let mut after_lower = false;
    for c in text.chars() {
        let upper = c.is_ascii_uppercase();
        if upper && after_lower {
            kebab.push('-');
        }
        kebab.push(if matches!(c, '_' | ' ') { '-' } else { c.to_ascii_lowercase() });
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "orders", "order-db", "a1"] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        let long = "a".repeat(41);
        for bad in ["", "-a", "a-", "a--b", "1a", "a.b", "Orders", "ä", long.as_str()] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        let invalid = "BirthdayAPI_v2".parse::<Name>().unwrap_err();
        assert_eq!(invalid.hint.as_deref(), Some("Write `birthday-api-v2`."));
    }
}
