//! Who owns which field after a write: server-side apply, as the registry asks for it.

use super::job::Job;
use crate::apply::managers::{ignored_by_main, ignored_by_status};
use crate::apply::path::{Path, Set};
use crate::apply::{self, Kind, Refused, Request};
use crate::decode::api_version;
use crate::registry::strategy::Part;
use crate::registry::versions;
use crate::schema::Gvk;
use crate::status::{Cause, Failure, FieldError, Path as FieldPath};
use serde_json::Value;

impl Job<'_> {
    /// Calls with what server-side apply wants to know of this write. `gvk` is the kind of the object
    /// that has the fields.
    fn owning<T>(&self, gvk: &Gvk, act: impl FnOnce(&Request<'_>) -> T) -> T {
        let table = match (self.part, &self.resource().custom) {
            // Replicas are owned in the object that has them.
            (Part::Scale, Some(custom)) => custom.table(),
            _ => self.table,
        };
        let kind = Kind {
            table,
            group: &gvk.group,
            name: &gvk.kind,
            convert: &versions::in_version,
        };
        let api_version = api_version(gvk);
        let ignored = self.ignored(gvk);
        act(&Request {
            kind,
            api_version: &api_version,
            manager: self.manager,
            subresource: &self.target.subresource,
            ignored: &ignored,
            now: &self.now,
        })
    }

    /// Fields that a write of this part does not set, whatever it says of them.
    fn ignored(&self, gvk: &Gvk) -> Set {
        match self.part {
            Part::Main if self.resource().subresource("status").is_some() => ignored_by_main(),
            Part::Finalize | Part::EphemeralContainers | Part::Resize => ignored_by_main(),
            Part::Status => self.ignored_by_status(gvk),
            Part::Main | Part::Scale | Part::Approval => Set::default(),
        }
    }

    fn ignored_by_status(&self, gvk: &Gvk) -> Set {
        let Some(shape) = self.table.kind(gvk) else {
            return Set::default();
        };
        let others = self.table.get(shape);
        let kept = self.strategy.status_keeps;
        if kept.len() > 1 {
            return ignored_by_status(others);
        }
        let others = others.fields.iter().map(|field| &*field.name);
        let others =
            others.filter(|name| !["status", "metadata", "apiVersion", "kind"].contains(name));
        let fields = others.map(|name| Path::fields(&[name]));
        let kept = kept.iter().map(|name| Path::fields(&["metadata", *name]));
        let paths: Vec<Path> = fields.chain(kept).collect();
        Set::of(&paths)
    }

    /// Records who owns what after a write that is not an apply. Both objects are as the client of this
    /// part sees them, but for `scale`, where they are the stored ones.
    pub(super) fn track(&self, live: Option<&Value>, new: Value) -> Value {
        let gvk = match self.part {
            Part::Scale => &self.resource().stored,
            _ => &self.gvk,
        };
        self.owning(gvk, |request| apply::update(request, live, new))
    }

    /// Applies a configuration to the object as the client sees it.
    ///
    /// # Errors
    /// 409 for fields of others, and for a uid without an object; whatever else is wrong with it.
    pub(super) fn applied(
        &self,
        live: Option<&Value>,
        config: &Value,
        force: bool,
    ) -> Result<Value, Failure> {
        let applied = self.owning(&self.gvk, |request| {
            apply::apply(request, live, config, force)
        });
        applied.map_err(|refused| self.refused(refused))
    }

    fn refused(&self, refused: Refused) -> Failure {
        let text = refused.to_string();
        match refused {
            Refused::NoManager => {
                let error = FieldError::required(
                    &FieldPath::new("fieldManager"),
                    "is required for apply patch",
                );
                Failure::invalid_options("PatchOptions", &[error])
            }
            Refused::BadRequest(text) => Failure::bad_request(text),
            Refused::Conflicts(conflicts) => {
                let causes = conflicts.0.iter().map(|conflict| {
                    let (reason, message, field) = conflict.cause();
                    Cause {
                        reason: reason.to_owned(),
                        message,
                        field,
                    }
                });
                Failure::apply_conflict(text, causes.collect())
            }
            Refused::WrongUid(_) => {
                Failure::conflict(&self.group_resource(), &self.target.name, &text)
            }
            Refused::Misfit { .. } | Refused::Unreadable(_) => Failure::unclassified(text),
        }
    }
}
