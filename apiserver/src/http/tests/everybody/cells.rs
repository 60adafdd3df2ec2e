//! The requests.

use crate::http::tests::world::Answer;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

pub const JSON: &str = "application/json";
/// Where the roles of people hold, and where they do not.
pub const SHOP: &str = "shop";
pub const OTHER: &str = "other";
/// As rules call them. A patch is asked for twice: as a patch and as an apply.
const MANY: [&str; 4] = ["list", "watch", "create", "deletecollection"];
const ONE: [&str; 5] = ["get", "update", "patch", "apply", "delete"];
const SUB: [&str; 6] = ["get", "create", "update", "patch", "apply", "delete"];

/// A verb on a resource.
#[derive(Clone, Debug)]
pub struct Cell {
    pub verb: &'static str,
    pub method: Method,
    pub group: String,
    pub resource: String,
    pub subresource: String,
    /// Of the path. For a namespace itself, its own name.
    pub namespace: String,
    pub name: String,
    pub path: String,
    pub content_type: &'static str,
    pub body: Bytes,
    /// Discovery says that it can be done.
    pub is_served: bool,
}

impl Cell {
    /// `pods/status`.
    pub fn what(&self) -> String {
        match self.subresource.as_str() {
            "" => self.resource.clone(),
            sub => format!("{}/{sub}", self.resource),
        }
    }

    /// The name, if the path has it.
    pub fn name_in_path(&self) -> &str {
        match self.subresource.is_empty() && MANY.contains(&self.verb) {
            true => "",
            false => &self.name,
        }
    }

    pub fn writes(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch")
    }

    /// The same request so that nothing is written.
    pub fn dry_path(&self) -> String {
        let mark = match self.path.contains('?') {
            true => '&',
            false => '?',
        };
        match self.writes() {
            true => format!("{}{mark}dryRun=All", self.path),
            false => self.path.clone(),
        }
    }
}

struct Kind<'a> {
    group: &'a str,
    version: &'a str,
    plural: &'a str,
    /// What is sent: group, version, kind.
    sent: &'a Value,
    name: &'a str,
    verbs: &'a Value,
}

impl Kind<'_> {
    fn cell(&self, verb: &'static str, namespace: &str, name: &str, sub: &str) -> Cell {
        let root = match self.group {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        let is_namespace = self.plural == "namespaces";
        let place = match namespace {
            "" => root,
            _ if is_namespace => root,
            namespace => format!("{root}/namespaces/{namespace}"),
        };
        let is_many = sub.is_empty() && MANY.contains(&verb);
        let mut path = format!("{place}/{}", self.plural);
        if !is_many {
            path = format!("{path}/{name}");
        }
        if !sub.is_empty() {
            path = format!("{path}/{sub}");
        }
        let (method, content_type, query) = match verb {
            "watch" => (Method::GET, JSON, "?watch=1"),
            "get" | "list" => (Method::GET, JSON, ""),
            "create" => (Method::POST, JSON, ""),
            "update" => (Method::PUT, JSON, ""),
            "patch" => (Method::PATCH, "application/merge-patch+json", ""),
            "apply" => {
                let query = "?fieldManager=me&force=true";
                (Method::PATCH, "application/apply-patch+yaml", query)
            }
            _ => (Method::DELETE, JSON, ""),
        };
        let verb = match verb {
            "apply" => "patch",
            verb => verb,
        };
        let is_served = self.verbs.as_array().unwrap().iter().any(|one| one == verb);
        let (own, within) = match is_namespace && !is_many {
            true => (name, name),
            false => (name, namespace),
        };
        let form = (content_type.contains("merge"), sub.is_empty());
        Cell {
            body: self.body(verb, own, form),
            verb,
            method,
            group: self.group.to_owned(),
            resource: self.plural.to_owned(),
            subresource: sub.to_owned(),
            namespace: within.to_owned(),
            name: own.to_owned(),
            path: format!("{path}{query}"),
            content_type,
            is_served,
        }
    }

    fn body(&self, verb: &str, name: &str, (is_merge, is_whole): (bool, bool)) -> Bytes {
        if is_merge {
            return r#"{"metadata": {"labels": {"touched": "by-whom"}}}"#.into();
        }
        if !matches!(verb, "create" | "update" | "patch") {
            return Bytes::new();
        }
        let text = |field: &str| self.sent[field].as_str().unwrap_or_default();
        let (group, version) = (text("group"), text("version"));
        // Discovery says an empty group for the resource's own kind of the same group.
        let api_version = match group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        };
        let name = match verb == "create" && is_whole {
            true => "new",
            false => name,
        };
        let mut object = json!({
            "apiVersion": api_version, "kind": self.sent["kind"], "metadata": {"name": name},
        });
        super::place::fill(&mut object);
        object.to_string().into()
    }
}

