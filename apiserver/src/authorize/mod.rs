//! Who may do what.
//!
//! A request is described by its [`Attributes`]; an [`Authorizer`] says [`Decision::Allow`], `Deny` or that
//! it has no opinion, with a reason. [`Union`] asks several in turn: the first opinion counts, and
//! without any the request is refused. In front stands [`Masters`], so that nobody can lock out the
//! operator; then [`NodeAuthorizer`], which lets nodes read what their pods need; then [`Policy`].
//!
//! What a pod needs is told by a [`Graph`]: Pods, PersistentVolumes, VolumeAttachments and ResourceSlices
//! as an index of which object has to do with which node.
//!
//! `Policy` is RBAC: rules that stand in roles, and bindings that give roles to subjects. It is an index
//! made from objects, changed object by object as a watch tells, and cheap to copy, so that whoever
//! keeps it swaps whole snapshots and a decision sees one revision. A decision looks up the user's name
//! and groups; it never scans.
//!
//! Nobody gives away what they do not hold: `escalation` compares rules with rules before a role or a
//! binding is written. `aggregate` says which rules a role gathers from others, `bootstrap` which roles
//! and bindings every cluster begins with and how those that exist are brought up to date, `review`
//! answers the kinds that ask for a decision.
//!
//! What may enter: objects as they are stored, identities. What never happens here: IO, a clock, a
//! decision that depends on the order in which objects came.

pub mod aggregate;
mod attributes;
pub mod bootstrap;
mod chain;
mod cover;
pub mod escalation;
mod impersonate;
pub(crate) mod node;
mod policy;
pub mod review;
mod rule;
mod subject;

pub use attributes::{Attributes, Decision, ResourceTarget, Target, Verdict};
pub use chain::{AllowedPaths, Authorizer, InvalidPath, Masters, Union, UserRules};
pub use cover::{TooManyRights, compact, uncovered};
pub use impersonate::impersonate;
pub use node::{Graph, NodeAuthorizer, NodeGraph, Related};
pub use policy::{NotPolicy, Policy, PolicyKind};
pub use rule::Rule;

/// The API group of roles and bindings.
pub const RBAC: &str = "rbac.authorization.k8s.io";
