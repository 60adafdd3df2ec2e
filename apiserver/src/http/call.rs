//! A request on its way.

use super::app::App;
use super::connection::Peer;
use super::served::{Served, gvk, table};
use crate::decode::limits::MAX_BODY;
use crate::identity::User;
use crate::registry::Caller;
use crate::request::{Answer, Encoding, Form, Info, Offer, Target, negotiate};
use crate::status::Failure;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, USER_AGENT};
use std::pin::{Pin, pin};
use std::sync::Arc;

/// A request that may be carried out.
pub(super) struct Call {
    pub(super) app: Arc<App>,
    pub(super) served: Arc<Served>,
    pub(super) peer: Arc<Peer>,
    pub(super) headers: HeaderMap,
    pub(super) target: Target,
    pub(super) info: Info,
    pub(super) user: User,
}

impl Call {
    /// A header; empty if it is not there or no text.
    pub(super) fn header(&self, name: &HeaderName) -> &str {
        text(&self.headers, name)
    }

    pub(super) fn user_agent(&self) -> &str {
        self.header(&USER_AGENT)
    }

    pub(super) fn content_type(&self) -> &str {
        self.header(&CONTENT_TYPE)
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            user: self.user.clone(),
            user_agent: self.user_agent().to_owned(),
            fence: 0,
            reads: Vec::new(),
            wrote: Default::default(),
        }
    }

    /// What may be answered. Several headers are one list.
    pub(super) fn accept(&self) -> String {
        let accept = self.headers.get_all(ACCEPT).iter();
        let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
        accept.join(",")
    }

    /// In which form to answer.
    ///
    /// # Errors
    /// 406.
    pub(super) fn negotiate(&self, offer: Offer) -> Result<Answer, Failure> {
        let (accept, query) = (self.accept(), &self.target.query);
        let answer = negotiate(&accept, self.user_agent(), query, offer)?;
        match has_form(&answer) {
            true => Ok(answer),
            false => {
                let offer = Offer {
                    protobuf: false,
                    ..offer
                };
                negotiate(&accept, self.user_agent(), query, offer)
            }
        }
    }
}

/// Whether the answer can be written: metadata alone has a protobuf form only if the table has it.
fn has_form(answer: &Answer) -> bool {
    let (kind, version) = match answer.form {
        Form::Metadata(version) => ("PartialObjectMetadata", version),
        Form::MetadataList(version) => ("PartialObjectMetadataList", version),
        _ => return true,
    };
    let gvk = gvk("meta.k8s.io", version, kind);
    answer.encoding != Encoding::Protobuf || table().kind(&gvk).is_some()
}

/// A header; empty if it is not there or no text.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    let value = headers.get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Reads the body of a request.
///
/// # Errors
/// 413 if it is larger than any body may be; 400 if the client breaks off.
pub(super) async fn read(body: Incoming) -> Result<Bytes, Failure> {
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    let mut first: Option<Bytes> = None;
    let next = |body: &mut Pin<&mut Incoming>, context: &mut std::task::Context<'_>| {
        body.as_mut().poll_frame(context)
    };
    while let Some(frame) = std::future::poll_fn(|context| next(&mut body, context)).await {
        let frame = frame.map_err(|_| Failure::bad_request("the body of the request broke off"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = first.as_ref().map_or(whole.len(), Bytes::len);
        if length + data.len() > MAX_BODY {
            return Err(Failure::body_too_large(MAX_BODY));
        }
        // Most bodies come in one piece, which is not copied.
        match (first.take(), whole.is_empty()) {
            (None, true) => first = Some(data),
            (Some(earlier), _) => {
                whole.extend_from_slice(&earlier);
                whole.extend_from_slice(&data);
            }
            (None, false) => whole.extend_from_slice(&data),
        }
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}
