//! Whether somebody may act as somebody else.

use super::attributes::{Attributes, ResourceTarget, Target};
use super::chain::Authorizer;
use crate::identity::{Impersonation, User};
use crate::status::Failure;

/// Who a request comes from if `user` may act as it wants to.
///
/// # Errors
/// 403 for the first part that is not allowed.
pub fn impersonate(
    authorizer: &dyn Authorizer,
    user: &User,
    wanted: &Impersonation,
) -> Result<User, Failure> {
    for part in wanted.parts() {
        let attributes = Attributes {
            user,
            verb: "impersonate",
            target: Target::Resource(ResourceTarget {
                group: part.group,
                version: part.version,
                resource: part.resource,
                subresource: part.subresource,
                namespace: part.namespace,
                name: part.name,
                ..ResourceTarget::default()
            }),
        };
        let verdict = authorizer.authorize(&attributes);
        if !verdict.is_allowed() {
            return Err(attributes.forbidden(&verdict));
        }
    }
    Ok(wanted.becomes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::{Policy, RBAC};
    use serde_json::json;

    #[test]
    fn each_part_must_be_allowed() {
        let role = json!({"kind": "ClusterRole", "metadata": {"name": "r"}, "rules": [
            {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["jane"]},
            {"verbs": ["impersonate"], "apiGroups": ["authentication.k8s.io"],
                "resources": ["userextras/scopes"], "resourceNames": ["view"]},
        ]});
        let binding = json!({"kind": "ClusterRoleBinding", "metadata": {"name": "b"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "User", "name": "bob"}]});
        let policy = Policy::from_objects([&role, &binding]).unwrap();
        let bob = User::new("bob", ["system:authenticated"]);
        let act = |headers: &[(&str, &str)]| {
            let wanted = Impersonation::from_headers(headers.iter().copied());
            impersonate(&policy, &bob, &wanted.unwrap().unwrap()).map_err(|f| f.message)
        };
        let jane = ("impersonate-user", "jane");
        assert_eq!(act(&[jane]).unwrap().name, "jane");
        assert!(act(&[jane, ("impersonate-extra-scopes", "view")]).is_ok());
        assert_eq!(
            act(&[jane, ("impersonate-extra-scopes", "edit")]).unwrap_err(),
            "userextras.authentication.k8s.io \"edit\" is forbidden: User \"bob\" cannot impersonate \
             resource \"userextras/scopes\" in API group \"authentication.k8s.io\" at the cluster scope"
        );
        assert_eq!(
            act(&[jane, ("impersonate-group", "system:masters")]).unwrap_err(),
            "groups \"system:masters\" is forbidden: User \"bob\" cannot impersonate resource \
             \"groups\" in API group \"\" at the cluster scope"
        );
        assert!(act(&[("impersonate-user", "system:serviceaccount:a:b")]).is_err());
    }
}
