//! A user.

use super::names::{
    ANONYMOUS, AUTHENTICATED, NODE_PREFIX, NODES, UNAUTHENTICATED, service_account_groups,
    service_account_name,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Who asks, as authentication found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Unique among users at one time.
    pub name: String,
    /// Tells users apart that had the same name one after the other; may be empty.
    pub uid: String,
    /// In the order in which they were found.
    pub groups: Vec<String>,
    /// What else authentication knows, by keys in lower case.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user without uid and extra.
    pub fn new<G: Into<String>>(
        name: impl Into<String>,
        groups: impl IntoIterator<Item = G>,
    ) -> User {
        User {
            name: name.into(),
            groups: groups.into_iter().map(Into::into).collect(),
            ..User::default()
        }
    }

    /// Somebody who did not say who it is.
    pub fn anonymous() -> User {
        User::new(ANONYMOUS, [UNAUTHENTICATED])
    }

    /// A service account that showed a token.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> User {
        let groups = service_account_groups(namespace).into_iter();
        let groups = groups.chain([AUTHENTICATED.to_owned()]);
        User {
            uid: uid.to_owned(),
            ..User::new(service_account_name(namespace, name), groups)
        }
    }

    /// Whether the user is in a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one == group)
    }

    /// The node that the user is: `Some("")` if it is a node that does not say which.
    pub fn node(&self) -> Option<&str> {
        let name = self.name.strip_prefix(NODE_PREFIX)?;
        self.is_in(NODES).then_some(name)
    }

    /// As `UserInfo` of reviews: without what is empty.
    pub fn to_value(&self) -> Value {
        let mut info = Map::new();
        let mut put = |field: &str, value: Value, is_empty: bool| {
            if !is_empty {
                info.insert(field.to_owned(), value);
            }
        };
        put("username", self.name.as_str().into(), self.name.is_empty());
        put("uid", self.uid.as_str().into(), self.uid.is_empty());
        let groups = self.groups.clone();
        put("groups", groups.into(), self.groups.is_empty());
        let extra = self.extra.iter();
        let extra: Map<_, _> = extra
            .map(|(key, values)| (key.clone(), values.clone().into()))
            .collect();
        put("extra", extra.into(), self.extra.is_empty());
        Value::Object(info)
    }
}
