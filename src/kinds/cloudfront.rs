//! What the CloudFront kinds share. CloudFront is one for the world: its calls are the same from every region.

use std::collections::BTreeSet;

use aws_smithy_types::error::operation::BuildError;

use crate::fault::Fault;

/// All members that the SDK requires are set where this is used.
pub(super) fn incomplete(error: BuildError) -> Fault {
    Fault::bug(error.to_string())
}

/// A member keeps its value where the spec names none.
pub(super) fn lay<T: Clone>(named: Option<&T>, member: &mut Option<T>) {
    if named.is_some() {
        *member = named.cloned();
    }
}

/// CloudFront has no empty lists, only absent ones.
pub(super) fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

/// What stands beside every list as its length.
pub(super) fn count<'a, T: ?Sized>(items: &'a T) -> i32
where
    &'a T: IntoIterator<IntoIter: ExactSizeIterator>,
{
    i32::try_from(items.into_iter().len()).unwrap_or(i32::MAX)
}

pub(super) fn names<T: ToString>(all: &[T]) -> BTreeSet<String> {
    all.iter().map(ToString::to_string).collect()
}
