//! Whether a write is let through, and what is added to it on the way: everything that is neither the
//! shape of an object nor a rule of its kind.
//!
//! The registry asks twice per write. [`Admission::mutate`] comes after decoding and defaulting and may
//! change the object; [`Admission::validate`] comes after the object has been checked, right before it
//! is stored, and may only refuse. A write that lost a race is made again on the fresh object, and asks
//! both again. Deletions have no object, only an old one. When an object goes for good, by a deletion or by
//! an update that takes its last finalizer, [`Admission::release`] says what goes with it.
//!
//! A plug-in that has to count or to allocate does not keep it in memory, because other members do the
//! same at the same time: it returns guards and writes ([`Admitted`]), which become part of the one
//! transaction of the write. If a guard does not hold the write is made again.
//!
//! The plug-ins of this server are a [`Chain`] in upstream's order. Each is a [`Plugin`]; they look at other
//! objects through [`Objects`].
//!
//! | file | what |
//! |---|---|
//! | `chain` | all plug-ins in upstream's order |
//! | `plugin` | what a plug-in is, and how it looks at other objects |
//! | `subject` | the object, and whether a plug-in has held it for writing |
//! | `meters` | how long plug-ins take |
//! | `stored`, `seen` | that look, straight into the store; asking for the newest state once per request |
//! | `namespace_lifecycle` | nothing new in namespaces that are missing or go away |
//! | `definition_lifecycle` | nothing new of kinds whose definition is missing or goes away |
//! | `limit_ranger` | defaults and bounds for the resources of Pods and claims, from `LimitRange`s |
//! | `service_account` | the account of a Pod, and the token in its containers |
//! | `node_restriction` | what a node may write: what is its own |
//! | `taint_nodes` | new nodes are not ready |
//! | `priority` | priority classes become numbers |
//! | `default_tolerations` | how long Pods stay on a node that is lost |
//! | `demand` | what a Pod asks for as a whole |
//! | `service_allocation` | addresses and node ports of Services |
//! | `quota` | `ResourceQuota`s: how much there may be in a namespace |
//!
//! What may enter: objects in stored form, who asks, the store's keys. What never happens here: HTTP,
//! storing anything by itself.

mod chain;
mod default_tolerations;
mod definition_lifecycle;
pub(crate) mod demand;
mod limit_ranger;
mod meters;
mod namespace_lifecycle;
mod node_restriction;
mod plugin;
mod priority;
mod quota;
mod seen;
mod service_account;
mod service_allocation;
mod stored;
mod subject;
mod taint_nodes;
#[cfg(test)]
mod tests;

pub use chain::{Chain, Random};
pub use default_tolerations::DefaultTolerationSeconds;
pub use definition_lifecycle::DefinitionLifecycle;
pub use limit_ranger::LimitRanger;
pub use meters::Meters;
pub use namespace_lifecycle::NamespaceLifecycle;
pub use node_restriction::NodeRestriction;
pub use plugin::{Found, Objects, Plugin, Which};
pub use priority::Priority;
pub use quota::{QuotaCount, ResourceQuota};
pub use service_account::ServiceAccount;
pub use service_allocation::{SERVICE_CIDR, SERVICE_CIDR_FIRST, ServiceAllocation};
pub use stored::Stored;
pub use subject::Subject;
pub use taint_nodes::TaintNodesByCondition;

use crate::identity::User;
use crate::registry::Target;
use crate::status::Failure;
use crate::storage::{Future, Guard, Write};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// An object, or a subresource like `binding`, is created.
    Create,
    /// An object is changed, by whatever means.
    Update,
    /// An object is deleted. Also asked if it only begins to go.
    Delete,
    /// A connection through the server (`exec`, `proxy`, ...).
    Connect,
}

/// What a plug-in may look at.
#[derive(Clone, Debug)]
pub struct AdmissionRequest {
    /// What is done.
    pub operation: Operation,
    /// To what. The name is empty on a create that has none yet, but for `generateName` it is made up
    /// before.
    pub target: Target,
    /// By whom.
    pub user: User,
    /// The object as it shall be stored, or what was sent to a subresource of another kind (`Binding`,
    /// `Eviction`). `None` for deletions.
    pub object: Subject,
    /// The object as it is stored, with its `resourceVersion`. `None` for creates.
    pub old: Option<Value>,
    /// The options of the request as an object of `meta.k8s.io/v1` (`CreateOptions`, ...), for webhooks.
    pub options: Value,
    /// Nothing will be stored.
    pub is_dry_run: bool,
    /// When the request came: RFC 3339, whole seconds.
    pub now: String,
    /// The newest state at some time after the request came is that of this revision or a later one; 0: nobody
    /// has asked yet. Copies are the same.
    pub seen: Arc<AtomicU64>,
}

/// What a plug-in wants besides letting a write through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// For `Warning` headers.
    pub warnings: Vec<String>,
    /// What must be true when the write takes effect; else it is made again. Not about the key of the
    /// object itself, which is guarded anyway.
    pub guards: Vec<Guard>,
    /// What is written together with it. Nothing is on a dry run.
    pub writes: Vec<Write>,
}

impl Admitted {
    /// Takes in what another plug-in wants.
    pub fn append(&mut self, mut other: Admitted) {
        self.warnings.append(&mut other.warnings);
        self.guards.append(&mut other.guards);
        self.writes.append(&mut other.writes);
    }
}

/// A plug-in, or a chain of them.
pub trait Admission: Send + Sync + 'static {
    /// May change `request.object`, or refuse.
    ///
    /// # Errors
    /// What the client is told.
    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>>;

    /// May refuse.
    ///
    /// # Errors
    /// What the client is told.
    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>>;

    /// Asked when an object goes for good with this write, after everything else: what goes with it.
    /// `request.old` is how it was. Whoever passes requests on to another admission passes this on, too.
    ///
    /// # Errors
    /// The store's.
    fn release<'a>(
        &'a self,
        request: &'a AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>>;
}

/// Lets everything through.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdmitAll;

impl Admission for AdmitAll {
    fn mutate<'a>(
        &'a self,
        _request: &'a mut AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }

    fn validate<'a>(
        &'a self,
        _request: &'a AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }

    fn release<'a>(
        &'a self,
        _request: &'a AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(Ok(Admitted::default())))
    }
}
