//! Admission that asks for rights: nobody gives away what they do not hold, and nobody creates what they
//! may only change.

use super::policy::KeptPolicy;
use crate::admission::{Admission, AdmissionRequest, Admitted, Operation};
use crate::authorize::escalation::{Write, Writer, check};
use crate::authorize::{Attributes, Authorizer, RBAC, ResourceTarget, Target};
use crate::identity::MASTERS;
use crate::status::Failure;
use crate::storage::Future;
use std::sync::Arc;

/// Refuses roles and bindings that give more than their writer has, and objects that come to be by an apply
/// or a put of somebody who may not create them; leaves the rest to another admission. It decides by the
/// policy as it is known here, which may be a moment behind.
pub struct HeldRights<A> {
    policy: KeptPolicy,
    authorizer: Arc<dyn Authorizer>,
    next: A,
}

impl<A: Admission> HeldRights<A> {
    /// `authorizer` is the whole chain: it decides about `escalate`, `bind` and `create`.
    pub fn new(policy: KeptPolicy, authorizer: Arc<dyn Authorizer>, next: A) -> HeldRights<A> {
        HeldRights {
            policy,
            authorizer,
            next,
        }
    }

    /// The request was let in for another verb, and makes a new object all the same.
    fn check_create(&self, request: &AdmissionRequest) -> Result<(), Failure> {
        let let_in = request.options["kind"].as_str();
        let is_other = matches!(let_in, Some("PatchOptions" | "UpdateOptions"));
        if request.operation != Operation::Create || !is_other {
            return Ok(());
        }
        let (target, gvk) = (&request.target, &request.target.resource.gvk);
        let attributes = Attributes {
            user: &request.user,
            verb: "create",
            target: Target::Resource(ResourceTarget {
                group: &gvk.group,
                version: &gvk.version,
                resource: &target.resource.plural,
                subresource: &target.subresource,
                namespace: &target.namespace,
                name: &target.name,
                ..ResourceTarget::default()
            }),
        };
        let verdict = self.authorizer.authorize(&attributes);
        match verdict.is_allowed() {
            true => Ok(()),
            false => Err(attributes.forbidden(&verdict)),
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
        match self
            .check_create(request)
            .and_then(|()| self.check(request))
        {
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
