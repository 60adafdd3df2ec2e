//! Requests that change objects.

use super::answer::{self, warn};
use super::body::Body;
use super::call::Call;
use super::list;
use super::resource::About;
use super::served::{decoder, gvk};
use crate::decode::{self, FieldValidation, MediaType};
use crate::registry::{self, Written};
use crate::request::{
    self, DeleteOptions, Encoding, ListOptions, PatchOptions, PatchType, Verb, WriteOptions,
    body_encoding, patch_type,
};
use crate::status::Failure;
use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::Value;

/// Carries out a request that writes.
pub(super) async fn serve(
    call: &Call,
    about: &About,
    verb: Verb,
    bytes: Bytes,
) -> Result<Response<Body>, Failure> {
    let answer = call.negotiate(about.offer())?;
    let registry = &call.app.registry;
    let (query, agent) = (&call.target.query, call.user_agent());
    let (caller, target) = (&call.caller(), &about.target);
    let written = match verb {
        Verb::Create => {
            let options = WriteOptions::create(query, agent)?;
            let body = object(call, about, bytes)?;
            registry.create(caller, target, &body, &options).await?
        }
        Verb::Update => {
            let options = WriteOptions::update(query, agent)?;
            let body = object(call, about, bytes)?;
            registry.update(caller, target, &body, &options).await?
        }
        Verb::Patch => {
            let kind = patch_type(call.content_type(), about.row.is_builtin)?;
            let options = PatchOptions::parse(query, agent, kind)?;
            let encoding = match kind {
                PatchType::Apply => Encoding::Yaml,
                _ => Encoding::Json,
            };
            let body = registry::Body { bytes, encoding };
            let patched = registry.patch(caller, target, &body, kind, &options);
            patched.await?
        }
        Verb::Delete => {
            let options = delete_options(call, about, &bytes)?;
            registry.delete(caller, target, &options).await?
        }
        Verb::DeleteCollection => {
            let options = delete_options(call, about, &bytes)?;
            let which = ListOptions::parse(query, &about.named.name)?;
            let deleted = registry.delete_collection(caller, target, &which, &options);
            let deleted = deleted.await?;
            return list::answer(call, about, deleted, &answer).await;
        }
        _ => {
            let resource = about.named.group_resource();
            return Err(Failure::method_not_allowed(&resource, verb.name()));
        }
    };
    respond(call, about, &verb, &written, &answer)
}

fn respond(
    call: &Call,
    about: &About,
    verb: &Verb,
    written: &Written,
    answer: &request::Answer,
) -> Result<Response<Body>, Failure> {
    let code = match (verb, written.created) {
        (Verb::Create, _) | (_, true) => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    let mut response = answer::object(call, code, &about.printer(), &written.object, answer)?;
    warn(response.headers_mut(), &written.warnings);
    Ok(response)
}

/// The object that is sent.
fn object(call: &Call, about: &About, bytes: Bytes) -> Result<registry::Body, Failure> {
    let encoding = body_encoding(call.content_type(), about.offer().protobuf)?;
    Ok(registry::Body { bytes, encoding })
}

/// Options of a deletion, which may stand in the body.
fn delete_options(call: &Call, about: &About, bytes: &Bytes) -> Result<DeleteOptions, Failure> {
    let body = match bytes.is_empty() {
        true => None,
        false => Some(read_options(call, about, bytes)?),
    };
    DeleteOptions::parse(&call.target.query, body.as_ref())
}

fn read_options(call: &Call, about: &About, bytes: &Bytes) -> Result<Value, Failure> {
    let media = match body_encoding(call.content_type(), true)? {
        Encoding::Json => MediaType::Json,
        Encoding::Yaml => MediaType::Yaml,
        Encoding::Protobuf => MediaType::Protobuf,
    };
    // Options are known in every built-in group; custom resources say them in the core group.
    let own = &about.row.resource.gvk;
    let expected = match about.row.is_builtin {
        true => gvk(&own.group, &own.version, "DeleteOptions"),
        false => gvk("", "v1", "DeleteOptions"),
    };
    let decoded = decoder().decode(media, bytes, &expected, FieldValidation::Ignore);
    Ok(decoded.map_err(|why| refused(&why))?.value)
}

/// The failure of a body that cannot be read.
pub(super) fn refused(error: &decode::Error) -> Failure {
    match error {
        decode::Error::TooLarge { limit } => Failure::body_too_large(*limit),
        other => Failure::bad_request(other.to_string()),
    }
}
