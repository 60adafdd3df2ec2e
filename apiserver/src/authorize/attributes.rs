//! What a request wants, and what is said to it.

use crate::identity::User;
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::{Attempt, Failure, GroupResource};
use std::sync::Arc;

/// A request, as far as a decision looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Who asks.
    pub user: &'a User,
    /// Such as `list`; of a path the HTTP method in lower case.
    pub verb: &'a str,
    /// With what.
    pub target: Target<'a>,
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A resource.
    Resource(ResourceTarget<'a>),
    /// A path that is no resource.
    Path(&'a str),
}

/// A resource of a request. Texts are empty where the request says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceTarget<'a> {
    /// Empty for the core API.
    pub group: &'a str,
    /// `*` in questions about all versions.
    pub version: &'a str,
    /// The plural.
    pub resource: &'a str,
    /// Such as `log`.
    pub subresource: &'a str,
    /// Empty: the whole cluster.
    pub namespace: &'a str,
    /// The object.
    pub name: &'a str,
    /// What a list or watch is limited to by fields.
    pub fields: Option<&'a FieldSelector>,
    /// What a list or watch is limited to by labels.
    pub labels: Option<&'a LabelSelector>,
}

/// What an authorizer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Let it in, and ask nobody else.
    Allow,
    /// Refuse it, and ask nobody else.
    Deny,
    /// Ask the next; if there is none, refuse it.
    NoOpinion,
}

/// What an authorizer says, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What.
    pub decision: Decision,
    /// For people and the audit log. Shared: the common ones are made when the policy changes.
    pub reason: Option<Arc<str>>,
}

impl Verdict {
    /// Nothing to say.
    pub const NO_OPINION: Verdict = Verdict {
        decision: Decision::NoOpinion,
        reason: None,
    };

    /// Allowed without a word.
    pub const ALLOWED: Verdict = Verdict {
        decision: Decision::Allow,
        reason: None,
    };

    /// No opinion, for a reason that the client is told.
    pub fn none(reason: impl Into<Arc<str>>) -> Verdict {
        Verdict {
            decision: Decision::NoOpinion,
            reason: Some(reason.into()),
        }
    }

    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allow
    }

    /// The reason, empty if there is none.
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }
}

impl Attributes<'_> {
    /// The 403 for a request that was not allowed.
    pub fn forbidden(&self, verdict: &Verdict) -> Failure {
        let resource;
        let attempt = match &self.target {
            Target::Path(path) => Attempt::Path {
                verb: self.verb,
                path,
            },
            Target::Resource(target) => {
                resource = GroupResource::new(target.group, target.resource);
                Attempt::Resource {
                    verb: self.verb,
                    resource: &resource,
                    subresource: target.subresource,
                    namespace: target.namespace,
                    name: target.name,
                }
            }
        };
        Failure::not_allowed(&self.user.name, &attempt, verdict.reason())
    }
}
