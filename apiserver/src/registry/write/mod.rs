//! Create, update, patch, apply, delete: every write of every kind.
//!
//! A write is one attempt, made again if somebody else was faster: read the object; make the new one from
//! it (what was sent, or what a patch makes); let admission change it; bring it into stored form and undo
//! what this part of the object may not touch; check it; let admission refuse it; store it under the
//! condition that the key is as it was read. Where the two differ in nothing, nothing is stored and the
//! answer is what is there.
//!
//! A store that cannot say whether a write took effect is asked what lies at the key now. Only if that is
//! exactly what was to be written the write is acknowledged; in all other cases the client hears that
//! nobody knows (504). Nothing is written a second time on suspicion.
//!
//! | file | what |
//! |---|---|
//! | `job` | what all steps share: who writes what, the options, the time |
//! | `body` | reading what was sent, and whether it is meant for this path |
//! | `patch` | reading patches, and what they make of an object |
//! | `owners` | who owns which field afterwards |
//! | `create` | new objects, names that are made up |
//! | `change` | updates, patches and applies of what is there |
//! | `delete`, `grace` | deletions, and how an object looks that is going |
//! | `collection` | deletions of many |
//! | `binding`, `eviction`, `budget` | Pods that get a node, or have to go |
//! | `room` | what a write of a Pod means for its node's ledger |
//! | `store` | the one transaction of a write |
//!
//! What may enter: bodies as they were sent, typed options. What never happens here: a look at who may do
//! what, a rule of a kind (they are in `strategy` and `validate`).

mod binding;
mod body;
mod budget;
mod change;
mod collection;
mod create;
mod delete;
mod eviction;
mod grace;
mod job;
mod owners;
mod patch;
mod room;
mod store;
#[cfg(test)]
mod tests;

use super::{Body, Caller, List, Registry, Target, Written};
use crate::request::{DeleteOptions, ListOptions, PatchOptions, PatchType, WriteOptions};
use crate::resource::Verb;
use crate::status::{Failure, FieldError, GroupResource};
use change::Source;
use job::Job;

impl Registry {
    /// A new object, or a subresource that is created (`binding`, `eviction`).
    ///
    /// # Errors
    /// Whatever is wrong with it; 409 if the name is taken.
    pub async fn create(
        &self,
        caller: &Caller,
        target: &Target,
        body: &Body,
        options: &WriteOptions,
    ) -> Result<Written, Failure> {
        let is_bindings =
            target.resource.gvk.group.is_empty() && target.resource.plural == "bindings";
        match target.subresource.as_str() {
            "" if is_bindings => self.bind(caller, target, body, options).await,
            "" => {
                check_verb(target, Verb::Create)?;
                let job = Job::new(self, (caller, target), options, "CreateOptions")?;
                job.create(body).await
            }
            "binding" => self.bind(caller, target, body, options).await,
            "eviction" => self.evict(caller, target, body, options).await,
            _ => Err(Failure::unknown_path()),
        }
    }

    /// The object becomes what is sent.
    ///
    /// # Errors
    /// Whatever is wrong with it; 409 if it has changed since the client read it; 404.
    pub async fn update(
        &self,
        caller: &Caller,
        target: &Target,
        body: &Body,
        options: &WriteOptions,
    ) -> Result<Written, Failure> {
        check_verb(target, Verb::Update)?;
        let job = Job::new(self, (caller, target), options, "UpdateOptions")?;
        let mut warnings = Vec::new();
        let mut object = job.read_body(body, &mut warnings)?;
        body::place(target, &mut object)?;
        body::check_name(target, &object)?;
        body::single_owners(&mut object, "", &mut warnings);
        job.change(&Source::Put(object), warnings).await
    }

    /// The object is changed as the patch says; applied, if that is the patch's type.
    ///
    /// # Errors
    /// Whatever is wrong with the patch or with what it makes; 404; 409 for what it conflicts with.
    pub async fn patch(
        &self,
        caller: &Caller,
        target: &Target,
        body: &Body,
        kind: PatchType,
        options: &PatchOptions,
    ) -> Result<Written, Failure> {
        check_verb(target, Verb::Patch)?;
        let mut job = Job::new(self, (caller, target), &options.write, "PatchOptions")?;
        if kind == PatchType::Apply {
            // Who applies says who it is: nobody guesses.
            job.manager = &options.write.field_manager;
        }
        let mut warnings = Vec::new();
        let source = job.read_patch(body, kind, options.force, &mut warnings)?;
        job.change(&source, warnings).await
    }

    /// The object goes, at once or when its finalizers and its time allow.
    ///
    /// # Errors
    /// 404; 409 for preconditions.
    pub async fn delete(
        &self,
        caller: &Caller,
        target: &Target,
        options: &DeleteOptions,
    ) -> Result<Written, Failure> {
        check_verb(target, Verb::Delete)?;
        let job = Job::deletion(self, caller, target, options)?;
        job.delete(options).await
    }

    /// The objects that a list would show go. Returns that list.
    ///
    /// # Errors
    /// As for lists and deletions; what went before a failure has gone.
    pub async fn delete_collection(
        &self,
        caller: &Caller,
        target: &Target,
        which: &ListOptions,
        options: &DeleteOptions,
    ) -> Result<List, Failure> {
        check_verb(target, Verb::DeleteCollection)?;
        let job = Job::deletion(self, caller, target, options)?;
        job.delete_collection(which, options).await
    }
}

/// Refuses what the resource, or its subresource, cannot be asked for.
///
/// # Errors
/// 404 if there is no such subresource, 405.
fn check_verb(target: &Target, verb: Verb) -> Result<(), Failure> {
    let resource = &target.resource;
    let can = match target.subresource.as_str() {
        "" => resource.can(verb),
        name => match resource.subresource(name) {
            Some(subresource) => subresource.verbs.contains(&verb),
            None => return Err(Failure::unknown_path()),
        },
    };
    if can {
        return Ok(());
    }
    let resource = GroupResource::new(&resource.gvk.group, &resource.plural);
    Err(Failure::method_not_allowed(&resource, verb.name()))
}

/// Drops errors that were found twice: metadata is looked at by more than one.
fn dedup(errors: &mut Vec<FieldError>) {
    let mut kept: Vec<FieldError> = Vec::with_capacity(errors.len());
    for error in errors.drain(..) {
        if !kept.contains(&error) {
            kept.push(error);
        }
    }
    *errors = kept;
}
