//! Get, list, watch.

use super::{Event, List, Registry, Target};
use crate::request::{GetOptions, ListOptions, WatchOptions};
use crate::status::Failure;
use crate::storage::{Object, Stream};

impl Registry {
    /// One object.
    ///
    /// # Errors
    /// 404, or the store's.
    pub async fn get(&self, _target: &Target, _options: &GetOptions) -> Result<Object, Failure> {
        Err(Failure::unknown_path())
    }

    /// The objects of a resource, in the order of their keys.
    ///
    /// # Errors
    /// 400 for a field that cannot be selected by, 410 for a state that is gone, 504 for one that does not
    /// come, or the store's.
    pub async fn list(&self, _target: &Target, _options: &ListOptions) -> Result<List, Failure> {
        Err(Failure::unknown_path())
    }

    /// Changes to the objects of a resource, in order. A failure ends the stream; it is the client's to
    /// see, as an event.
    ///
    /// # Errors
    /// As for a list.
    pub async fn watch(
        &self,
        _target: &Target,
        _options: &WatchOptions,
    ) -> Result<Stream<Result<Event, Failure>>, Failure> {
        Err(Failure::unknown_path())
    }
}
