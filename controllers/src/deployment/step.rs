//! What a look at a Deployment decides to do.

use super::annotation;
use super::observed::Set;
use crate::objects::Replicas;
use serde_json::Value;
use std::sync::Arc;

/// One write.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A ReplicaSet is adopted or released.
    Own {
        /// Which.
        set: Arc<Replicas>,
        /// What changes.
        patch: Value,
    },
    /// A ReplicaSet is noted as that of the present template.
    Note {
        /// Which.
        set: Arc<Replicas>,
        /// What changes.
        patch: Value,
    },
    /// The ReplicaSet of the present template is made.
    Create {
        /// Its name.
        name: String,
        /// How many Pods it is to have at first.
        wanted: i32,
        /// All of it.
        object: Value,
    },
    /// A ReplicaSet is to have so many Pods.
    Scale {
        /// Which.
        set: Arc<Replicas>,
        /// How many it was to have.
        from: i32,
        /// How many from now on; may be as many as before.
        to: i32,
        /// What is noted about it.
        annotations: Value,
    },
    /// A ReplicaSet is not kept.
    Delete {
        /// Which.
        set: Arc<Replicas>,
    },
    /// The status, or the revision, is another one.
    Tell {
        /// What changes.
        patch: Value,
    },
}

impl Step {
    /// The set is to have so many Pods, of a Deployment that wants `replicas` and allows `most`. `None`:
    /// it is so already.
    pub(super) fn scale(set: &Set, to: i32, replicas: i32, most: i32) -> Option<Step> {
        (set.wanted() != to).then(|| Step::rescale(set, to, replicas, most))?
    }

    /// The same, also if nothing but the notes about it differ.
    pub(super) fn rescale(set: &Set, to: i32, replicas: i32, most: i32) -> Option<Step> {
        let annotations = annotation::sizes(replicas, most);
        let is_noted = annotation::has(&set.set.metadata, &annotations);
        let is_so = set.wanted() == to && is_noted;
        (!is_so).then(|| Step::Scale {
            set: set.set.clone(),
            from: set.wanted(),
            to,
            annotations,
        })
    }
}
