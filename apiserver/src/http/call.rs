//! A request on its way.

use super::app::App;
use super::connection::Peer;
use super::served::{Served, gvk, table};
use crate::identity::User;
use crate::registry::Caller;
use crate::request::{Answer, Encoding, Form, Info, Offer, Target, negotiate};
use crate::status::Failure;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, USER_AGENT};
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
