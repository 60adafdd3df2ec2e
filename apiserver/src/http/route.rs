//! Whose request it is.

use super::body::Body;
use super::call::Call;
use super::{paths, resource};
use crate::status::Failure;
use hyper::Response;
use hyper::body::Incoming;

/// Has a request carried out by whoever serves its path.
pub(super) async fn route(call: Call, body: Incoming) -> Result<Response<Body>, Failure> {
    match call.info.resource {
        Some(_) => Box::pin(resource::serve(call, body)).await,
        None => Box::pin(paths::serve(&call)).await,
    }
}
