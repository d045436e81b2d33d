//! What the replies of all services have in common: pages, and deletions of what is gone.

use aws_smithy_async::future::pagination_stream::PaginationStream;

use crate::fault::{Class, Fault};

/// All items of all pages.
pub(super) async fn collect<T, E: Into<Fault>>(
    pages: PaginationStream<Result<T, E>>,
) -> Result<Vec<T>, Fault> {
    pages.collect::<Result<Vec<T>, E>>().await.map_err(Into::into)
}

/// The answer about something that may be gone: `None` if it is.
pub(super) fn present<T, E: Into<Fault>>(answer: Result<T, E>) -> Result<Option<T>, Fault> {
    match answer.map_err(Into::into) {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.is(Class::NotFound) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The answer of a deletion: that it is gone already is a success.
pub(super) fn gone<T, E: Into<Fault>>(answer: Result<T, E>) -> Result<(), Fault> {
    present(answer).map(drop)
}
