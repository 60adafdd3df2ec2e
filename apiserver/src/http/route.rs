//! Whose request it is.

use super::body::Body;
use super::call::Call;
use super::sent::Sent;
use super::{paths, resource};
use crate::status::Failure;
use hyper::Response;

/// Has a request carried out by whoever serves its path.
pub(super) async fn route(call: Call, sent: &mut Sent) -> Result<Response<Body>, Failure> {
    match call.info.resource {
        Some(_) => Box::pin(resource::serve(call, sent)).await,
        None => Box::pin(paths::serve(&call)).await,
    }
}
