//! Deletions of many objects.

use super::job::Job;
use super::store::failure;
use crate::registry::strategy::fields::text;
use crate::registry::{List, Target, versions};
use crate::request::{DeleteOptions, ListOptions};
use crate::selector::FieldSelector;
use crate::status::{Failure, Reason};
use crate::storage::{At, KeyValue, Keys, Object, Range};
use bytes::Bytes;
use futures::stream;
use serde_json::Value;

/// Objects that are read at once.
const PAGE: usize = 500;

impl Job<'_> {
    /// Deletes what a list would show, one object after the other. What has gone in the meantime has
    /// gone; what has come since with a name that was listed is left alone. Returns what there was; the objects
    /// are the stored bytes, because there may be many.
    ///
    /// # Errors
    /// As for lists and deletions; what went before a failure has gone.
    pub(super) async fn delete_collection(
        &self,
        which: &ListOptions,
        options: &DeleteOptions,
    ) -> Result<List, Failure> {
        self.check_fields(&which.fields)?;
        let keys = Keys::of(self.resource(), &self.target.namespace);
        let (mut next, end) = (keys.start(), keys.end());
        let most = which.limit.map_or(u64::MAX, std::num::NonZeroU64::get);
        let (mut revision, mut items): (Option<u64>, Vec<Object>) = (None, Vec::new());
        loop {
            let (of, page) = self.page(next, &end).await?;
            let first = *revision.get_or_insert(of);
            let is_last = page.len() < PAGE;
            let last_key = page.last().map(|last| last.key.clone());
            for found in page {
                if items.len() as u64 >= most {
                    return Ok(list_of(items, first));
                }
                let object = Object::new(found.value, found.mod_revision);
                let Some(value) = object
                    .value()
                    .filter(|value| self.is_selected(value, which))
                else {
                    continue;
                };
                self.delete_one(&value, options).await?;
                items.push(self.outgoing(object, value));
            }
            match last_key {
                Some(key) if !is_last => next = [&key[..], b"\0"].concat().into(),
                _ => return Ok(list_of(items, first)),
            }
        }
    }

    /// The objects from a key on, and the revision that they show.
    async fn page(&self, key: Bytes, end: &Bytes) -> Result<(u64, Vec<KeyValue>), Failure> {
        let range = Range {
            key,
            end: Some(end.clone()),
            at: At::Latest,
            limit: PAGE,
            keys_only: false,
        };
        let ranged = self.registry.kv.range(range).await;
        let ranged = ranged.map_err(|error| failure(error, &self.group_resource(), "list"))?;
        Ok((ranged.revision, ranged.keys))
    }

    /// Refuses fields that the resource does not offer.
    fn check_fields(&self, fields: &FieldSelector) -> Result<(), Failure> {
        for term in fields.terms() {
            if self.resource().selectable_path(&term.field).is_none() {
                let message = format!("field label not supported: {}", term.field);
                return Err(Failure::bad_request(message));
            }
        }
        Ok(())
    }

    fn is_selected(&self, object: &Value, which: &ListOptions) -> bool {
        let labels = object.pointer("/metadata/labels").unwrap_or(&Value::Null);
        which.labels.matches(labels)
            && which.fields.terms().iter().all(|term| {
                let path = self
                    .resource()
                    .selectable_path(&term.field)
                    .unwrap_or_default();
                let pointer = format!("/{}", path.replace('.', "/"));
                let found = match object.pointer(&pointer) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Bool(truth)) => truth.to_string(),
                    Some(Value::Number(number)) => number.to_string(),
                    _ => String::new(),
                };
                (found == term.value) == term.is_equal
            })
    }

    async fn delete_one(&self, object: &Value, options: &DeleteOptions) -> Result<(), Failure> {
        let target = Target {
            resource: self.target.resource.clone(),
            namespace: text(object, "/metadata/namespace").to_owned(),
            name: text(object, "/metadata/name").to_owned(),
            subresource: String::new(),
        };
        let mut options = options.clone();
        let uid = text(object, "/metadata/uid").to_owned();
        let is_ours = options.preconditions.uid.is_none();
        options.preconditions.uid.get_or_insert(uid);
        let job = Job::deletion(self.registry, self.caller, &target, &options)?;
        match job.delete(&options).await {
            Err(failure) if failure.reason == Reason::NotFound => Ok(()),
            // Another object has its name by now.
            Err(failure) if failure.reason == Reason::Conflict && is_ours => {
                match options.preconditions.resource_version {
                    None => Ok(()),
                    Some(_) => Err(failure),
                }
            }
            done => done.map(drop),
        }
    }

    /// An object as the client sees it; `value` is the same, parsed.
    fn outgoing(&self, object: Object, value: Value) -> Object {
        let resource = self.resource();
        if resource.custom.is_none() && resource.gvk == resource.stored {
            return object;
        }
        let revision = object.revision();
        Object::of(versions::outgoing(resource, value), revision)
    }
}

fn list_of(items: Vec<Object>, revision: u64) -> List {
    let pieces: Vec<_> = items.chunks(PAGE).map(|piece| Ok(piece.to_vec())).collect();
    List {
        revision,
        continue_token: None,
        remaining: None,
        pieces: Box::pin(stream::iter(pieces)),
    }
}
