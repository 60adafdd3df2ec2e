//! Options of a watch, and where it begins.

use super::Query;
use super::list::{common, narrow};
use super::query::resource_version;
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::{Failure, FieldError, Path};
use std::time::Duration;

const NOT_OLDER_THAN: &str = "NotOlderThan";

/// How fresh the state must be with which a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It has every write that was acknowledged before.
    Latest,
    /// Whatever is at hand.
    Any,
    /// It is that of this revision or a later one.
    NotOlderThan(u64),
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFrom {
    /// With each object that is there, as if it had just been added; then with changes.
    Existing {
        /// Of which state.
        state: Freshness,
        /// Whether a bookmark tells where the objects that were there end.
        marks_end: bool,
    },
    /// With changes to a state, which itself is not shown.
    Changes(Freshness),
    /// With the changes after this revision.
    After(u64),
}

/// Options of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// Which labels objects must have.
    pub labels: LabelSelector,
    /// Which fields objects must have. Whether the kind offers them is not known here.
    pub fields: FieldSelector,
    /// Where it begins.
    pub from: WatchFrom,
    /// Whether the client understands bookmarks.
    pub allows_bookmarks: bool,
    /// When it ends, if the client says so.
    pub timeout: Option<Duration>,
}

impl WatchOptions {
    /// Reads the query. `name` is the name in the request's [`super::Resource`], empty if there is none.
    /// `initial_events`: whether this server can end the initial events with a bookmark. If it cannot, it
    /// must say so, because clients wait for that bookmark.
    ///
    /// # Errors
    /// 400 for selectors and numbers that are none, and for a selector that contradicts the name; 422 for
    /// combinations that mean nothing.
    pub fn parse(query: &Query, name: &str, initial_events: bool) -> Result<WatchOptions, Failure> {
        let common = common(query)?;
        let errors = validate(query, initial_events);
        if !errors.is_empty() {
            return Err(Failure::invalid_options("ListOptions", &errors));
        }
        let allows_bookmarks = query.flag("allowWatchBookmarks").unwrap_or_default();
        Ok(WatchOptions {
            labels: common.labels,
            fields: narrow(common.fields, name)?,
            from: from(query, initial_events && allows_bookmarks)?,
            allows_bookmarks,
            timeout: common.timeout,
        })
    }
}

/// Combinations of parameters that mean nothing.
fn validate(query: &Query, initial_events: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let at = Path::new("resourceVersionMatch");
    let wanted = query.text("resourceVersionMatch");
    let sends = query.get("sendInitialEvents").is_some();
    if sends && wanted != NOT_OLDER_THAN {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden(&at, detail));
    }
    if sends && !initial_events {
        let detail =
            "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
        errors.push(FieldError::forbidden(
            &Path::new("sendInitialEvents"),
            detail,
        ));
    }
    if !wanted.is_empty() {
        if !sends {
            let detail =
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(FieldError::forbidden(&at, detail));
        }
        if wanted != NOT_OLDER_THAN {
            errors.push(FieldError::not_supported(&at, wanted, &[NOT_OLDER_THAN]));
        }
        if !query.text("continue").is_empty() {
            let detail = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(&at, detail));
        }
    }
    errors
}

/// Where it begins. Without `sendInitialEvents`, a watch from nowhere begins with what is there.
fn from(query: &Query, marks_end: bool) -> Result<WatchFrom, Failure> {
    let text = query.text("resourceVersion");
    let revision = resource_version(text)?;
    let state = match (text, revision) {
        ("", _) => Freshness::Latest,
        (_, 0) => Freshness::Any,
        (_, revision) => Freshness::NotOlderThan(revision),
    };
    Ok(match query.flag("sendInitialEvents") {
        Some(true) => WatchFrom::Existing { state, marks_end },
        None if revision == 0 => WatchFrom::Existing { state, marks_end },
        Some(false) if revision == 0 => WatchFrom::Changes(state),
        _ => WatchFrom::After(revision),
    })
}
