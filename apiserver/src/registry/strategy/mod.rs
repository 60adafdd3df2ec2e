//! How kinds differ when they are written, beyond their shape.
//!
//! All kinds go through the same code. What one does that another does not is a [`Strategy`]: a row of
//! `rows`, and for a few kinds a small function that fills in what clients may not decide. Rows are found
//! by the kind that is stored; a kind without one is as most kinds are.
//!
//! | file | what |
//! |---|---|
//! | `rows` | the rows |
//! | `create` | what a new object of a kind gets or loses |
//! | `update` | what an update may not touch, when it counts as a new generation |
//! | `service` | what an update of a Service keeps of what was allocated for it, and what it drops |
//! | `qos` | the class of a Pod, by what it asks for |
//! | `fields` | reading and writing members of objects |
//!
//! What may enter: objects in stored form. What never happens here: IO, rules that refuse (they are in
//! `validate`), a look at other objects.

mod create;
pub(in crate::registry) mod fields;
mod qos;
mod rows;
mod service;
mod update;

use crate::identity::User;
use crate::schema::Gvk;
use serde_json::Value;

pub(in crate::registry) use create::prepare_create;
#[cfg(test)]
pub(in crate::registry) use rows::of;
pub(in crate::registry) use rows::of_resource;
pub(crate) use service::keep_allocated;
pub(in crate::registry) use update::{for_rules, keep_system_fields, prepare_update};

/// What a write of a new object knows besides the object.
pub(in crate::registry) struct Context<'a> {
    /// Who writes.
    pub(in crate::registry) user: &'a User,
    /// The time: RFC 3339, UTC, whole seconds.
    pub(in crate::registry) now: &'a str,
}

/// A function that fills in a new object of a kind.
pub(in crate::registry) type Create = fn(&mut Value, &Context<'_>);
/// A function that has the last word on an update: the part, the new object, the stored one.
pub(in crate::registry) type Update = fn(Part, &mut Value, &Value, &Context<'_>);

/// How a kind is written.
pub(in crate::registry) struct Strategy {
    /// The generation of a new object; 0: it has none.
    pub(in crate::registry) first_generation: i64,
    /// What makes an update a new generation.
    pub(in crate::registry) generation: Counts,
    /// Members of the metadata that a write of the status does not change.
    pub(in crate::registry) status_keeps: &'static [&'static str],
    /// A deletion that took effect shows the object, not a Status.
    pub(in crate::registry) returns_deleted: bool,
    /// What becomes of dependents if a deletion does not say.
    pub(in crate::registry) dependents: Dependents,
    /// Objects go by themselves after so many seconds.
    pub(in crate::registry) ttl_s: Option<i64>,
    /// What else a create does.
    pub(in crate::registry) create: Option<Create>,
    /// What else an update does.
    pub(in crate::registry) update: Option<Update>,
}

/// What makes an update a new generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::registry) enum Counts {
    /// Nothing.
    Nothing,
    /// Another spec.
    Spec,
    /// Another spec, or other annotations.
    SpecAndAnnotations,
    /// Anything but metadata.
    ContentAndStatus,
    /// Anything but metadata and status.
    Content,
    /// Anything but metadata and status, or other labels.
    ContentAndLabels,
}

/// What becomes of dependents if a deletion does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::registry) enum Dependents {
    /// The garbage collector deletes them.
    Deleted,
    /// They stay.
    Orphaned,
    /// There are none: finalizers of the collector make no sense.
    None,
}

/// Which part of an object a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::registry) enum Part {
    /// All but the status.
    Main,
    /// `status`.
    Status,
    /// `scale`: the number of replicas, shown as an object of its own.
    Scale,
    /// `finalize` of namespaces: the finalizers in their spec.
    Finalize,
    /// `approval` of certificate signing requests.
    Approval,
    /// `ephemeralcontainers` of Pods.
    EphemeralContainers,
    /// `resize` of Pods.
    Resize,
}

impl Part {
    /// The part that a subresource stands for. `None`: it is not about a part of an object.
    pub(in crate::registry) fn of(subresource: &str) -> Option<Part> {
        Some(match subresource {
            "" => Part::Main,
            "status" => Part::Status,
            "scale" => Part::Scale,
            "finalize" => Part::Finalize,
            "approval" => Part::Approval,
            "ephemeralcontainers" => Part::EphemeralContainers,
            "resize" => Part::Resize,
            _ => return None,
        })
    }
}

/// Whether a kind is this one of the core group.
fn is_core(gvk: &Gvk, kind: &str) -> bool {
    gvk.group.is_empty() && gvk.kind == kind
}

#[cfg(test)]
mod tests;
