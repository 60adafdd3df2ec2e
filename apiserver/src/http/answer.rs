//! How answers are written.

use super::body::Body;
use super::call::Call;
use super::served::{gvk, table, wire};
use crate::encode;
use crate::request::{Answer, Encoding, Form};
use crate::schema::Gvk;
use crate::status::Failure;
use crate::storage::Object;
use crate::table::{IncludeObject, MetaVersion, Options, Printer, partial};
use bytes::{BufMut, BytesMut};
use hyper::header::{
    CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WARNING, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// Warnings of one answer have at most so many bytes; the rest is not sent. Upstream's number.
const MOST_WARNING_BYTES: usize = 4 * 1024;

/// An answer with content.
pub(super) fn respond(code: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Text for people and programs.
pub(super) fn plain(code: StatusCode, text: String) -> Response<Body> {
    let mut response = respond(code, "text/plain; charset=utf-8", Body::whole(text));
    no_sniff(response.headers_mut());
    response
}

/// A document that has one form.
pub(super) fn json_document(document: &Value) -> Response<Body> {
    let text = format!("{document}\n");
    respond(StatusCode::OK, "application/json", Body::whole(text))
}

fn no_sniff(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// A failed request.
pub(super) fn failure(failure: &Failure) -> Response<Body> {
    let code = StatusCode::from_u16(failure.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = format!("{}\n", failure.to_value());
    let mut response = respond(code, "application/json", Body::whole(text));
    let headers = response.headers_mut();
    no_sniff(headers);
    if let Some(seconds) = failure.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if code == StatusCode::UNAUTHORIZED {
        let offered = HeaderValue::from_static("Bearer realm=\"kubernetes\"");
        headers.insert(WWW_AUTHENTICATE, offered);
    }
    response
}

/// The stored bytes with the revision in them; `null` for what is not JSON, which nothing writes.
pub(super) fn object_value(object: &Object) -> Value {
    object.value().unwrap_or_default()
}

/// An answer that is one object. `gvk` is the kind that the request is about.
///
/// # Errors
/// 406 if it cannot be had in the form that is wanted.
pub(super) fn object(
    call: &Call,
    code: StatusCode,
    printer: &Printer,
    object: &Object,
    answer: &Answer,
) -> Result<Response<Body>, Failure> {
    if (answer.form, answer.encoding, answer.is_pretty) == (Form::Object, Encoding::Json, false) {
        let mut bytes = BytesMut::with_capacity(object.stored().len() + 64);
        object.write_json(&mut bytes);
        bytes.put_u8(b'\n');
        let body = Body::whole(bytes.freeze());
        return Ok(respond(code, "application/json", body));
    }
    if (answer.form, answer.encoding) == (Form::Object, Encoding::Protobuf) {
        let body = Body::whole(protobuf_object(object)?);
        return Ok(respond(code, answer.encoding.media_type(), body));
    }
    value(call, code, printer, object_value(object), answer)
}

/// An answer that is one value: an object, a Status, a list that was gathered.
///
/// # Errors
/// 406 if it cannot be had in the form that is wanted.
pub(super) fn value(
    call: &Call,
    code: StatusCode,
    printer: &Printer,
    value: Value,
    answer: &Answer,
) -> Result<Response<Body>, Failure> {
    let is_list = value.get("items").is_some_and(Value::is_array);
    let shown = match answer.form {
        // What became of a request has no other form.
        _ if value["kind"] == "Status" => value,
        Form::Object | Form::Discovery(_) => value,
        Form::Table(version) => {
            let options = table_options(call, version)?;
            match is_list {
                true => printer.table_of_list(&value, &options),
                false => printer.table(&value, &options),
            }
        }
        Form::Metadata(version) if !is_list => partial(&value, meta_version(version)),
        Form::MetadataList(version) if is_list => {
            crate::table::partial_list(&value, meta_version(version))
        }
        Form::Metadata(_) | Form::MetadataList(_) => return Err(wrong_form(answer)),
    };
    written(code, &shown, answer)
}

/// A value in the encoding that is wanted.
///
/// # Errors
/// 406 if the kind has no protobuf form.
pub(super) fn written(
    code: StatusCode,
    value: &Value,
    answer: &Answer,
) -> Result<Response<Body>, Failure> {
    let bytes = match answer.encoding {
        Encoding::Protobuf => protobuf(value)?,
        Encoding::Yaml => yaml(value).into_bytes(),
        Encoding::Json if answer.is_pretty => pretty(value).into_bytes(),
        Encoding::Json => format!("{value}\n").into_bytes(),
    };
    let content_type = answer.encoding.media_type();
    Ok(respond(code, content_type, Body::whole(bytes)))
}

/// An object with its envelope.
///
/// # Errors
/// 406 if its kind has no such form.
pub(super) fn protobuf(value: &Value) -> Result<Vec<u8>, Failure> {
    encode::protobuf(table(), wire(), &kind_of(value), value).map_err(no_protobuf)
}

/// The same for a stored object, which is not parsed.
///
/// # Errors
/// 406 if its kind has no such form.
pub(super) fn protobuf_object(object: &Object) -> Result<Vec<u8>, Failure> {
    let text = |field: &str| object.text(&[field]).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let gvk = gvk(group, version, &kind);
    let mut json = BytesMut::new();
    object.write_json(&mut json);
    encode::protobuf_of_text(table(), wire(), &gvk, &json).map_err(no_protobuf)
}

/// An object is not what its kind is.
pub(super) fn no_protobuf(_: encode::EncodeError) -> Failure {
    Failure::not_acceptable(&["application/json", "application/yaml"])
}

/// What an object says it is.
pub(super) fn kind_of(value: &Value) -> Gvk {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("apiVersion")
        .split_once('/')
        .unwrap_or(("", text("apiVersion")));
    gvk(group, version, text("kind"))
}

pub(super) fn yaml(value: &Value) -> String {
    // JSON is YAML, if ever a value had no other form.
    serde_yaml_ng::to_string(value).unwrap_or_else(|_| value.to_string())
}

pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// The form is not one of what is answered.
pub(super) fn wrong_form(answer: &Answer) -> Failure {
    Failure::not_acceptable(&[answer.encoding.media_type()])
}

pub(super) fn meta_version(version: &str) -> MetaVersion {
    match version {
        "v1beta1" => MetaVersion::V1beta1,
        _ => MetaVersion::V1,
    }
}

/// How tables are made for a request.
///
/// # Errors
/// 422 for an `includeObject` that means nothing.
pub(super) fn table_options(call: &Call, version: &str) -> Result<Options, Failure> {
    let include = crate::request::IncludeObject::parse(&call.target.query)?;
    Ok(Options {
        version: meta_version(version),
        include: match include {
            crate::request::IncludeObject::None => IncludeObject::None,
            crate::request::IncludeObject::Metadata => IncludeObject::Metadata,
            crate::request::IncludeObject::Object => IncludeObject::Object,
        },
        has_columns: true,
        now_us: call.app.clock.now_us(),
    })
}

/// Puts warnings into headers (RFC 7234: 299, from nobody in particular).
pub(super) fn warn(headers: &mut HeaderMap, warnings: &[String]) {
    let mut left = MOST_WARNING_BYTES;
    for warning in warnings {
        let clean: String = warning
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let quoted = clean.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("299 - \"{quoted}\"");
        let Some(rest) = left.checked_sub(text.len()) else {
            return;
        };
        if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
            headers.append(WARNING, value);
        }
        left = rest;
    }
}

/// A header with a text that is known to be one.
pub(super) fn header(response: &mut Response<Body>, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(name, value);
    }
}

/// The metadata of a list.
pub(super) fn list_metadata(
    revision: u64,
    continue_token: Option<&str>,
    remaining: Option<u64>,
) -> Value {
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some(token) = continue_token.filter(|token| !token.is_empty()) {
        metadata["continue"] = token.into();
    }
    if let Some(remaining) = remaining.filter(|_| continue_token.is_some()) {
        metadata["remainingItemCount"] = remaining.into();
    }
    metadata
}
