//! A plug-in of the chain, and how it looks at other objects.

use super::{AdmissionRequest, Admitted};
use crate::status::{Failure, GroupResource};
use crate::storage::{Future, Guard, KeyValue};
use bytes::Bytes;
use serde_json::Value;
use std::sync::Arc;

/// Something that has a say in writes. It keeps no state about requests: a request may be asked about
/// again, or never be carried out.
pub trait Plugin: Send + Sync {
    /// Its name in upstream's list.
    fn name(&self) -> &'static str;

    /// Whether it has anything to say. What it does not handle it is not asked about.
    fn handles(&self, request: &AdmissionRequest) -> bool;

    /// Fills in the new object.
    ///
    /// # Errors
    /// The refusal for the client, or the store's.
    fn mutate<'a>(
        &'a self,
        _request: &'a mut AdmissionRequest,
        _objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }

    /// Refuses, or says what belongs into the transaction.
    ///
    /// # Errors
    /// The refusal for the client, or the store's.
    fn validate<'a>(
        &'a self,
        _request: &'a AdmissionRequest,
        _objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }

    /// Says what goes with an object that goes for good. Every plug-in is asked, about every such object.
    ///
    /// # Errors
    /// The store's.
    fn release<'a>(
        &'a self,
        _request: &'a AdmissionRequest,
        _objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }
}

/// A resource by its path: what [`Objects`] are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Which {
    /// Empty for the core API.
    pub group: &'static str,
    /// Such as `v1`.
    pub version: &'static str,
    /// Such as `pods`.
    pub plural: &'static str,
}

/// An object that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its key in the store.
    pub key: Bytes,
    /// Its revision there.
    pub revision: u64,
    /// The object in stored form, without a `resourceVersion`.
    pub object: Arc<Value>,
}

impl Found {
    /// Holds as long as nobody has written the object.
    pub fn unchanged(&self) -> Guard {
        Guard {
            key: self.key.clone(),
            mod_revision: self.revision,
        }
    }
}

/// The look at other objects.
///
/// It may be a little behind (a cache, a member that is late), with two promises: what is said to be
/// missing is missing in the newest state, and a list has every object that was there before the request
/// came. Whoever relies on more takes a guard from [`Found::unchanged`].
pub trait Objects: Send + Sync + 'static {
    /// One object. `namespace` is empty for resources that are in none.
    ///
    /// # Errors
    /// The store's. A missing object is `None`.
    fn get<'a>(
        &'a self,
        which: Which,
        namespace: &'a str,
        name: &'a str,
    ) -> Future<'a, Result<Option<Found>, Failure>>;

    /// The objects of a namespace in the order of their names; with an empty `namespace` all objects.
    ///
    /// # Errors
    /// The store's.
    fn list<'a>(
        &'a self,
        which: Which,
        namespace: &'a str,
    ) -> Future<'a, Result<Vec<Found>, Failure>>;

    /// As [`Objects::list`], for somebody who knows that the newest state was one of revision `since` or later
    /// when his request had come already: that is new enough. 0: he does not. The other part of the answer is
    /// the revision of the state that was looked at, for the next question of this request; 0: not known.
    ///
    /// # Errors
    /// The store's.
    fn list_since<'a>(
        &'a self,
        which: Which,
        namespace: &'a str,
        _since: u64,
    ) -> Future<'a, Result<(Vec<Found>, u64), Failure>> {
        Box::pin(async move { Ok((self.list(which, namespace).await?, 0)) })
    }

    /// What lies at a key, or from it up to `end`, in the newest state, in the order of keys. For what
    /// plug-ins keep beside objects.
    ///
    /// # Errors
    /// The store's.
    fn entries(
        &self,
        _key: Bytes,
        _end: Option<Bytes>,
    ) -> Future<'_, Result<Vec<KeyValue>, Failure>> {
        let why = "there is nothing here but objects";
        Box::pin(std::future::ready(Err(Failure::internal(why))))
    }
}

impl AdmissionRequest {
    /// Whether it is about objects of this resource themselves, in whatever version.
    pub(super) fn is_for(&self, group: &str, plural: &str) -> bool {
        self.target.subresource.is_empty() && self.is_below(group, plural)
    }

    /// Whether it is about objects of this resource or something below them.
    pub(super) fn is_below(&self, group: &str, plural: &str) -> bool {
        self.target.resource.gvk.group == group && self.target.resource.plural == plural
    }

    /// The resource, for messages.
    pub(super) fn group_resource(&self) -> GroupResource {
        let resource = &self.target.resource;
        GroupResource::new(resource.gvk.group.clone(), resource.plural.clone())
    }

    /// 403 in the server's usual words, about the object of this request.
    pub(super) fn forbidden(&self, why: &str) -> Failure {
        Failure::forbidden(&self.group_resource(), self.shown_name(), why)
    }

    /// The name for messages: what the object calls itself if the path does not say.
    pub(super) fn shown_name(&self) -> &str {
        if !self.target.name.is_empty() {
            return &self.target.name;
        }
        let named = |field: &str| {
            let name = self
                .object
                .as_ref()?
                .get("metadata")?
                .get(field)?
                .as_str()?;
            (!name.is_empty()).then_some(name)
        };
        named("name")
            .or_else(|| named("generateName"))
            .unwrap_or("Unknown")
    }
}
