//! The beginning that names share: the narrowest filter that one list takes for all of them.

/// The longest beginning that all of `names` have in common; `None` if there is none.
pub(super) fn common<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut names = names.into_iter();
    let first = names.next()?;
    let shared = names.fold(first, |shared, name| {
        let same = shared.chars().zip(name.chars()).take_while(|(one, other)| one == other);
        &shared[..same.map(|(letter, _)| letter.len_utf8()).sum()]
    });
    (!shared.is_empty()).then(|| shared.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_share_a_beginning() {
        assert_eq!(common(["shop-dev-orders", "shop-dev-mail"]).as_deref(), Some("shop-dev-"));
        assert_eq!(common(["shop-prod-assets", "shop-prod-a"]).as_deref(), Some("shop-prod-a"));
        assert_eq!(common(["shop"]).as_deref(), Some("shop"));
        assert_eq!(common(["shop", "mail"]), None);
        assert_eq!(common([]), None);
    }
}
