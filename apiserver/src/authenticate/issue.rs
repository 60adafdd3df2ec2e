//! Tokens for service accounts, on request.

use super::service::{Objects, Place, ServiceTokens};
use super::token::{Claims, Reference};
use crate::canonical::{Instant, format_time};
use crate::status::text::quote;
use crate::status::{Failure, FieldError, GroupKind, GroupResource, Path};
use serde_json::{Value, json};

const SHORTEST_SECONDS: i64 = 10 * 60;
const LONGEST_SECONDS: i64 = 1 << 32;
const DEFAULT_SECONDS: i64 = 60 * 60;
/// What the admission plug-in asks for; such tokens live longer than they say, so that old clients that
/// never read them again go on working, and their use is noted.
const EXTENDED_SECONDS: i64 = 60 * 60 + 7;
const EXTENSION_SECONDS: i64 = 365 * 24 * 60 * 60;

/// What a token is bound to besides its account.
#[derive(Default)]
struct Bound {
    pod: Option<Reference>,
    secret: Option<Reference>,
    node: Option<Reference>,
}

/// Answers a TokenRequest for an account: the request with its token. `id` tells the token from all others,
/// `now_s` is in seconds since 1970.
///
/// # Errors
/// 422 for a time that is too short or too long, 400 for what a token cannot be bound to, 404 if the
/// account or the bound object is not there, 409 if it is another one than the request says.
pub async fn issue(
    tokens: &ServiceTokens,
    request: Value,
    (namespace, account): (&str, &str),
    id: &str,
    now_s: i64,
) -> Result<Value, Failure> {
    let seconds = validate(&request)?;
    check_place(&request, namespace, account)?;
    let objects = tokens.objects();
    let found = find(objects, Place::ServiceAccount, namespace, account).await?;
    let reference = |object: &Value| Reference {
        name: text(&object["metadata"], "name").to_owned(),
        uid: text(&object["metadata"], "uid").to_owned(),
    };
    let asked = Some(&request["spec"]["boundObjectRef"]).filter(|asked| asked.is_object());
    let bound = match asked {
        None => Bound::default(),
        Some(asked) => bind(objects, asked, namespace, account).await?,
    };
    let audiences = request["spec"]["audiences"].as_array();
    let audiences: Vec<String> = audiences
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect();
    let audiences = match audiences.is_empty() {
        true => tokens.audiences().to_vec(),
        false => audiences,
    };
    let is_extended =
        seconds == EXTENDED_SECONDS && bound.pod.is_some() && audiences == tokens.audiences();
    let lives = match is_extended {
        true => EXTENSION_SECONDS,
        false => seconds,
    };
    let claims = Claims {
        issuer: tokens.issuer().to_owned(),
        audiences,
        issued_at: now_s,
        not_before: now_s,
        expires: now_s + lives,
        id: id.to_owned(),
        namespace: namespace.to_owned(),
        account: reference(&found),
        pod: bound.pod,
        secret: bound.secret,
        node: bound.node,
        warn_after: is_extended.then_some(now_s + seconds),
    };
    let token = claims
        .sign(&tokens.keys())
        .map_err(|error| Failure::internal(&format!("failed to generate token: {error}")))?;
    Ok(answer(request, &claims, &token, seconds))
}

/// How long the token is wanted for.
fn validate(request: &Value) -> Result<i64, Failure> {
    let seconds = request["spec"]["expirationSeconds"].as_i64();
    let seconds = seconds.unwrap_or(DEFAULT_SECONDS);
    let at = Path::new("spec").child("expirationSeconds");
    let detail = match seconds {
        ..SHORTEST_SECONDS => "may not specify a duration less than 10 minutes",
        SHORTEST_SECONDS..=LONGEST_SECONDS => return Ok(seconds),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let error = FieldError::invalid(&at, seconds, detail);
    let kind = GroupKind::new("authentication.k8s.io", "TokenRequest");
    Err(Failure::invalid(&kind, "", &[error]))
}

/// The request may repeat for whom it is, and then says the same.
fn check_place(request: &Value, namespace: &str, account: &str) -> Result<(), Failure> {
    for (field, wanted) in [("name", account), ("namespace", namespace)] {
        let said = text(&request["metadata"], field);
        if !said.is_empty() && said != wanted {
            return Err(match field {
                "name" => Failure::name_mismatch(said, wanted),
                _ => Failure::namespace_mismatch(),
            });
        }
    }
    Ok(())
}

async fn bind(
    objects: &dyn Objects,
    asked: &Value,
    namespace: &str,
    account: &str,
) -> Result<Bound, Failure> {
    let (version, kind) = (text(asked, "apiVersion"), text(asked, "kind"));
    let place = match (version, kind) {
        ("v1", "Pod") => Place::Pod,
        ("v1", "Secret") => Place::Secret,
        ("v1", "Node") => Place::Node,
        _ => {
            return Err(Failure::bad_request(format!(
                "cannot bind token for serviceaccount {} to type {version}, Kind={kind}",
                quote(account)
            )));
        }
    };
    let name = text(asked, "name");
    let object = find(objects, place, namespace, name).await?;
    let reference = Reference {
        name: name.to_owned(),
        uid: text(&object["metadata"], "uid").to_owned(),
    };
    let wanted = text(asked, "uid");
    if !wanted.is_empty() && wanted != reference.uid {
        let why = format!(
            "the UID in the bound object reference ({wanted}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        let resource = GroupResource::new("", kind);
        return Err(Failure::conflict(&resource, name, &why));
    }
    let mut bound = Bound::default();
    match place {
        Place::Pod => {
            if text(&object["spec"], "serviceAccountName") != account {
                return Err(Failure::bad_request(format!(
                    "cannot bind token for serviceaccount {} to pod running with different serviceaccount name.",
                    quote(account)
                )));
            }
            bound.node = node_of(objects, &object).await?;
            bound.pod = Some(reference);
        }
        Place::Secret => bound.secret = Some(reference),
        _ => bound.node = Some(reference),
    }
    Ok(bound)
}

/// The node that a pod runs on. Without a uid if it is not registered.
async fn node_of(objects: &dyn Objects, pod: &Value) -> Result<Option<Reference>, Failure> {
    let name = text(&pod["spec"], "nodeName");
    if name.is_empty() {
        return Ok(None);
    }
    let node = objects.find(Place::Node, "", name, true).await?;
    let uid = node.map(|node| text(&node["metadata"], "uid").to_owned());
    Ok(Some(Reference {
        name: name.to_owned(),
        uid: uid.unwrap_or_default(),
    }))
}

async fn find(
    objects: &dyn Objects,
    place: Place,
    namespace: &str,
    name: &str,
) -> Result<Value, Failure> {
    let namespace = match place {
        Place::Node => "",
        _ => namespace,
    };
    let found = objects.find(place, namespace, name, true).await?;
    let resource = GroupResource::new("", place.resource());
    found.ok_or_else(|| Failure::not_found(&resource, name))
}

/// The request, completed.
fn answer(mut request: Value, claims: &Claims, token: &str, seconds: i64) -> Value {
    let time = |seconds| format_time(Instant { seconds, nanos: 0 });
    let expires = claims.issued_at + seconds;
    request["metadata"] = json!({
        "name": claims.account.name,
        "namespace": claims.namespace,
        "creationTimestamp": time(claims.issued_at),
    });
    request["spec"]["audiences"] = json!(claims.audiences);
    request["spec"]["expirationSeconds"] = seconds.into();
    request["status"] = json!({"token": token, "expirationTimestamp": time(expires)});
    request
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
