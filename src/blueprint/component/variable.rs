//! What the environment variables are called that a use gives.

use std::collections::BTreeMap;

use crate::blueprint::check::Check;
use crate::blueprint::reference::{ComponentType, Reference};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;

/// What the variables of a used component begin with: `ORDERS_DB` for `database.orders`, followed by `_HOST` and others.
/// A name that ends with the word already keeps it once: `order-db` is `ORDER_DB`, too. `None` for what gives no variables.
pub fn prefix(used: &Reference) -> Option<String> {
    let word = used.component.variable()?;
    let name = constant(used.name.as_str());
    let whole = name == word || name.ends_with(&format!("_{word}")) || word.is_empty();
    Some(if whole { name } else { format!("{name}_{word}") })
}

/// Different components must not give variables of the same names. `to` is who gets them: `the pods`.
pub fn check(uses: &[Spanned<Reference>], to: &str, check: &mut Check<'_>) {
    let mut seen: BTreeMap<String, &Spanned<Reference>> = BTreeMap::new();
    for used in uses {
        let Some(prefix) = prefix(used) else { continue };
        let begin = match used.component {
            ComponentType::Service | ComponentType::Queue => format!("{prefix}_URL"),
            _ => prefix,
        };
        match seen.get(&begin) {
            Some(first) if (first.component, &first.name) != (used.component, &used.name) => {
                check.report(
                    Diagnostic::error(format!("two components give {to} the variable `{begin}`"))
                        .at(used.span, "again")
                        .also(first.span, "first here")
                        .hint("Give one of the components another name."),
                );
            }
            Some(_) => {}
            None => drop(seen.insert(begin, used)),
        }
    }
}

/// `token-key` → `TOKEN_KEY`
pub fn constant(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_with_the_word_once() {
        let of = |text: &str| prefix(&text.parse().expect("a reference"));
        for (used, expected) in [
            ("database.orders", "ORDERS_DB"),
            ("database.order-db", "ORDER_DB"),
            ("database.db", "DB"),
            ("queue.order-processing", "ORDER_PROCESSING_QUEUE"),
            ("cache.sessions", "SESSIONS_CACHE"),
            ("service.product", "PRODUCT"),
        ] {
            assert_eq!(of(used).as_deref(), Some(expected), "{used}");
        }
        assert_eq!(of("identity.admin"), None);
    }
}
