//! Admission of roles and bindings: nobody gives away what they do not hold.

use super::policy::KeptPolicy;
use crate::admission::{Admission, AdmissionRequest, Admitted, Operation};
use crate::authorize::escalation::{Write, Writer, check};
use crate::authorize::{Authorizer, RBAC};
use crate::identity::MASTERS;
use crate::status::Failure;
use crate::storage::Future;
use std::sync::Arc;

/// Refuses roles and bindings that give more than their writer has, and leaves the rest to another
/// admission. It decides by the policy as it is known here, which may be a moment behind.
pub struct HeldRights<A> {
    policy: KeptPolicy,
    authorizer: Arc<dyn Authorizer>,
    next: A,
}

impl<A: Admission> HeldRights<A> {
    /// `authorizer` is the whole chain: it decides about `escalate` and `bind`.
    pub fn new(policy: KeptPolicy, authorizer: Arc<dyn Authorizer>, next: A) -> HeldRights<A> {
        HeldRights {
            policy,
            authorizer,
            next,
        }
    }

    fn check(&self, request: &AdmissionRequest) -> Result<(), Failure> {
        let resource = &request.target.resource;
        let writes = matches!(request.operation, Operation::Create | Operation::Update);
        let Some(new) = request.object.as_ref().filter(|_| writes) else {
            return Ok(());
        };
        if resource.gvk.group != RBAC || request.user.is_in(MASTERS) {
            return Ok(());
        }
        let Some(policy) = self.policy.now() else {
            return Err(Failure::unavailable("the policy has not been read yet"));
        };
        let writer = Writer {
            user: &request.user,
            authorizer: &*self.authorizer,
            policy: &policy,
        };
        let name = match request.operation {
            Operation::Create => "",
            _ => request.target.name.as_str(),
        };
        let write = Write {
            namespace: &request.target.namespace,
            name,
            new,
            old: request.old.as_ref(),
        };
        check(&writer, &write)
    }
}

impl<A: Admission> Admission for HeldRights<A> {
    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        self.next.mutate(request)
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        match self.check(request) {
            Ok(()) => self.next.validate(request),
            Err(failure) => Box::pin(std::future::ready(Err(failure))),
        }
    }

    fn release<'a>(
        &'a self,
        request: &'a AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        self.next.release(request)
    }
}
