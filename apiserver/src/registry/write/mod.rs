//! Create, update, patch, apply, delete.

use super::{Body, Caller, Registry, Target, Written};
use crate::request::{DeleteOptions, ListOptions, PatchOptions, PatchType, WriteOptions};
use crate::status::Failure;
use serde_json::Value;

impl Registry {
    /// A new object, or a subresource that is created (`binding`, `eviction`, `token`).
    ///
    /// # Errors
    /// Whatever is wrong with it; 409 if the name is taken.
    pub async fn create(
        &self,
        _caller: &Caller,
        _target: &Target,
        _body: &Body,
        _options: &WriteOptions,
    ) -> Result<Written, Failure> {
        Err(Failure::unknown_path())
    }

    /// The object becomes what is sent.
    ///
    /// # Errors
    /// Whatever is wrong with it; 409 if it has changed since the client read it; 404.
    pub async fn update(
        &self,
        _caller: &Caller,
        _target: &Target,
        _body: &Body,
        _options: &WriteOptions,
    ) -> Result<Written, Failure> {
        Err(Failure::unknown_path())
    }

    /// The object is changed as the patch says; applied, if that is the patch's type.
    ///
    /// # Errors
    /// Whatever is wrong with the patch or with what it makes; 404; 409 for what it conflicts with.
    pub async fn patch(
        &self,
        _caller: &Caller,
        _target: &Target,
        _body: &Body,
        _kind: PatchType,
        _options: &PatchOptions,
    ) -> Result<Written, Failure> {
        Err(Failure::unknown_path())
    }

    /// The object goes, at once or when its finalizers and its time allow.
    ///
    /// # Errors
    /// 404; 409 for preconditions.
    pub async fn delete(
        &self,
        _caller: &Caller,
        _target: &Target,
        _options: &DeleteOptions,
    ) -> Result<Written, Failure> {
        Err(Failure::unknown_path())
    }

    /// The objects that a list would show go. Returns that list.
    ///
    /// # Errors
    /// As for lists and deletions; what went before a failure has gone.
    pub async fn delete_collection(
        &self,
        _caller: &Caller,
        _target: &Target,
        _which: &ListOptions,
        _options: &DeleteOptions,
    ) -> Result<Value, Failure> {
        Err(Failure::unknown_path())
    }
}
