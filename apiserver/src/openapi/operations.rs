//! One operation.

use super::document::{gvk_value, meta};
use super::schemas::reference;
use crate::resource::{Resource, Scope};
use crate::schema::Gvk;
use serde_json::{Map, Value, json};

/// What an operation does, in upstream's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Get,
    List,
    Post,
    Put,
    Patch,
    Delete,
    DeleteCollection,
    /// A stream, begun with this method.
    Connect(&'static str),
}

impl Action {
    pub(super) fn method(self) -> &'static str {
        match self {
            Action::Get | Action::List => "get",
            Action::Post => "post",
            Action::Put => "put",
            Action::Patch => "patch",
            Action::Delete | Action::DeleteCollection => "delete",
            Action::Connect(method) => method,
        }
    }

    /// The value of `x-kubernetes-action`.
    fn name(self) -> &'static str {
        match self {
            Action::List => "list",
            Action::DeleteCollection => "deletecollection",
            Action::Connect(_) => "connect",
            other => other.method(),
        }
    }

    /// How upstream's names of operations begin.
    fn word(self) -> String {
        match self {
            Action::Get => "read".to_owned(),
            Action::List => "list".to_owned(),
            Action::Post => "create".to_owned(),
            Action::Put => "replace".to_owned(),
            Action::Patch => "patch".to_owned(),
            Action::Delete => "delete".to_owned(),
            Action::DeleteCollection => "deleteCollection".to_owned(),
            Action::Connect(method) => format!("connect{}", capital(method)),
        }
    }

    /// The kind that a client sends.
    pub(super) fn body(self, gvk: &Gvk) -> Gvk {
        match self {
            Action::Delete | Action::DeleteCollection => meta("DeleteOptions"),
            _ => gvk.clone(),
        }
    }

    /// Query parameters with their types, besides `pretty`.
    fn parameters(self) -> &'static [(&'static str, &'static str)] {
        const LIST: &[(&str, &str)] = &[
            ("allowWatchBookmarks", "boolean"),
            ("continue", "string"),
            ("fieldSelector", "string"),
            ("labelSelector", "string"),
            ("limit", "integer"),
            ("resourceVersion", "string"),
            ("resourceVersionMatch", "string"),
            ("sendInitialEvents", "boolean"),
            ("timeoutSeconds", "integer"),
            ("watch", "boolean"),
        ];
        const WRITE: &[(&str, &str)] = &[
            ("dryRun", "string"),
            ("fieldManager", "string"),
            ("fieldValidation", "string"),
        ];
        const PATCH: &[(&str, &str)] = &[
            ("dryRun", "string"),
            ("fieldManager", "string"),
            ("fieldValidation", "string"),
            ("force", "boolean"),
        ];
        const DELETE: &[(&str, &str)] = &[
            ("dryRun", "string"),
            ("gracePeriodSeconds", "integer"),
            (
                "ignoreStoreReadErrorWithClusterBreakingPotential",
                "boolean",
            ),
            ("orphanDependents", "boolean"),
            ("propagationPolicy", "string"),
        ];
        const DELETE_COLLECTION: &[(&str, &str)] = &[
            ("continue", "string"),
            ("dryRun", "string"),
            ("fieldSelector", "string"),
            ("gracePeriodSeconds", "integer"),
            (
                "ignoreStoreReadErrorWithClusterBreakingPotential",
                "boolean",
            ),
            ("labelSelector", "string"),
            ("limit", "integer"),
            ("orphanDependents", "boolean"),
            ("propagationPolicy", "string"),
            ("resourceVersion", "string"),
            ("resourceVersionMatch", "string"),
            ("sendInitialEvents", "boolean"),
            ("timeoutSeconds", "integer"),
        ];
        match self {
            Action::Get | Action::Connect(_) => &[],
            Action::List => LIST,
            Action::Post | Action::Put => WRITE,
            Action::Patch => PATCH,
            Action::Delete => DELETE,
            Action::DeleteCollection => DELETE_COLLECTION,
        }
    }
}

/// An operation to be written.
pub(super) struct Operation<'a> {
    pub(super) action: Action,
    /// What it is about.
    pub(super) gvk: &'a Gvk,
    /// The type that a client sends.
    pub(super) body: Option<String>,
    /// The type of the answer. `None`: text or a stream.
    pub(super) answer: Option<String>,
    pub(super) resource: &'a Resource,
    pub(super) sub: Option<&'a str>,
    /// A list over all namespaces.
    pub(super) is_everywhere: bool,
}

