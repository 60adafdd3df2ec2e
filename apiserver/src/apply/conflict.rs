//! Why an apply is refused.

use super::managers::Identity;
use super::path::{Path, Set};
use super::typed::Faults;
use std::fmt;

/// A field that somebody else owns and that would get another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Its owner.
    pub owner: Identity,
    /// The field.
    pub path: Path,
}

/// The `reason` of the cause that a conflict becomes in a Status.
pub const CAUSE_REASON: &str = "FieldManagerConflict";

impl Conflict {
    /// The `reason`, `message` and `field` of its cause in a Status.
    pub fn cause(&self) -> (&'static str, String, String) {
        (
            CAUSE_REASON,
            format!("conflict with {}", self.owner),
            self.path.to_string(),
        )
    }
}

/// All conflicts of an apply, by owner. Printed as the message of the Status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conflicts(pub Vec<Conflict>);

impl Conflicts {
    /// From what each owner would lose.
    pub(super) fn of(losses: &[(Identity, Set)]) -> Self {
        let conflicts = losses.iter().flat_map(|(owner, set)| {
            let paths = set.paths().into_iter();
            paths.map(|path| Conflict {
                owner: owner.clone(),
                path,
            })
        });
        Self(conflicts.collect())
    }

    /// Without those about these fields.
    pub(super) fn without(self, allowed: &Set) -> Self {
        let remaining = self
            .0
            .into_iter()
            .filter(|conflict| !allowed.has(&conflict.path));
        Self(remaining.collect())
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [Conflict { owner, path }] = &self.0[..] {
            return write!(
                f,
                "Apply failed with 1 conflict: conflict with {owner}: {path}"
            );
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        for (at, group) in self.0.chunk_by(|a, b| a.owner == b.owner).enumerate() {
            let before = if at == 0 { "" } else { "\n" };
            write!(f, "{before}conflicts with {}:", group[0].owner)?;
            group
                .iter()
                .try_for_each(|conflict| write!(f, "\n- {}", conflict.path))?;
        }
        Ok(())
    }
}

/// Why an apply is refused. Printed as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// 422: the request names no field manager.
    NoManager,
    /// 400: the configuration cannot be meant for this request.
    BadRequest(String),
    /// 409: others own fields that would change. The client may force it.
    Conflicts(Conflicts),
    /// 409: the configuration is about an object that is gone. The caller puts its usual text of a
    /// conflict (which resource, which name) before.
    WrongUid(String),
    /// 500: the configuration does not fit its type. Tools look for the text.
    Misfit {
        /// Namespace, name, group, version and kind.
        what: String,
        /// What does not fit.
        faults: Faults,
    },
    /// 500: the stored managed fields cannot be read.
    Unreadable(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoManager => f.write_str(
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
            ),
            Self::BadRequest(text) => f.write_str(text),
            Self::Conflicts(conflicts) => conflicts.fmt(f),
            Self::WrongUid(uid) => write!(
                f,
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            ),
            Self::Misfit { what, faults } => {
                write!(f, "failed to create typed patch object ({what}): {faults}")
            }
            Self::Unreadable(text) => write!(f, "failed to decode managed fields: {text}"),
        }
    }
}

impl std::error::Error for Refused {}
