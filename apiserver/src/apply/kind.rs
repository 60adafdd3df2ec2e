//! What a write is about: the kind, its versions, and who writes.

use super::path::Set;
use super::typed::Typed;
use crate::schema::{Gvk, Table};
use serde_json::Value;
use std::borrow::Cow;

/// A kind of objects in all its versions.
#[derive(Clone, Copy)]
pub struct Kind<'a> {
    /// Holds the kind's type for each version that is served.
    pub table: &'a Table,
    /// Its group; empty for the core API.
    pub group: &'a str,
    /// Such as `Deployment`.
    pub name: &'a str,
    /// Makes an object one of another API version of the kind. None: that cannot be done; whoever owns
    /// fields in that version loses them. Only called for versions that the table has.
    pub convert: &'a (dyn Fn(&Value, &str) -> Option<Value> + Sync),
}

/// Who writes, and how.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What is written.
    pub kind: Kind<'a>,
    /// The API version of the request's path, such as `apps/v1`.
    pub api_version: &'a str,
    /// The name of the field manager.
    pub manager: &'a str,
    /// Such as `status`; empty for the resource itself.
    pub subresource: &'a str,
    /// Fields that the write does not set, whatever it says of them; see
    /// [`managers::ignored_by_main`](super::managers::ignored_by_main).
    pub ignored: &'a Set,
    /// The time of the write: RFC 3339, UTC, whole seconds.
    pub now: &'a str,
}

/// Changes the API version that an object states, and nothing else: the conversion of kinds whose
/// versions do not differ, and of custom resources with the strategy `None`.
pub fn rename_version(object: &Value, api_version: &str) -> Option<Value> {
    let mut renamed = object.clone();
    renamed
        .as_object_mut()?
        .insert("apiVersion".to_owned(), api_version.into());
    Some(renamed)
}

impl<'a> Kind<'a> {
    /// The kind's type in an API version; none if it is not served.
    pub fn typed(&self, api_version: &str) -> Option<Typed<'a>> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        if group != self.group {
            return None;
        }
        let (group, version) = (group.to_owned(), version.to_owned());
        let id = self.table.kind(&Gvk {
            group,
            version,
            kind: self.name.to_owned(),
        })?;
        Some(Typed {
            table: self.table,
            id,
        })
    }

    /// The object in another API version, and its type there.
    pub(super) fn in_version<'v>(
        &self,
        object: &'v Value,
        from: &str,
        to: &str,
    ) -> Option<(Typed<'a>, Cow<'v, Value>)> {
        let typed = self.typed(to)?;
        match from == to {
            true => Some((typed, Cow::Borrowed(object))),
            false => Some((typed, Cow::Owned((self.convert)(object, to)?))),
        }
    }
}
