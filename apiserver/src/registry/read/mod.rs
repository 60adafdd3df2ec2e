//! Get, list, watch.
//!
//! What the store keeps is what a client gets: the bytes of an object are never parsed on their way out,
//! unless a selector asks for a field, and then only that field is. One page of a list and one piece of
//! a watch are in memory at a time; how large the whole is does not matter. All pages of a list, and all
//! objects with which a watch begins, are of one revision, which the store keeps until it is compacted.
//!
//! | file | what |
//! |---|---|
//! | `get` | one object |
//! | `list` | many: whole, in pieces, or up to a limit, with a token to go on |
//! | `watch` | what is there, and what happens then |
//! | `changes` | a change of a key as an event for those who see selected objects only |
//! | `pace` | when a watch ends and when a bookmark is due |
//! | `pages` | keys page by page, as of one revision |
//! | `selection` | what selectors ask of an object |
//! | `source` | the keys and the selection of one request |
//! | `failure` | what a client is told when the store does not answer |
//!
//! How fresh an answer is:
//!
//! | asked for | read |
//! |---|---|
//! | latest | the store's latest, which has every acknowledged write |
//! | any | what is at hand; a limit counts all the same |
//! | not older than N | waits 3 s for N, then 504 with the cause `ResourceVersionTooLarge` |
//! | exactly N | the state of N, the same wait; 410 if it is compacted |
//! | continue | exactly the token's N; if that is compacted, 410 with a token that goes on at the latest |
//!
//! Measured (`tests/speed.rs`): 50,000 objects of 4 KiB, listed whole and written as JSON, took at most
//! 1.8 MiB more than before, with or without a selector. Speed is still to be measured on a quiet machine:
//! beside many other builds on two cores, a development build came to 17,000 objects/s (20,000 with a label
//! selector, 14,000 with a field selector), and a release build without link-time optimisation to 5,200
//! (5,600; 4,200). All include the store in memory, which counts all keys behind each page one by one.
//! (`cargo test --release -p keelson-apiserver registry::read::tests::speed -- --ignored --nocapture`)
//!
//! What may enter: a target and typed options. What never happens here: a write, a look at who asks, a
//! form of an answer, a task that runs by itself.

mod changes;
mod failure;
mod get;
mod list;
mod pace;
mod pages;
mod selection;
mod source;
#[cfg(test)]
mod tests;
mod watch;

use super::{Event, List, Registry, Target, components, scale};
use crate::request::{GetOptions, ListOptions, WatchOptions};
use crate::status::Failure;
use crate::storage::{Object, Stream};
use source::Source;

impl Registry {
    /// One object.
    ///
    /// # Errors
    /// 404, 504 for a state that does not come, or the store's.
    pub async fn get(&self, target: &Target, options: &GetOptions) -> Result<Object, Failure> {
        if components::are_meant(target) {
            return self.component(&target.name).await;
        }
        let has_scale = target.resource.subresource("scale").is_some();
        if target.subresource == "scale" && has_scale {
            let workload = Target {
                subresource: String::new(),
                ..target.clone()
            };
            let object = get::get(self.kv.as_ref(), &workload, options).await?;
            return Ok(scale::shown(&target.resource, object));
        }
        get::get(self.kv.as_ref(), target, options).await
    }

    /// The objects of a resource, in the order of their keys.
    ///
    /// # Errors
    /// 400 for a field that cannot be selected by, 410 for a state that is gone, 504 for one that does not
    /// come, or the store's.
    pub async fn list(&self, target: &Target, options: &ListOptions) -> Result<List, Failure> {
        if components::are_meant(target) {
            return Ok(self.components().await);
        }
        let source = Source::new(&self.kv, target, &options.labels, &options.fields)?;
        list::list(source, options).await
    }

    /// Changes to the objects of a resource, in order. A failure ends the stream; it is the client's to
    /// see, as an event. The stream wants to be polled inside a tokio runtime with time.
    ///
    /// # Errors
    /// As for a list; but a state that is gone is told in the stream.
    pub async fn watch(
        &self,
        target: &Target,
        options: &WatchOptions,
    ) -> Result<Stream<Result<Event, Failure>>, Failure> {
        let source = Source::new(&self.kv, target, &options.labels, &options.fields)?;
        watch::watch(
            source,
            target.resource.clone(),
            options,
            self.random.as_ref(),
        )
        .await
    }
}
