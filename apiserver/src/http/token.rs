//! `serviceaccounts/NAME/token`.

use super::answer;
use super::body::Body;
use super::call::Call;
use super::record::uuid;
use super::resource::About;
use super::reviews::decode;
use crate::admission::{AdmissionRequest, Operation};
use crate::authenticate::issue;
use crate::canonical::{Instant, format_time};
use crate::status::Failure;
use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// Answers a TokenRequest.
pub(super) async fn serve(
    call: &Call,
    about: &About,
    bytes: Bytes,
) -> Result<Response<Body>, Failure> {
    let answer = call.negotiate(about.offer())?;
    let (asked, mut warnings) = decode(call, &about.gvk, &bytes)?;
    let Some(tokens) = call.app.authenticator.service() else {
        return Err(Failure::unavailable(
            "this server issues no tokens of service accounts",
        ));
    };
    let (asked, mut more) = admit(call, about, asked).await?;
    warnings.append(&mut more);
    let place = (about.target.namespace.as_str(), about.target.name.as_str());
    let issued = issue(tokens, asked, place, &uuid(), call.app.now_s()).await?;
    let printer = about.printer();
    let mut response = answer::value(call, StatusCode::CREATED, &printer, issued, &answer)?;
    answer::warn(response.headers_mut(), &warnings);
    Ok(response)
}

/// Asks admission, which has a say in tokens as in what is stored. Hands back the request, with warnings.
async fn admit(call: &Call, about: &About, asked: Value) -> Result<(Value, Vec<String>), Failure> {
    let now = Instant {
        seconds: call.app.now_s(),
        nanos: 0,
    };
    let mut request = AdmissionRequest {
        operation: Operation::Create,
        target: about.target.clone(),
        user: call.user.clone(),
        object: asked.into(),
        old: None,
        options: json!({"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}),
        // There is nothing that could be left.
        is_dry_run: true,
        now: format_time(now).unwrap_or_default(),
        seen: Default::default(),
    };
    let warnings = call.app.registry.admit(&mut request).await?;
    Ok((request.object.take().unwrap_or_default(), warnings))
}
