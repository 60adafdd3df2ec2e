//! Kinds that ask a question: created, answered, not stored.

use super::answer;
use super::body::Body;
use super::call::Call;
use super::resource::About;
use super::served::decoder;
use super::write::refused;
use crate::authenticate;
use crate::authorize::review;
use crate::canonical::{Instant, format_time};
use crate::decode::{FieldValidation, MediaType};
use crate::request::{self, Encoding, WriteOptions, body_encoding};
use crate::schema::Gvk;
use crate::status::{Failure, GroupKind};
use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

/// Answers a review.
pub(super) async fn serve(
    call: &Call,
    about: &About,
    bytes: Bytes,
) -> Result<Response<Body>, Failure> {
    let answer = call.negotiate(about.offer())?;
    let (mut asked, warnings) = decode(call, &about.gvk, &bytes)?;
    let namespace = about.target.namespace.as_str();
    set_namespace(&mut asked, namespace)?;
    let (user, authorizer) = (&call.user, &*call.app.authorizer);
    let answered = match about.gvk.kind.as_str() {
        "SubjectAccessReview" => review::subject_access(asked, authorizer)?,
        "LocalSubjectAccessReview" => review::local_subject_access(asked, namespace, authorizer)?,
        "SelfSubjectAccessReview" => review::self_subject_access(asked, user, authorizer)?,
        "SelfSubjectRulesReview" => review::self_subject_rules(&asked, user, authorizer)?,
        "SelfSubjectReview" => {
            let now = Instant {
                seconds: call.app.now_s(),
                nanos: 0,
            };
            let now = format_time(now).unwrap_or_default();
            review::self_subject(&asked, user, &now)
        }
        "TokenReview" => {
            let authenticator = &call.app.authenticator;
            authenticate::review(authenticator, asked, call.app.now_s()).await?
        }
        _ => return Err(Failure::unknown_path()),
    };
    let printer = about.printer();
    let mut response = answer::value(call, StatusCode::CREATED, &printer, answered, &answer)?;
    answer::warn(response.headers_mut(), &warnings);
    Ok(response)
}

/// Reads an object of a kind that is not stored, with warnings about its fields.
pub(super) fn decode(
    call: &Call,
    gvk: &Gvk,
    bytes: &Bytes,
) -> Result<(Value, Vec<String>), Failure> {
    let options = WriteOptions::create(&call.target.query, call.user_agent())?;
    let media = match body_encoding(call.content_type(), true)? {
        Encoding::Json => MediaType::Json,
        Encoding::Yaml => MediaType::Yaml,
        Encoding::Protobuf => MediaType::Protobuf,
    };
    let validation = match options.field_validation {
        request::FieldValidation::Ignore => FieldValidation::Ignore,
        request::FieldValidation::Warn => FieldValidation::Warn,
        request::FieldValidation::Strict => FieldValidation::Strict,
    };
    let decoded = decoder()
        .decode(media, bytes, gvk, validation)
        .map_err(|why| refused(&why))?;
    if decoded.gvk != *gvk {
        let (said, wanted) = (
            &decoded.gvk,
            GroupKind::new(gvk.group.as_str(), gvk.kind.as_str()),
        );
        return Err(Failure::bad_request(format!(
            "{}/{}, Kind={} in the body is not {wanted}",
            said.group, said.version, said.kind
        )));
    }
    Ok((decoded.value, decoded.warnings))
}

/// An object that says no namespace is in that of the request.
fn set_namespace(object: &mut Value, namespace: &str) -> Result<(), Failure> {
    let said = object["metadata"]["namespace"].as_str().unwrap_or_default();
    if said == namespace {
        return Ok(());
    }
    if !said.is_empty() {
        return Err(Failure::namespace_mismatch());
    }
    if !object["metadata"].is_object() {
        object["metadata"] = Value::Object(Map::new());
    }
    object["metadata"]["namespace"] = namespace.into();
    Ok(())
}
