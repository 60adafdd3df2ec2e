//! `/openapi/v3` and `/openapi/v2`: the shapes of what is served.

use super::answer::{header, json_document, respond};
use super::body::Body;
use super::call::Call;
use super::paths::RELEASE;
use super::served::{Served, table};
use crate::openapi::{Document, document, index, v2};
use crate::request::{Offer, most_wanted};
use crate::resource::Catalog;
use crate::status::Failure;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, LOCATION, VARY};
use hyper::{Response, StatusCode};
use serde_json::Value;

/// A document's text, shared by all answers.
struct Shared {
    path: String,
    hash: String,
    text: Bytes,
}

/// All documents, and where they are.
pub(super) struct Documents {
    index: Value,
    all: Vec<Shared>,
}

impl Documents {
    fn of(catalog: &Catalog) -> Documents {
        let versions = catalog.groups().iter().flat_map(|group| {
            let name = group.name.as_str();
            group
                .versions
                .iter()
                .map(move |version| (name, version.as_str()))
        });
        let all: Vec<Document> = versions
            .filter_map(|version| document(table(), catalog, version, RELEASE))
            .collect();
        Documents {
            index: index(&all),
            all: all
                .into_iter()
                .map(|document| Shared {
                    path: document.path,
                    hash: document.hash,
                    text: Bytes::from(document.text),
                })
                .collect(),
        }
    }
}

/// Made at the first request, on a thread that may take its time.
async fn documents(served: &Served) -> Result<&Documents, Failure> {
    let make = || async {
        let catalog = served.catalog.clone();
        let made = tokio::task::spawn_blocking(move || Documents::of(&catalog)).await;
        made.map_err(|_| Failure::internal("the OpenAPI documents could not be made"))
    };
    served.documents.get_or_try_init(make).await
}

/// Answers a request for the index, or for the document of a group and version.
pub(super) async fn serve(call: &Call, segments: &[&str]) -> Result<Response<Body>, Failure> {
    let documents = documents(&call.served).await?;
    if segments.is_empty() {
        let mut response = json_document(&documents.index);
        header(&mut response, VARY, "Accept");
        return Ok(response);
    }
    // JSON is what there is.
    call.negotiate(Offer::default())?;
    let path = segments.join("/");
    let found = documents.all.iter().find(|one| one.path == path);
    let found = found.ok_or_else(Failure::unknown_path)?;
    let asked = call
        .target
        .query
        .get("hash")
        .filter(|hash| !hash.is_empty());
    if asked.is_some_and(|hash| hash != found.hash) {
        let place = format!("/openapi/v3/{}?hash={}", found.path, found.hash);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
        header(&mut response, LOCATION, &place);
        return Ok(response);
    }
    let mut response = tagged(call, &found.hash, "application/json", &found.text);
    if asked.is_some() {
        // What is asked for by its hash never changes.
        header(
            &mut response,
            CACHE_CONTROL,
            "public, immutable, max-age=31536000",
        );
    }
    Ok(response)
}

/// The v2 document in its forms, shared by all answers.
pub(super) struct Older {
    hash: String,
    json: Bytes,
    protobuf: Bytes,
}

/// Made at the first request, on a thread that may take its time.
async fn older(served: &Served) -> Result<&Older, Failure> {
    const CANNOT: &str = "the OpenAPI v2 document could not be made";
    let make = || async {
        let catalog = served.catalog.clone();
        let make = move || v2::document(table(), &catalog, RELEASE);
        let made = tokio::task::spawn_blocking(make).await;
        let made = made.map_err(|_| Failure::internal(CANNOT))?;
        let made = made.map_err(|error| Failure::internal(&format!("{CANNOT}: {error}")))?;
        Ok(Older {
            hash: made.hash,
            json: Bytes::from(made.json),
            protobuf: Bytes::from(made.protobuf),
        })
    };
    served.older.get_or_try_init(make).await
}

/// Answers a request for the v2 document.
pub(super) async fn serve_older(call: &Call) -> Result<Response<Body>, Failure> {
    const JSON: &str = "application/json";
    const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    // What clients ask for. It is no valid name, so it is not what is answered.
    const ASKED: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let wanted = most_wanted(&call.accept(), &[JSON, ASKED, PROTOBUF])?;
    let older = older(&call.served).await?;
    Ok(match wanted {
        JSON => tagged(call, &older.hash, JSON, &older.json),
        _ => tagged(call, &older.hash, PROTOBUF, &older.protobuf),
    })
}

/// A document, or that the client has it. One hash is enough for all forms: answers vary by `Accept`.
fn tagged(call: &Call, hash: &str, content_type: &'static str, text: &Bytes) -> Response<Body> {
    let tag = format!("\"{hash}\"");
    let mut response = match call.header(&IF_NONE_MATCH) == tag {
        true => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => respond(StatusCode::OK, content_type, Body::whole(text.clone())),
    };
    header(&mut response, ETAG, &tag);
    header(&mut response, VARY, "Accept");
    response
}
