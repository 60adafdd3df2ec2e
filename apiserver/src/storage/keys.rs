//! Where objects lie in the store: `/registry/`, the place of their resource, the namespace, the name.

use crate::resource::{Resource, Scope};
use bytes::Bytes;

/// What all keys begin with.
const ROOT: &str = "/registry/";

/// Which object a key is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'k> {
    /// Empty for objects that are in none.
    pub namespace: &'k str,
    /// Its name.
    pub name: &'k str,
}

/// The keys of the objects of a resource: of all, or of those in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Ends with a slash, so that no neighbour whose name begins alike is among them.
    prefix: String,
    /// The namespace that all of them are in; empty if they are in none. `None`: each key tells.
    namespace: Option<String>,
}

impl Keys {
    /// The keys of a resource. `namespace` is empty for all namespaces, and does not count for a resource
    /// whose objects are in none. It must not contain a slash.
    pub fn of(resource: &Resource, namespace: &str) -> Keys {
        let place = &resource.key;
        let (prefix, namespace) = match (resource.scope, namespace) {
            (Scope::Cluster, _) => (format!("{ROOT}{place}/"), Some(String::new())),
            (Scope::Namespaced, "") => (format!("{ROOT}{place}/"), None),
            (Scope::Namespaced, name) => (format!("{ROOT}{place}/{name}/"), Some(name.to_owned())),
        };
        Keys { prefix, namespace }
    }

    /// The key of one object. `name` must not be empty or contain a slash, and neither must the namespace
    /// of a resource whose objects are in one.
    pub fn one(resource: &Resource, namespace: &str, name: &str) -> Bytes {
        Keys::of(resource, namespace).at(name)
    }

    /// The key that has `rest` behind the prefix.
    pub fn at(&self, rest: &str) -> Bytes {
        [self.prefix.as_str(), rest].concat().into()
    }

    /// The first key that one of them can be.
    pub fn start(&self) -> Bytes {
        self.at("")
    }

    /// The first key behind all of them.
    pub fn end(&self) -> Bytes {
        let mut end = self.prefix.clone().into_bytes();
        // The prefix ends with a slash.
        end.pop();
        end.push(b'/' + 1);
        end.into()
    }

    /// What stands behind the prefix. `None`: it is none of these keys.
    pub fn rest<'k>(&self, key: &'k [u8]) -> Option<&'k str> {
        std::str::from_utf8(key.strip_prefix(self.prefix.as_bytes())?).ok()
    }

    /// Which object a key is of. `None`: it is none of these keys, or of no object.
    pub fn place<'k>(&'k self, key: &'k [u8]) -> Option<Place<'k>> {
        let rest = self.rest(key)?;
        let (namespace, name) = match &self.namespace {
            Some(namespace) => (namespace.as_str(), rest),
            None => rest.split_once('/')?,
        };
        Some(Place { namespace, name })
    }

    /// Whether all of them are in one namespace, or in none, so that a name stands for one object.
    pub fn tell_by_name(&self) -> bool {
        self.namespace.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{everything, load};

    fn row(text: &str) -> Resource {
        load(text).unwrap().remove(0)
    }

    fn holds(keys: &Keys, key: &str) -> bool {
        let key = Bytes::from(key.to_owned());
        keys.start() <= key && key < keys.end()
    }

    #[test]
    fn keys_are_those_of_upstream() {
        for (group, version, plural, expected) in [
            ("", "v1", "pods", "/registry/pods/a/x"),
            ("", "v1", "services", "/registry/services/specs/a/x"),
            ("", "v1", "endpoints", "/registry/services/endpoints/a/x"),
            ("", "v1", "nodes", "/registry/minions/x"),
            ("", "v1", "namespaces", "/registry/namespaces/x"),
            (
                "",
                "v1",
                "replicationcontrollers",
                "/registry/controllers/a/x",
            ),
            ("apps", "v1", "deployments", "/registry/deployments/a/x"),
            (
                "networking.k8s.io",
                "v1",
                "ingresses",
                "/registry/ingress/a/x",
            ),
            ("events.k8s.io", "v1", "events", "/registry/events/a/x"),
            (
                "apiregistration.k8s.io",
                "v1",
                "apiservices",
                "/registry/apiregistration.k8s.io/apiservices/x",
            ),
        ] {
            let found = everything().find(group, version, plural).unwrap();
            assert_eq!(Keys::one(found, "a", "x"), expected, "{plural}");
        }
        let custom = row("z.io/v1 apes Ape namespaced key:z.io/apes");
        assert_eq!(Keys::one(&custom, "a", "x"), "/registry/z.io/apes/a/x");
    }

    #[test]
    fn a_range_does_not_leak_into_its_neighbours() {
        let pods = row("v1 pods Pod namespaced");
        let all = Keys::of(&pods, "");
        for inside in [
            "/registry/pods/a/x",
            "/registry/pods/a-b/x",
            "/registry/pods/a/\u{10ffff}",
        ] {
            assert!(holds(&all, inside), "{inside}");
        }
        for outside in [
            "/registry/podtemplates/a/x",
            "/registry/pods",
            "/registry/pods-x/a/x",
            "/registry/pods.z.io/a/x",
            "/registry/pods0",
        ] {
            assert!(!holds(&all, outside), "{outside}");
        }
        let one = Keys::of(&pods, "a");
        assert!(holds(&one, "/registry/pods/a/x"));
        for outside in [
            "/registry/pods/a-b/x",
            "/registry/pods/ab/x",
            "/registry/pods/a.b/x",
        ] {
            assert!(!holds(&one, outside), "{outside}");
        }
    }

    #[test]
    fn no_resource_lies_inside_another() {
        for one in everything().all() {
            for other in everything()
                .all()
                .iter()
                .filter(|other| other.key != one.key)
            {
                let key = Keys::one(other, "a", "x");
                assert_eq!(
                    Keys::of(one, "").rest(&key),
                    None,
                    "{} {}",
                    one.key,
                    other.key
                );
            }
        }
    }

    #[test]
    fn names_are_read_from_keys() {
        let (pods, nodes) = (row("v1 pods Pod namespaced"), row("v1 nodes Node cluster"));
        for (resource, asked, namespace) in [(&pods, "", "a"), (&pods, "a", "a"), (&nodes, "", "")]
        {
            let keys = Keys::of(resource, asked);
            let key = Keys::one(resource, namespace, "x");
            let found = keys.place(&key);
            assert_eq!(
                found,
                Some(Place {
                    namespace,
                    name: "x"
                })
            );
        }
        let keys = Keys::of(&pods, "");
        for none in ["/registry/nodes/x", "/registry/pods/x", "/registry/pods"] {
            assert_eq!(keys.place(none.as_bytes()), None, "{none}");
        }
        assert_eq!(keys.place(b"/registry/pods/a/\xff"), None);
    }

    #[test]
    fn a_namespace_does_not_count_where_there_is_none() {
        let nodes = row("v1 nodes Node cluster");
        assert_eq!(Keys::of(&nodes, "a"), Keys::of(&nodes, ""));
        assert!(Keys::of(&nodes, "").tell_by_name());
    }
}
