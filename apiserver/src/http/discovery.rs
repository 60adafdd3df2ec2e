//! `/api` and `/apis`: what is served.

use super::answer::{self, header, respond};
use super::body::Body;
use super::call::Call;
use super::served::Served;
use crate::discovery;
use crate::request::{Form, Offer};
use crate::status::Failure;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY};
use hyper::{Response, StatusCode};
use sha2::{Digest, Sha512};
use std::fmt::Write;

const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const V2BETA1: &str = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// Everything that is served, as it is sent, and its entity tag.
pub(super) struct Listing {
    text: Bytes,
    tag: String,
}

/// Answers a request for a list of what is served.
pub(super) fn serve(call: &Call, segments: &[&str]) -> Result<Response<Body>, Failure> {
    let catalog = &call.served.catalog;
    let is_root = segments.len() == 1;
    let answer = call.negotiate(Offer {
        discovery: is_root,
        ..Offer::default()
    })?;
    if let Form::Discovery(version) = answer.form {
        let form = match version {
            "v2beta1" => discovery::Form::V2Beta1,
            _ => discovery::Form::V2,
        };
        return Ok(everything(call, segments[0] == "api", form));
    }
    let document = match segments {
        ["api"] => Some(discovery::api(catalog, &call.app.address)),
        ["apis"] => Some(discovery::apis(catalog)),
        ["api", version] => discovery::resources(catalog, "", version),
        ["apis", group] => discovery::group(catalog, group),
        ["apis", group, version] if !group.is_empty() => {
            discovery::resources(catalog, group, version)
        }
        _ => None,
    };
    let document = document.ok_or_else(Failure::unknown_path)?;
    let mut response = answer::written(StatusCode::OK, &document, &answer)?;
    if is_root {
        header(&mut response, VARY, "Accept");
    }
    Ok(response)
}

fn everything(call: &Call, is_core: bool, form: discovery::Form) -> Response<Body> {
    let listing = listing(&call.served, is_core, form);
    let is_known = call.header(&IF_NONE_MATCH) == listing.tag;
    let content_type = match form {
        discovery::Form::V2 => V2,
        discovery::Form::V2Beta1 => V2BETA1,
    };
    let mut response = match is_known {
        true => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => respond(
            StatusCode::OK,
            content_type,
            Body::whole(listing.text.clone()),
        ),
    };
    header(&mut response, ETAG, &listing.tag);
    header(&mut response, VARY, "Accept");
    header(&mut response, CACHE_CONTROL, "public");
    response
}

fn listing(served: &Served, is_core: bool, form: discovery::Form) -> &Listing {
    let at = usize::from(is_core) * 2 + usize::from(form == discovery::Form::V2);
    served.listings[at].get_or_init(|| {
        let document = match is_core {
            true => discovery::api_aggregated(&served.catalog, form),
            false => discovery::apis_aggregated(&served.catalog, form),
        };
        let text = document.to_string();
        let mut tag = "\"".to_owned();
        for byte in Sha512::digest(&text) {
            // Writing to a String does not fail.
            let _ = write!(tag, "{byte:02X}");
        }
        tag.push('"');
        Listing {
            text: Bytes::from(text),
            tag,
        }
    })
}
