//! Around every request: a guard, headers that all answers have, what is told afterwards.

use super::answer::failure;
use super::app::App;
use super::body::Body;
use super::call::text;
use super::chain::chain;
use super::connection::Peer;
use super::gzip;
use super::record::Record;
use super::sent::Sent;
use crate::status::Failure;
use futures::FutureExt;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, EXPECT, HeaderName, HeaderValue, USER_AGENT,
};
use hyper::{Method, Request, Response};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

pub(super) const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");
/// A client's own id is taken if it is no longer.
const MOST_ID_BYTES: usize = 64;

/// Answers a request, whatever happens.
pub(super) async fn handle(
    app: Arc<App>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
) -> Response<Body> {
    let headers = request.headers();
    let agent = text(headers, &USER_AGENT);
    // HTTP/2 names the whole address, HTTP/1 what comes after the host.
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str()).to_owned();
    let mut record = Box::new(Record::new(&app, &peer, target, agent));
    let own_id = text(headers, &AUDIT_ID);
    if !own_id.is_empty() && own_id.len() <= MOST_ID_BYTES {
        record.id = own_id.to_owned();
    }
    let takes_gzip = gzip::is_accepted(text(headers, &ACCEPT_ENCODING));
    let is_head = request.method() == Method::HEAD;
    let waits = headers.contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let mut sent = Sent::new(body, waits);
    let work = AssertUnwindSafe(Box::pin(chain(&app, &peer, head, &mut sent, &mut record)));
    let answered = match work.catch_unwind().await {
        Ok(answered) => answered,
        Err(_) => {
            tracing::error!(id = record.id, "a request panicked");
            Err(Failure::internal("the request could not be carried out"))
        }
    };
    sent.forget().await;
    let mut response = answered.unwrap_or_else(|why| failure(&why));
    if takes_gzip {
        response = gzip::pack(response);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&record.id) {
        headers.insert(AUDIT_ID, id);
    }
    let private = HeaderValue::from_static("no-cache, private");
    headers.entry(CACHE_CONTROL).or_insert(private);
    record.is_answered(response.status().as_u16());
    if is_head {
        let length = response.body().known().map_or(0, |bytes| bytes.len());
        let length = HeaderValue::from(length);
        response.headers_mut().insert(CONTENT_LENGTH, length);
        response = response.map(Body::without_content);
    }
    response.map(|body| body.recorded(record))
}
