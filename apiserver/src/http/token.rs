//! `serviceaccounts/NAME/token`.

use super::answer;
use super::body::Body;
use super::call::Call;
use super::record::uuid;
use super::resource::About;
use super::reviews::decode;
use crate::authenticate::issue;
use crate::status::Failure;
use bytes::Bytes;
use hyper::{Response, StatusCode};

/// Answers a TokenRequest.
pub(super) async fn serve(
    call: &Call,
    about: &About,
    bytes: Bytes,
) -> Result<Response<Body>, Failure> {
    let answer = call.negotiate(about.offer())?;
    let (asked, warnings) = decode(call, &about.gvk, &bytes)?;
    let Some(tokens) = call.app.authenticator.service() else {
        return Err(Failure::unavailable(
            "this server issues no tokens of service accounts",
        ));
    };
    let place = (about.target.namespace.as_str(), about.target.name.as_str());
    let issued = issue(tokens, asked, place, &uuid(), call.app.now_s()).await?;
    let printer = about.printer();
    let mut response = answer::value(call, StatusCode::CREATED, &printer, issued, &answer)?;
    answer::warn(response.headers_mut(), &warnings);
    Ok(response)
}
