//! What requests ask for: lines, options, forms.

mod forms;
mod lines;
mod options;

use super::Query;
use crate::status::Failure;

/// A query as it stands in a request line.
fn query(text: &str) -> Query {
    Query::parse(text)
}

/// The code and message of a refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T, Failure>) -> (u16, String) {
    let failure = result.expect_err("it is refused");
    (failure.code(), failure.message)
}