impl Operation<'_> {
    pub(super) fn value(&self) -> Value {
        let mut operation = json!({
            "operationId": self.id(),
            "tags": [self.tag()],
            "responses": self.responses(),
            "x-kubernetes-action": self.action.name(),
            "x-kubernetes-group-version-kind": gvk_value(self.gvk),
        });
        let parameters = self.action.parameters().iter().map(parameter);
        let mut parameters: Vec<Value> = parameters.collect();
        if !matches!(self.action, Action::Connect(_)) {
            parameters.push(parameter(&("pretty", "string")));
        }
        if !parameters.is_empty() {
            operation["parameters"] = Value::Array(parameters);
        }
        if let Some(body) = self.request_body() {
            operation["requestBody"] = body;
        }
        operation
    }

    fn request_body(&self) -> Option<Value> {
        let content = match self.action {
            Action::Get | Action::List | Action::Connect(_) => return None,
            Action::Patch => {
                let types = [
                    "application/apply-patch+yaml",
                    "application/json-patch+json",
                    "application/merge-patch+json",
                    "application/strategic-merge-patch+json",
                ];
                let is_known = |one: &&str| {
                    // What is merged by the shape of a kind needs a built-in one.
                    self.resource.custom.is_none() || !one.contains("strategic")
                };
                let types = types.into_iter().filter(is_known);
                let types = types.map(|one| (one.to_owned(), json!({"schema": {}})));
                Value::Object(types.collect())
            }
            _ => json!({"*/*": {"schema": reference(self.body.as_deref()?)}}),
        };
        let is_optional = matches!(self.action, Action::Delete | Action::DeleteCollection);
        let mut body = json!({"content": content});
        if !is_optional {
            body["required"] = json!(true);
        }
        Some(body)
    }

    fn responses(&self) -> Value {
        let content = match &self.answer {
            None => json!({"*/*": {"schema": {"type": "string"}}}),
            Some(name) => {
                let types = [
                    "application/json",
                    "application/yaml",
                    "application/vnd.kubernetes.protobuf",
                ];
                let types = types.map(|one| (one.to_owned(), json!({"schema": reference(name)})));
                Value::Object(types.into_iter().collect())
            }
        };
        let mut responses = Map::new();
        let codes: &[(&str, &str)] = match self.action {
            Action::Post => &[("200", "OK"), ("201", "Created"), ("202", "Accepted")],
            Action::Put | Action::Patch => &[("200", "OK"), ("201", "Created")],
            Action::Delete => &[("200", "OK"), ("202", "Accepted")],
            _ => &[("200", "OK")],
        };
        for (code, description) in codes {
            let response = json!({"description": description, "content": content});
            responses.insert((*code).to_owned(), response);
        }
        let refused = json!({"description": "Unauthorized"});
        responses.insert("401".to_owned(), refused);
        Value::Object(responses)
    }

    /// Such as `createAppsV1NamespacedDeployment`.
    fn id(&self) -> String {
        let group = match self.resource.gvk.group.as_str() {
            "" => "Core".to_owned(),
            group => {
                let name = group.trim_end_matches(".k8s.io");
                name.split('.').map(capital).collect()
            }
        };
        let scope = match self.resource.scope {
            Scope::Namespaced if !self.is_everywhere => "Namespaced",
            _ => "",
        };
        let ending = match self.is_everywhere {
            true => "ForAllNamespaces",
            false => "",
        };
        format!(
            "{}{group}{}{scope}{}{}{ending}",
            self.action.word(),
            capital(&self.resource.gvk.version),
            self.resource.gvk.kind,
            self.sub.map(capital).unwrap_or_default(),
        )
    }

    /// Such as `apps_v1`.
    fn tag(&self) -> String {
        let group = match self.resource.gvk.group.as_str() {
            "" => "core",
            group => group.trim_end_matches(".k8s.io"),
        };
        let group = group.replace('.', "_");
        format!("{group}_{}", self.resource.gvk.version)
    }
}

fn parameter((name, kind): &(&str, &str)) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
