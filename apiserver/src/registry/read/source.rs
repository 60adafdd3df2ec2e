//! What a list or a watch reads: which keys, and which of their objects.

use super::selection::Selection;
use crate::names;
use crate::registry::Target;
use crate::registry::versions::Conversion;
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::Failure;
use crate::status::text::quote;
use crate::storage::{
    At, Changes, KeyValue, Keys, Kv, KvError, Object, Range, Ranged, Stream, Watch,
};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// How long a read waits for a revision that is not there yet, as upstream does.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The objects of a request.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) kv: Arc<dyn Kv>,
    pub(super) keys: Keys,
    pub(super) selection: Selection,
    /// The only key that can be selected, if there is just one.
    only: Option<Bytes>,
    /// Objects are not stored as they are served.
    conversion: Option<Conversion>,
}

impl Source {
    /// The objects that a request is about.
    ///
    /// # Errors
    /// 400 for a field that the resource does not offer, and for a namespace that cannot be one; 500 for a
    /// version that objects cannot be converted to.
    pub(super) fn new(
        kv: &Arc<dyn Kv>,
        target: &Target,
        labels: &LabelSelector,
        fields: &FieldSelector,
    ) -> Result<Source, Failure> {
        check_segment("Namespace", &target.namespace)?;
        let selection = Selection::new(&target.resource, &target.name, labels, fields)?;
        let keys = Keys::of(&target.resource, &target.namespace);
        // A name that cannot be one selects nothing, which the selection finds out.
        let name = selection.exact_name().filter(|name| is_segment(name));
        let only = name.filter(|_| keys.tell_by_name());
        Ok(Source {
            kv: kv.clone(),
            only: only.map(|name| keys.at(name)),
            conversion: Conversion::of(&target.resource)?,
            keys,
            selection,
        })
    }

    /// The first key, and the one before which they end (`None`: the first is the only one).
    pub(super) fn range(&self) -> (Bytes, Option<Bytes>) {
        match &self.only {
            Some(key) => (key.clone(), None),
            None => (self.keys.start(), Some(self.keys.end())),
        }
    }

    /// The object of a key, if it is selected.
    pub(super) fn select(&self, item: KeyValue) -> Option<Object> {
        let KeyValue { key, value, .. } = item;
        self.admit(&key, Object::new(value, item.mod_revision))
    }

    /// A stored object as it is served, if it is selected.
    pub(super) fn admit(&self, key: &[u8], object: Object) -> Option<Object> {
        let object = match &self.conversion {
            Some(conversion) => conversion.served(object),
            None => object,
        };
        if self.selection.is_everything() {
            return Some(object);
        }
        let place = self.keys.place(key)?;
        self.selection.admits(place, &object).then_some(object)
    }

    /// Follows the keys from a revision on.
    pub(super) async fn follow(
        &self,
        from: u64,
        progress_every: Option<Duration>,
    ) -> Result<Stream<Result<Changes, KvError>>, KvError> {
        let (key, end) = self.range();
        let watch = Watch {
            key,
            end,
            from,
            progress_every,
        };
        self.kv.watch(watch).await
    }

    /// The revision of a state.
    pub(super) async fn revision(&self, at: At) -> Result<u64, KvError> {
        let range = Range {
            key: self.keys.start(),
            end: None,
            at,
            limit: 1,
            keys_only: true,
        };
        read(self.kv.as_ref(), range)
            .await
            .map(|read| read.revision)
    }
}

/// Reads, and waits for a state that is not there yet.
pub(super) async fn read(kv: &dyn Kv, range: Range) -> Result<Ranged, KvError> {
    let At::Exactly(revision) = range.at else {
        return kv.range(range).await;
    };
    match kv.range(range.clone()).await {
        Err(KvError::TooNew { .. }) => {}
        answer => return answer,
    }
    let until = Range {
        end: None,
        at: At::NotBefore(revision, PATIENCE),
        limit: 1,
        keys_only: true,
        ..range.clone()
    };
    kv.range(until).await?;
    kv.range(range).await
}

/// The revision that is asked for; 0 if none is.
pub(super) fn wanted(at: At) -> u64 {
    match at {
        At::NotBefore(revision, _) | At::Exactly(revision) => revision,
        At::Latest | At::Any => 0,
    }
}

/// Refuses a part of a key that would lead elsewhere. An empty one is no part.
///
/// # Errors
/// 400.
pub(super) fn check_segment(what: &str, text: &str) -> Result<(), Failure> {
    let wrong = names::path_segment(text);
    match wrong.is_empty() {
        true => Ok(()),
        false => {
            let (text, wrong) = (quote(text), wrong.join(";"));
            let message = format!("{what} parameter invalid: {text}: {wrong}");
            Err(Failure::bad_request(message))
        }
    }
}

fn is_segment(name: &str) -> bool {
    !name.is_empty() && names::path_segment(name).is_empty()
}
