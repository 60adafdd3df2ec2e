//! The steps of a request, in their order.

use super::app::App;
use super::body::Body;
use super::call::Call;
use super::connection::Peer;
use super::inflight::is_long_running;
use super::record::Record;
use super::route::route;
use super::sent::Sent;
use crate::authenticate::Credentials;
use crate::authorize::{Attributes, ResourceTarget, Target as Asked, impersonate};
use crate::identity::{Impersonation, User};
use crate::request::{Info, Query, Target, Verb, request_timeout};
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::Failure;
use hyper::Response;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::http::request::Parts;
use std::sync::Arc;
use tokio::time::timeout;

/// Carries a request out.
pub(super) async fn chain(
    app: &Arc<App>,
    peer: &Arc<Peer>,
    head: Parts,
    sent: &mut Sent,
    record: &mut Record,
) -> Result<Response<Body>, Failure> {
    let uri = &head.uri;
    // A request that names a host alone has no path.
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let target = Target::parse(target)?;
    let info = Info::parse(head.method.as_str(), &target)?;
    let served = app.served();
    let is_served = info.resource.as_ref().is_none_or(|resource| {
        let row = served.row(&resource.group, &resource.version, &resource.resource);
        row.is_some()
    });
    record.is_about(&info, &target.query, is_served);
    let limit = match is_long_running(&info) {
        true => None,
        false => Some(request_timeout(&target.query)?.min(app.limits.deadline)),
    };
    let call = Call {
        app: app.clone(),
        served,
        peer: peer.clone(),
        headers: head.headers,
        target,
        info,
        user: User::anonymous(),
    };
    let work = Box::pin(admit(call, sent, record));
    match limit {
        None => work.await,
        Some(limit) => timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(Failure::deadline_passed())),
    }
}

/// Who, whether there is room, whether it is allowed, and then what was asked for.
async fn admit(
    mut call: Call,
    sent: &mut Sent,
    record: &mut Record,
) -> Result<Response<Body>, Failure> {
    let app = call.app.clone();
    let credentials = Credentials {
        certificate: call.peer.certificate.as_ref(),
        authorization: Some(call.header(&AUTHORIZATION)).filter(|text| !text.is_empty()),
    };
    let path = &call.info.path;
    let authenticator = &app.authenticator;
    let mut user = authenticator
        .authenticate(credentials, path, app.now_s())
        .await?;
    record.is_from(&user);
    if let Some(wanted) = impersonation(&call.headers)? {
        user = impersonate(&*app.authorizer, &user, &wanted)?;
        record.acts_as(&user);
    }
    let permit = app.inflight.enter(&call.info, &user)?;
    authorize(&app, &call.info, &call.target.query, &user, record)?;
    call.user = user;
    let response = route(call, sent).await?;
    Ok(response.map(|body| body.holding(permit)))
}

fn impersonation(headers: &HeaderMap) -> Result<Option<Impersonation>, Failure> {
    const PREFIX: &str = "impersonate-";
    let named = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(PREFIX));
    let named: Vec<(&str, &str)> = named
        .map(|(name, value)| {
            let value = value.to_str().map_err(|_| {
                Failure::bad_request(format!("the header {name} is not plain text"))
            })?;
            Ok((name.as_str(), value))
        })
        .collect::<Result<_, Failure>>()?;
    Impersonation::from_headers(named)
}

fn authorize(
    app: &App,
    info: &Info,
    query: &Query,
    user: &User,
    record: &mut Record,
) -> Result<(), Failure> {
    let selects = matches!(info.verb, Verb::List | Verb::Watch | Verb::DeleteCollection);
    // What cannot be read is refused later; a decision then sees no selector.
    let fields = query.get("fieldSelector").filter(|_| selects);
    let fields: Option<FieldSelector> = fields.and_then(|text| text.parse().ok());
    let labels = query.get("labelSelector").filter(|_| selects);
    let labels: Option<LabelSelector> = labels.and_then(|text| text.parse().ok());
    let target = match &info.resource {
        None => Asked::Path(&info.path),
        Some(resource) => Asked::Resource(ResourceTarget {
            group: &resource.group,
            version: &resource.version,
            resource: &resource.resource,
            subresource: &resource.subresource,
            namespace: &resource.namespace,
            name: &resource.name,
            fields: fields.as_ref(),
            labels: labels.as_ref(),
        }),
    };
    let attributes = Attributes {
        user,
        verb: info.verb.name(),
        target,
    };
    let verdict = app.authorizer.authorize(&attributes);
    record.is_decided(&verdict);
    match verdict.is_allowed() {
        true => Ok(()),
        false => Err(attributes.forbidden(&verdict)),
    }
}
