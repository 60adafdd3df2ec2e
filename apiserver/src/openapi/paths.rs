//! `paths`: which operations there are, and at which paths.

use super::document::{list, meta, root};
use super::operations::{Action, Operation};
use crate::resource::{Resource, Scope, Verb};
use crate::schema::Gvk;
use serde_json::{Map, Value, json};

/// Gives the name of the type of a kind. `None`: the kind has no body of its own (options of a
/// connection).
pub(super) type TypeOf<'a> = dyn Fn(&Gvk) -> Option<String> + 'a;

/// The paths of all these resources, which are of one group and version.
pub(super) fn paths(resources: &[Resource], type_of: &TypeOf) -> Value {
    let mut paths = Map::new();
    for resource in resources {
        let root = root(&resource.gvk.group, &resource.gvk.version);
        let collection = match resource.scope {
            Scope::Cluster => format!("{root}/{}", resource.plural),
            Scope::Namespaced => format!("{root}/namespaces/{{namespace}}/{}", resource.plural),
        };
        let is_namespaced = resource.scope == Scope::Namespaced;
        if is_namespaced && resource.can(Verb::List) {
            let everywhere = all_namespaces(resource, type_of);
            paths.insert(format!("{root}/{}", resource.plural), everywhere);
        }
        add(
            &mut paths,
            collection.clone(),
            of_collection(resource, type_of),
        );
        let item = format!("{collection}/{{name}}");
        for sub in &resource.subresources {
            let operations = of_item(resource, &sub.verbs, &sub.gvk, Some(&sub.name), type_of);
            add(&mut paths, format!("{item}/{}", sub.name), operations);
        }
        let operations = of_item(resource, &resource.verbs, &resource.gvk, None, type_of);
        add(&mut paths, item, operations);
    }
    Value::Object(paths)
}

fn add(paths: &mut Map<String, Value>, path: String, operations: Map<String, Value>) {
    if !operations.is_empty() {
        let parameters = path_parameters(&path);
        let mut item = operations;
        if !parameters.is_empty() {
            item.insert("parameters".to_owned(), Value::Array(parameters));
        }
        paths.insert(path, Value::Object(item));
    }
}

fn path_parameters(path: &str) -> Vec<Value> {
    let named = |name: &&str| path.contains(&format!("{{{name}}}"));
    let names = ["name", "namespace"].into_iter().filter(named);
    names
        .map(|name| {
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "schema": {"type": "string", "uniqueItems": true},
            })
        })
        .collect()
}

fn all_namespaces(resource: &Resource, type_of: &TypeOf) -> Value {
    let operation = Operation {
        action: Action::List,
        gvk: &resource.gvk,
        body: None,
        answer: type_of(&list(&resource.gvk)),
        resource,
        sub: None,
        is_everywhere: true,
    };
    json!({"get": operation.value()})
}

fn of_collection(resource: &Resource, type_of: &TypeOf) -> Map<String, Value> {
    let own = type_of(&resource.gvk);
    let actions = [
        (Verb::List, Action::List, type_of(&list(&resource.gvk))),
        (Verb::Create, Action::Post, own),
        (
            Verb::DeleteCollection,
            Action::DeleteCollection,
            type_of(&meta("Status")),
        ),
    ];
    let mut operations = Map::new();
    for (verb, action, answer) in actions {
        if resource.can(verb) {
            let operation = Operation {
                action,
                gvk: &resource.gvk,
                body: type_of(&action.body(&resource.gvk)),
                answer,
                resource,
                sub: None,
                is_everywhere: false,
            };
            operations.insert(action.method().to_owned(), operation.value());
        }
    }
    operations
}

/// The operations of an object, or of a path below it, whose body is then of another kind.
fn of_item(
    resource: &Resource,
    verbs: &[Verb],
    gvk: &Gvk,
    sub: Option<&str>,
    type_of: &TypeOf,
) -> Map<String, Value> {
    let own = type_of(gvk);
    let is_connection = own.is_none();
    let mut operations = Map::new();
    for verb in verbs {
        let action = match verb {
            Verb::Get => Action::Get,
            Verb::Update => Action::Put,
            Verb::Patch => Action::Patch,
            Verb::Delete => Action::Delete,
            Verb::Create if sub.is_some() => Action::Post,
            // Of the collection.
            Verb::Create | Verb::List | Verb::Watch | Verb::DeleteCollection => continue,
        };
        let method = action.method();
        let action = match is_connection {
            true => Action::Connect(method),
            false => action,
        };
        let answer = match action {
            Action::Delete => type_of(&meta("Status")),
            _ => own.clone(),
        };
        let operation = Operation {
            action,
            gvk,
            body: type_of(&action.body(gvk)),
            answer,
            resource,
            sub,
            is_everywhere: false,
        };
        operations.insert(method.to_owned(), operation.value());
    }
    operations
}
