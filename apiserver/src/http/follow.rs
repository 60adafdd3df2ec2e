//! All objects of a kind and what becomes of them, for those who keep a picture of some kinds in this
//! process.

use crate::registry::{EventKind, Registry, Target};
use crate::request::{Freshness, ListOptions, ListRead, WatchFrom, WatchOptions};
use crate::resource::Resource;
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::Failure;
use crate::storage::Object;
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// After a failure, before it is tried again: at first, and at most.
const AGAIN_FIRST: Duration = Duration::from_millis(100);
const AGAIN_MOST: Duration = Duration::from_secs(10);

/// What is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told<'a> {
    /// All objects follow, and then `Complete`. Comes again when it is not known what happened meanwhile.
    Began,
    /// It is there, and is like this.
    Here(&'a Object),
    /// It is gone; this is how it was at the end.
    Gone(&'a Object),
    /// That were all objects.
    Complete,
    /// What changes is not known for the moment.
    Lost,
}

/// Follows a kind for as long as it is polled. Failures are tried again without end.
pub(super) async fn follow(
    registry: &Registry,
    resource: Arc<Resource>,
    mut take: impl FnMut(Told<'_>),
) {
    let target = Target {
        resource,
        namespace: String::new(),
        name: String::new(),
        subresource: String::new(),
    };
    let mut again = AGAIN_FIRST;
    loop {
        match list_and_watch(registry, &target, &mut take).await {
            Ok(()) => again = AGAIN_FIRST,
            Err(failure) => {
                take(Told::Lost);
                let kind = &target.resource.gvk.kind;
                tracing::warn!(kind, %failure, "cannot follow a kind of objects");
                sleep(again).await;
                again = (again * 2).min(AGAIN_MOST);
            }
        }
    }
}

/// Reads all of a kind, and follows it until the watch ends.
async fn list_and_watch(
    registry: &Registry,
    target: &Target,
    take: &mut impl FnMut(Told<'_>),
) -> Result<(), Failure> {
    let options = ListOptions {
        labels: LabelSelector::everything(),
        fields: FieldSelector::everything(),
        limit: None,
        read: ListRead::Latest,
        timeout: None,
    };
    let list = registry.list(target, &options).await?;
    let mut pieces = list.pieces;
    take(Told::Began);
    while let Some(piece) = pieces.next().await {
        piece?.iter().for_each(|object| take(Told::Here(object)));
    }
    take(Told::Complete);
    let options = WatchOptions {
        labels: LabelSelector::everything(),
        fields: FieldSelector::everything(),
        from: match list.revision {
            0 => WatchFrom::Changes(Freshness::Latest),
            revision => WatchFrom::After(revision),
        },
        allows_bookmarks: false,
        timeout: None,
    };
    let mut events = registry.watch(target, &options).await?;
    while let Some(event) = events.next().await {
        let event = event?;
        match event.kind {
            EventKind::Added | EventKind::Modified => take(Told::Here(&event.object)),
            EventKind::Deleted => take(Told::Gone(&event.object)),
            EventKind::Bookmark { .. } => {}
        }
    }
    Ok(())
}
