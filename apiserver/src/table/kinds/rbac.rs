//! Bindings of roles. Roles themselves have a name and a time, as kinds without columns have.

use super::Kind;
use crate::table::column::{AGE, Column, NAME};
use crate::table::object::Object;
use crate::table::value::{at, text};
use serde_json::Value;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) const KINDS: &[Kind] = &[
    Kind::new(GROUP, "RoleBinding", BINDING, binding),
    Kind::new(GROUP, "ClusterRoleBinding", BINDING, binding),
];

const BINDING: &[Column] = &[
    NAME,
    Column::text("Role", "The role that it grants"),
    AGE,
    Column::wide("Users", "Users that it is granted to"),
    Column::wide("Groups", "Groups that it is granted to"),
    Column::wide("ServiceAccounts", "Service accounts that it is granted to"),
];

fn binding(object: &Object<'_>) -> Vec<Value> {
    let role = at(object.value, "roleRef").unwrap_or(&Value::Null);
    let subjects = |kind: &str| {
        let all = object.list("subjects").iter();
        let names = all.filter(|one| text(one, "kind") == kind).map(|one| {
            let name = text(one, "name");
            match kind {
                "ServiceAccount" => format!("{}/{name}", text(one, "namespace")),
                _ => name.to_owned(),
            }
        });
        Value::from(names.collect::<Vec<_>>().join(", "))
    };
    vec![
        object.name(),
        format!("{}/{}", text(role, "kind"), text(role, "name")).into(),
        object.age(),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}
