//! Roles and bindings that give away more than their writer has.

use super::world::allow;
use crate::admission::{Admission, AdmissionRequest, AdmitAll, Operation};
use crate::authorize::{Authorizer, Masters, Policy, RBAC, Union};
use crate::http::{HeldRights, KeptPolicy};
use crate::identity::User;
use crate::registry::Target;
use crate::resource::builtin;
use serde_json::{Value, json};
use std::sync::Arc;

fn request(user: &User, plural: &str, object: Value) -> AdmissionRequest {
    let resource = builtin().find(RBAC, "v1", plural).unwrap();
    AdmissionRequest {
        operation: Operation::Create,
        target: Target {
            resource: Arc::new(resource.clone()),
            namespace: String::new(),
            name: "new".to_owned(),
            subresource: String::new(),
        },
        user: user.clone(),
        object: object.into(),
        old: None,
        options: Value::Null,
        is_dry_run: false,
        now: String::new(),
        seen: Default::default(),
    }
}

#[tokio::test]
async fn statement_98_nobody_gives_away_what_they_do_not_hold() {
    let objects = allow("jane", &["get"], &[""], &["pods"]);
    let policy = KeptPolicy::of(Policy::from_objects(&objects).unwrap());
    let chain: Vec<Box<dyn Authorizer>> = vec![Box::new(Masters), Box::new(policy.clone())];
    let rights = HeldRights::new(policy, Arc::new(Union::new(chain)), AdmitAll);
    let role = |verb: &str| {
        json!({"kind": "ClusterRole", "metadata": {"name": "new"}, "rules": [
            {"verbs": [verb], "apiGroups": [""], "resources": ["pods"]},
        ]})
    };
    let jane = User::new("jane", ["system:authenticated"]);
    let ask = async |user: &User, plural: &str, object: Value| {
        let request = request(user, plural, object);
        rights.validate(&request).await.map(drop)
    };
    assert_eq!(ask(&jane, "clusterroles", role("get")).await, Ok(()));
    let refused = ask(&jane, "clusterroles", role("delete"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), 403);
    let master = User::new("root", ["system:masters"]);
    assert_eq!(ask(&master, "clusterroles", role("delete")).await, Ok(()));
    let binding = json!({"kind": "ClusterRoleBinding", "metadata": {"name": "new"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "none"}, "subjects": []});
    assert!(ask(&jane, "clusterrolebindings", binding).await.is_err());
    let early = HeldRights::new(KeptPolicy::default(), Arc::new(Masters), AdmitAll);
    let request = request(&jane, "clusterroles", role("get"));
    assert_eq!(early.validate(&request).await.unwrap_err().code(), 503);
}

#[tokio::test]
async fn statement_71_who_may_only_change_does_not_create() {
    let objects = allow("jane", &["patch"], &[RBAC], &["clusterroles"]);
    let policy = KeptPolicy::of(Policy::from_objects(&objects).unwrap());
    let rights = HeldRights::new(policy.clone(), Arc::new(policy), AdmitAll);
    let jane = User::new("jane", ["system:authenticated"]);
    let empty = json!({"kind": "ClusterRole", "metadata": {"name": "new"}, "rules": []});
    let ask = async |kind: &str, operation: Operation| {
        let mut request = request(&jane, "clusterroles", empty.clone());
        request.operation = operation;
        request.options = json!({"kind": kind});
        rights.validate(&request).await.map(drop)
    };
    for kind in ["PatchOptions", "UpdateOptions"] {
        let refused = ask(kind, Operation::Create).await.unwrap_err();
        assert_eq!(
            refused.message,
            "clusterroles.rbac.authorization.k8s.io \"new\" is forbidden: User \"jane\" cannot create \
             resource \"clusterroles\" in API group \"rbac.authorization.k8s.io\" at the cluster scope"
        );
        assert_eq!(ask(kind, Operation::Update).await, Ok(()));
    }
    // Who creates was asked for that right before.
    assert_eq!(ask("CreateOptions", Operation::Create).await, Ok(()));
}
