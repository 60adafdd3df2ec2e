//! Where objects are.

/// A resource, as the API groups them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Empty for the core group.
    pub group: &'static str,
    /// Such as `v1`.
    pub version: &'static str,
    /// Such as `pods`.
    pub plural: &'static str,
}

impl Resource {
    /// The path of an object, or of its subresource; with an empty name that of all objects of a namespace;
    /// with both empty that of all objects.
    pub fn path(&self, namespace: &str, name: &str, subresource: &str) -> String {
        let Resource {
            group,
            version,
            plural,
        } = self;
        let mut path = match group.is_empty() {
            true => format!("/api/{version}"),
            false => format!("/apis/{group}/{version}"),
        };
        if !namespace.is_empty() {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        for part in [plural, name, subresource] {
            if !part.is_empty() {
                path.push('/');
                path.push_str(part);
            }
        }
        path
    }
}

/// A query, to be put behind a path; empty for no fields. Names are ours and stay as they are.
pub fn query(fields: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in fields {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        for byte in value.bytes() {
            match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => query.push(char::from(byte)),
                false => query.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let pods = Resource {
            group: "",
            version: "v1",
            plural: "pods",
        };
        let leases = Resource {
            group: "coordination.k8s.io",
            version: "v1",
            plural: "leases",
        };
        assert_eq!(pods.path("", "", ""), "/api/v1/pods");
        assert_eq!(
            pods.path("a", "b", "status"),
            "/api/v1/namespaces/a/pods/b/status"
        );
        assert_eq!(
            leases.path("kube-node-lease", "n", ""),
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n"
        );
    }

    #[test]
    fn values_of_a_query_are_escaped() {
        let fields = [("fieldSelector", "spec.nodeName!="), ("limit", "5")];
        assert_eq!(query(&fields), "?fieldSelector=spec.nodeName%21%3D&limit=5");
        assert_eq!(query(&[]), "");
    }
}
