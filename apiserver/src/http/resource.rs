//! Requests about resources: which row, which verb, whose handler.

use super::answer;
use super::body::Body;
use super::call::Call;
use super::definitions::look_up;
use super::inflight::is_long_running;
use super::sent::Sent;
use super::served::{Row, table};
use super::{list, reviews, token, watch, write};
use crate::registry::Target;
use crate::request::{self, GetOptions, Offer, Verb};
use crate::resource::{self, Scope, Subresource};
use crate::schema::Gvk;
use crate::status::Failure;
use crate::table::Printer;
use hyper::{Response, StatusCode};
use std::borrow::Cow;
use std::sync::Arc;

/// A request about a resource that is served.
pub(super) struct About {
    pub(super) row: Arc<Row>,
    pub(super) named: request::Resource,
    /// The kind that is sent and answered: the resource's, or its subresource's.
    pub(super) gvk: Gvk,
    pub(super) target: Target,
}

impl About {
    /// What prints the answer.
    pub(super) fn printer(&self) -> Cow<'_, Printer> {
        match self.gvk == self.row.resource.gvk {
            true => Cow::Borrowed(&self.row.printer),
            false => Cow::Owned(Printer::new(&self.gvk)),
        }
    }

    /// What can be had of it.
    pub(super) fn offer(&self) -> Offer {
        Offer {
            protobuf: table().kind(&self.gvk).is_some(),
            transforms: true,
            ..Offer::default()
        }
    }
}

/// Carries out a request about a resource.
pub(super) async fn serve(call: Call, sent: &mut Sent) -> Result<Response<Body>, Failure> {
    let about = about(&call).await?;
    check_verb(&call, &about)?;
    if is_long_running(&call.info) && call.info.verb != Verb::Watch {
        // Logs, commands and ports are on nodes.
        let message = "this server does not connect to nodes, pods and services";
        return Err(Failure::unavailable(message));
    }
    let mut told: Vec<String> = about.row.warning.iter().cloned().collect();
    told.extend(deprecation(&about.row.resource.gvk).map(str::to_owned));
    let mut response = answer_for(call, about, sent).await?;
    answer::warn(response.headers_mut(), &told);
    Ok(response)
}

/// What is told with every answer about a kind that should not be used any more. Upstream's texts.
fn deprecation(gvk: &Gvk) -> Option<&'static str> {
    match (gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str()) {
        ("", "v1", "Endpoints") => {
            Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
        }
        ("", "v1", "ComponentStatus") => Some("v1 ComponentStatus is deprecated in v1.19+"),
        _ => None,
    }
}

async fn answer_for(call: Call, about: About, sent: &mut Sent) -> Result<Response<Body>, Failure> {
    let resource = &about.row.resource;
    match (resource.gvk.group.as_str(), call.info.verb.clone()) {
        ("authentication.k8s.io" | "authorization.k8s.io", Verb::Create) => {
            let bytes = sent.read().await?;
            reviews::serve(&call, &about, bytes).await
        }
        (_, Verb::Create) if about.named.subresource == "token" => {
            let bytes = sent.read().await?;
            token::serve(&call, &about, bytes).await
        }
        (_, Verb::Get) => get(&call, &about).await,
        (_, Verb::List) => list::serve(&call, &about).await,
        (_, Verb::Watch) => watch::serve(&call, about).await,
        (_, verb) => {
            let bytes = sent.read().await?;
            write::serve(&call, &about, verb, bytes).await
        }
    }
}

async fn about(call: &Call) -> Result<About, Failure> {
    let Some(named) = &call.info.resource else {
        return Err(Failure::unknown_path());
    };
    // Only what is connected through the server has more behind its subresource.
    if named.parts.len() > 3 && named.subresource != "proxy" {
        return Err(Failure::unknown_path());
    }
    let path = (&*named.group, &*named.version, &*named.resource);
    let row = match call.served.row(path.0, path.1, path.2) {
        Some(row) => row.clone(),
        None => {
            let found = look_up(&call.app.registry, &call.served.catalog, path).await?;
            let found = found.ok_or_else(Failure::unknown_path)?;
            Arc::new(Row::of(&found))
        }
    };
    let resource = &row.resource;
    let own = subresource(&row.resource, &named.subresource)?;
    let gvk = own.map_or(&resource.gvk, |sub| &sub.gvk);
    // A namespace is not in itself, though the path reads so.
    let is_namespace = named.resource == "namespaces" && named.group.is_empty();
    let namespace = match is_namespace {
        true => "",
        false => named.namespace.as_str(),
    };
    let is_many = named.name.is_empty()
        || matches!(
            call.info.verb,
            Verb::List | Verb::Watch | Verb::DeleteCollection
        );
    let fits = match (resource.scope, namespace.is_empty()) {
        (Scope::Cluster, is_empty) => is_empty,
        (Scope::Namespaced, true) => {
            is_many && matches!(call.info.verb, Verb::List | Verb::Watch | Verb::Create)
        }
        (Scope::Namespaced, false) => true,
    };
    if !fits {
        return Err(Failure::unknown_path());
    }
    Ok(About {
        gvk: gvk.clone(),
        target: Target {
            resource: resource.clone(),
            namespace: namespace.to_owned(),
            name: named.name.clone(),
            subresource: named.subresource.clone(),
        },
        named: named.clone(),
        row: row.clone(),
    })
}

/// The row of a subresource; `None` if none is asked for.
fn subresource<'r>(
    resource: &'r resource::Resource,
    name: &str,
) -> Result<Option<&'r Subresource>, Failure> {
    match name {
        "" => Ok(None),
        name => {
            let found = resource.subresource(name);
            found.map(Some).ok_or_else(Failure::unknown_path)
        }
    }
}

/// Whether the resource does what is asked.
fn check_verb(call: &Call, about: &About) -> Result<(), Failure> {
    let verb = &call.info.verb;
    let refused = || {
        let resource = about.named.group_resource();
        Failure::method_not_allowed(&resource, verb.name())
    };
    let wanted = match verb {
        Verb::Get => resource::Verb::Get,
        Verb::List => resource::Verb::List,
        Verb::Watch => resource::Verb::Watch,
        Verb::Create => resource::Verb::Create,
        Verb::Update => resource::Verb::Update,
        Verb::Patch => resource::Verb::Patch,
        Verb::Delete => resource::Verb::Delete,
        Verb::DeleteCollection => resource::Verb::DeleteCollection,
        Verb::Proxy | Verb::Http(_) => return Err(refused()),
    };
    let resource = &about.row.resource;
    let can = match resource.subresource(&about.named.subresource) {
        Some(sub) => sub.verbs.contains(&wanted),
        None => resource.can(wanted),
    };
    let needs_name = matches!(verb, Verb::Update | Verb::Patch);
    let has_name = !about.named.name.is_empty();
    let names_new = *verb == Verb::Create && has_name && about.named.subresource.is_empty();
    let needs_place = *verb == Verb::Create
        && resource.scope == Scope::Namespaced
        && about.target.namespace.is_empty();
    match can && (has_name || !needs_name) && !names_new && !needs_place {
        true => Ok(()),
        false => Err(refused()),
    }
}

async fn get(call: &Call, about: &About) -> Result<Response<Body>, Failure> {
    let answer = call.negotiate(about.offer())?;
    let options = GetOptions::parse(&call.target.query)?;
    let object = call.app.registry.get(&about.target, &options).await?;
    answer::object(call, StatusCode::OK, &about.printer(), &object, &answer)
}
