//! Options of reading: one object, or many.
//!
//! How fresh the answer must be follows from `resourceVersion`, `resourceVersionMatch`, `limit` and
//! `continue` together:
//!
//! | | not given | `0` | N |
//! |---|---|---|---|
//! | get | latest | any | not older than N |
//! | list | latest | any | not older than N; with a limit, exactly N |
//! | `NotOlderThan` | refused | any | not older than N |
//! | `Exact` | refused | refused | exactly N |
//! | `continue` | what the token says | what the token says | refused |

use super::query::resource_version;
use super::{ContinueToken, Query};
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::{Failure, FieldError, Path};
use std::num::NonZeroU64;
use std::time::Duration;

/// How fresh a read of one object must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetRead {
    /// It sees every write that was acknowledged before.
    Latest,
    /// Whatever is at hand.
    Any,
    /// At this revision or later.
    NotOlderThan(u64),
}

/// Options of reading one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetOptions {
    /// How fresh it must be.
    pub read: GetRead,
}

impl GetOptions {
    /// Reads the query.
    ///
    /// # Errors
    /// 400 if the revision is no number.
    pub fn parse(query: &Query) -> Result<GetOptions, Failure> {
        let text = query.text("resourceVersion");
        let read = match (text, resource_version(text)?) {
            ("", _) => GetRead::Latest,
            (_, 0) => GetRead::Any,
            (_, revision) => GetRead::NotOlderThan(revision),
        };
        Ok(GetOptions { read })
    }
}

/// Which state a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListRead {
    /// One that has every write that was acknowledged before.
    Latest,
    /// Whatever is at hand. It may be answered without regard to a limit.
    Any,
    /// That of this revision or a later one.
    NotOlderThan(u64),
    /// That of this revision.
    Exactly(u64),
    /// That of an earlier page.
    Continue(ContinueToken),
}

/// Options of a list, and of deleting many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOptions {
    /// Which labels objects must have.
    pub labels: LabelSelector,
    /// Which fields objects must have. Whether the kind offers them is not known here.
    pub fields: FieldSelector,
    /// How many objects at most; `None`: all.
    pub limit: Option<NonZeroU64>,
    /// Which state.
    pub read: ListRead,
    /// How long it may take, if the client says so.
    pub timeout: Option<Duration>,
}

/// What both lists and watches have.
pub(super) struct Common {
    pub(super) labels: LabelSelector,
    pub(super) fields: FieldSelector,
    pub(super) timeout: Option<Duration>,
}

/// Reads selectors and time limit. `name` is that of the one object that may be meant.
pub(super) fn common(query: &Query) -> Result<Common, Failure> {
    let seconds = query.integer("timeoutSeconds")?.unwrap_or_default();
    let seconds = u64::try_from(seconds).unwrap_or_default();
    Ok(Common {
        labels: query.text("labelSelector").parse()?,
        fields: query.text("fieldSelector").parse()?,
        timeout: (seconds > 0).then(|| Duration::from_secs(seconds)),
    })
}

/// Narrows a selector down to the object that the path names.
///
/// # Errors
/// 400 if the selector asks for something else.
pub(super) fn narrow(fields: FieldSelector, name: &str) -> Result<FieldSelector, Failure> {
    match (name.is_empty(), fields.is_everything()) {
        (true, _) => Ok(fields),
        (false, true) => Ok(FieldSelector::name(name)),
        (false, false) if fields.exact_name() == Some(name) => Ok(fields),
        _ => Err(Failure::bad_request(
            "fieldSelector metadata.name doesn't match requested name",
        )),
    }
}

impl ListOptions {
    /// Reads the query. `name` is the name in the request's [`super::Resource`], empty if there is none.
    ///
    /// # Errors
    /// 400 for selectors, numbers and tokens that are none, and for a token with a revision; 422 for
    /// combinations that mean nothing.
    pub fn parse(query: &Query, name: &str) -> Result<ListOptions, Failure> {
        let common = common(query)?;
        let limit = query.integer("limit")?.unwrap_or_default();
        let limit = u64::try_from(limit).ok().and_then(NonZeroU64::new);
        let errors = validate(query);
        if !errors.is_empty() {
            return Err(Failure::invalid_options("ListOptions", &errors));
        }
        Ok(ListOptions {
            labels: common.labels,
            fields: narrow(common.fields, name)?,
            limit,
            read: read(query, limit.is_some())?,
            timeout: common.timeout,
        })
    }
}

/// Combinations of parameters that mean nothing.
fn validate(query: &Query) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let at = Path::new("resourceVersionMatch");
    let (version, wanted) = (
        query.text("resourceVersion"),
        query.text("resourceVersionMatch"),
    );
    if !wanted.is_empty() {
        let mut forbid = |detail: &str| errors.push(FieldError::forbidden(&at, detail));
        if version.is_empty() {
            forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if !query.text("continue").is_empty() {
            forbid("resourceVersionMatch is forbidden when continue is provided");
        }
        if !["Exact", "NotOlderThan"].contains(&wanted) {
            let supported = ["Exact", "NotOlderThan", ""];
            errors.push(FieldError::not_supported(&at, wanted, &supported));
        }
        if wanted == "Exact" && version == "0" {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(FieldError::forbidden(&at, detail));
        }
    }
    if query.get("sendInitialEvents").is_some() {
        let detail = "sendInitialEvents is forbidden for list";
        errors.push(FieldError::forbidden(
            &Path::new("sendInitialEvents"),
            detail,
        ));
    }
    errors
}

/// Which state is asked for, by parameters that go together.
fn read(query: &Query, is_limited: bool) -> Result<ListRead, Failure> {
    let text = query.text("resourceVersion");
    let token = query.text("continue");
    if !token.is_empty() {
        let token = ContinueToken::decode(token)?;
        return match text {
            "" | "0" => Ok(ListRead::Continue(token)),
            _ => Err(Failure::bad_request(
                "specifying resource version is not allowed when using continue",
            )),
        };
    }
    let wanted = query.text("resourceVersionMatch");
    Ok(match (text, resource_version(text)?) {
        ("", _) => ListRead::Latest,
        (_, 0) => ListRead::Any,
        (_, revision) if wanted == "Exact" || (wanted.is_empty() && is_limited) => {
            ListRead::Exactly(revision)
        }
        (_, revision) => ListRead::NotOlderThan(revision),
    })
}