/// Every verb on everything that discovery names, for objects called like this.
pub fn cells(discovery: &[Value], name: &str) -> Vec<Cell> {
    let mut cells = Vec::new();
    for item in discovery {
        let group = item["metadata"]["name"].as_str().unwrap_or_default();
        for version in item["versions"].as_array().unwrap() {
            for resource in version["resources"].as_array().unwrap() {
                let kind = Kind {
                    group,
                    version: version["version"].as_str().unwrap(),
                    plural: resource["resource"].as_str().unwrap(),
                    sent: &resource["responseKind"],
                    name,
                    verbs: &resource["verbs"],
                };
                let is_namespaced = resource["scope"] == "Namespaced";
                kind.add(is_namespaced, &resource["subresources"], &mut cells);
            }
        }
    }
    cells
}

impl Kind<'_> {
    fn add(&self, is_namespaced: bool, subresources: &Value, cells: &mut Vec<Cell>) {
        let places: &[(&str, &str)] = match (self.plural, is_namespaced) {
            ("namespaces", _) => &[("", SHOP), ("", OTHER)],
            (_, true) => &[(SHOP, self.name), (OTHER, self.name)],
            (_, false) => &[("", self.name)],
        };
        for (index, (namespace, name)) in places.iter().enumerate() {
            // Namespaces as a whole are in none: once is enough.
            if !(self.plural == "namespaces" && index > 0) {
                cells.extend(MANY.map(|verb| self.cell(verb, namespace, name, "")));
            }
            cells.extend(ONE.map(|verb| self.cell(verb, namespace, name, "")));
            for sub in subresources.as_array().into_iter().flatten() {
                let kind = Kind {
                    sent: &sub["responseKind"],
                    verbs: &sub["verbs"],
                    ..*self
                };
                let sub = sub["subresource"].as_str().unwrap();
                cells.extend(SUB.map(|verb| kind.cell(verb, namespace, name, sub)));
            }
        }
        if is_namespaced {
            cells.extend(["list", "watch"].map(|verb| self.cell(verb, "", self.name, "")));
        }
    }
}

/// Paths that are no resources: those that the server names, and some that it does not.
pub fn paths(index: &Answer) -> Vec<(Method, String)> {
    let named = index.json()["paths"].take();
    let named = named.as_array().unwrap().clone();
    let named = named.iter().map(|path| path.as_str().unwrap().to_owned());
    let others = [
        "/",
        "/version/",
        "/readyz/ping",
        "/livez/ping",
        "/healthz/ping",
        "/logs",
        "/debug/pprof",
        "/metrics/slis",
        "/nothing",
        "/apis/apps/v9",
        "/openapi/v3/apis/apps/v1",
        "/api/v9",
    ];
    let all: Vec<String> = named.chain(others.map(str::to_owned)).collect();
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    let all = all
        .into_iter()
        .flat_map(|path| methods.clone().map(|method| (method, path.clone())));
    all.collect()
}
