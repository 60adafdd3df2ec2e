//! Where objects lie in the store: `/registry/`, the place of their resource, the namespace, the name.

use crate::resource::{Resource, Scope};
use bytes::Bytes;

/// The keys of the objects of a resource: of all, or of those in one namespace.
pub(super) struct Keys {
    /// Ends with a slash, so that no neighbour whose name begins alike is among them.
    prefix: String,
}

impl Keys {
    /// The keys of a resource. `namespace` is empty for all namespaces, and does not count for a resource
    /// whose objects are in none. It must not contain a slash.
    pub(super) fn of(resource: &Resource, namespace: &str) -> Keys {
        let place = &resource.key;
        let prefix = match (resource.scope, namespace) {
            (Scope::Cluster, _) | (Scope::Namespaced, "") => format!("/registry/{place}/"),
            (Scope::Namespaced, name) => format!("/registry/{place}/{name}/"),
        };
        Keys { prefix }
    }

    /// The key of one object. `name` must not be empty or contain a slash, and neither must the namespace
    /// of a resource whose objects are in one.
    pub(super) fn one(resource: &Resource, namespace: &str, name: &str) -> Bytes {
        let prefix = Keys::of(resource, namespace).prefix;
        [prefix.as_str(), name].concat().into()
    }

    /// The first key that one of them can be.
    pub(super) fn start(&self) -> Bytes {
        self.prefix.clone().into()
    }

    /// The first key behind all of them.
    pub(super) fn end(&self) -> Bytes {
        let mut end = self.prefix.clone().into_bytes();
        // The prefix ends with a slash.
        end.pop();
        end.push(b'/' + 1);
        end.into()
    }
}
