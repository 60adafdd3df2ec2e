//! Failures that are about time: somebody else was faster, a revision is gone or not there yet, there is
//! too much to do, or something broke.

use super::GroupResource;
use super::failure::{Cause, Failure, Lost, Reason};
use super::text::quote;

const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list \
    result. You can start a new list without the continue parameter";
const CONTINUE_INCONSISTENT: &str = ", or use the continue token in this response to retrieve the \
    remainder of the results. Continuing with the provided token results in an inconsistent list - \
    objects that were created, modified, or deleted between the time the first chunk was returned and \
    now may show up in the list";

impl Failure {
    /// 409: the object is not as the request expects.
    pub fn conflict(resource: &GroupResource, name: &str, why: &str) -> Failure {
        let subject = quote(name);
        let message = format!("Operation cannot be fulfilled on {resource} {subject}: {why}");
        Failure::new(Reason::Conflict, message).about(&resource.group, &resource.resource, name)
    }

    /// 409: whoever writes has been replaced by another leader. Only a caller in this process, which writes
    /// under a leadership, can get this.
    pub fn leadership_lost(resource: &GroupResource) -> Failure {
        let why = "whoever writes has been replaced, and nothing of it takes effect any more";
        Failure {
            lost: Some(Lost::Leadership),
            ..Failure::conflict(resource, "", why)
        }
    }

    /// 409: what a decision rests on has changed. Only a caller in this process, which says what that is,
    /// can get this.
    pub fn grounds_changed(resource: &GroupResource) -> Failure {
        let why = "what the decision rests on has changed";
        Failure {
            lost: Some(Lost::Grounds),
            ..Failure::conflict(resource, "", why)
        }
    }

    /// 409: somebody else has written the object since it was read.
    pub fn modified(resource: &GroupResource, name: &str) -> Failure {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Failure::conflict(resource, name, why)
    }

    /// 409: a write names another uid than the object has.
    pub fn uid_differs(resource: &GroupResource, name: &str, wanted: &str, found: &str) -> Failure {
        let why = format!(
            "Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
        );
        Failure::conflict(resource, name, &why)
    }

    /// 409: a deletion names another uid than the object has.
    pub fn delete_uid_differs(
        resource: &GroupResource,
        name: &str,
        wanted: &str,
        found: &str,
    ) -> Failure {
        let why = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({found}). The object might have been deleted and then recreated"
        );
        Failure::conflict(resource, name, &why)
    }

    /// 409: a deletion names another revision than the object has.
    pub fn delete_version_differs(
        resource: &GroupResource,
        name: &str,
        wanted: &str,
        found: &str,
    ) -> Failure {
        let why = format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({found}). The object might have been modified"
        );
        Failure::conflict(resource, name, &why)
    }

    /// 409: applied fields belong to others. One cause for each field, `FieldManagerConflict`.
    pub fn apply_conflict(message: impl Into<String>, causes: Vec<Cause>) -> Failure {
        let mut failure = Failure::new(Reason::Conflict, message);
        failure.details.get_or_insert_default().causes = causes;
        failure
    }

    /// 410: the revision of a list is compacted.
    pub fn list_expired() -> Failure {
        Failure::expired("The resourceVersion for the provided list is too old.")
    }

    /// 410: the revision of a watch is compacted.
    pub fn watch_expired() -> Failure {
        Failure::expired("The resourceVersion for the provided watch is too old.")
    }

    /// 410: the revision of a continue token is compacted. With `fresh`, the client may go on with that
    /// token, and then sees changes made meanwhile.
    pub fn continue_expired(fresh: Option<String>) -> Failure {
        let inconsistent = match fresh {
            Some(_) => CONTINUE_INCONSISTENT,
            None => "",
        };
        let mut failure = Failure::expired(&format!("{CONTINUE_EXPIRED}{inconsistent}."));
        failure.continue_token = fresh;
        failure
    }

    /// 410 with a text of its own.
    pub fn expired(message: &str) -> Failure {
        Failure::new(Reason::Expired, message)
    }

    /// 429: the server has enough to do.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Failure {
        Failure::new(Reason::TooManyRequests, message).retry_after(retry_after_seconds)
    }

    /// 429: an eviction would break a disruption budget. `why` says which and how.
    pub fn disruption_budget(why: impl Into<String>) -> Failure {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        Failure::too_many_requests(message, 0).with_cause(Cause {
            reason: "DisruptionBudget".to_owned(),
            message: why.into(),
            field: String::new(),
        })
    }

    /// 500: something broke; it may have been carried out.
    pub fn internal(why: &str) -> Failure {
        let message = format!("Internal error occurred: {why}");
        Failure::new(Reason::InternalError, message).with_cause(Cause {
            message: why.to_owned(),
            ..Cause::default()
        })
    }

    /// 500 without a reason: the text is all there is. Tools look for such texts.
    pub fn unclassified(message: impl Into<String>) -> Failure {
        Failure::new(Reason::Unknown, message)
    }

    /// 500: not now, but nothing was changed.
    pub fn server_timeout(
        resource: &GroupResource,
        operation: &str,
        retry_after_seconds: u32,
    ) -> Failure {
        let message = format!(
            "The {operation} operation against {resource} could not be completed at this time, please try again."
        );
        Failure::new(Reason::ServerTimeout, message)
            .about(&resource.group, &resource.resource, operation)
            .retry_after(retry_after_seconds)
    }

    /// 503: the server cannot serve this now.
    pub fn unavailable(message: impl Into<String>) -> Failure {
        Failure::new(Reason::ServiceUnavailable, message)
    }

    /// 504: no answer in time; it may still be carried out.
    pub fn timeout(message: &str, retry_after_seconds: u32) -> Failure {
        Failure::new(Reason::Timeout, format!("Timeout: {message}"))
            .retry_after(retry_after_seconds)
    }

    /// 504: the request's deadline has passed.
    pub fn deadline_passed() -> Failure {
        let message =
            "request did not complete within requested timeout - context deadline exceeded";
        Failure::timeout(message, 0)
    }

    /// 504: the wanted revision has not arrived here yet.
    pub fn version_too_large(wanted: u64, current: u64) -> Failure {
        let message = format!("Too large resource version: {wanted}, current: {current}");
        Failure::timeout(&message, 1).with_cause(Cause {
            reason: "ResourceVersionTooLarge".to_owned(),
            message: "Too large resource version".to_owned(),
            field: String::new(),
        })
    }
}
