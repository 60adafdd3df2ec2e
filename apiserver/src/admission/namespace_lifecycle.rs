//! Nothing new in namespaces that are missing or go away.

use super::{AdmissionRequest, Admitted, Found, Objects, Operation, Plugin, Which};
use crate::resource::Scope;
use crate::status::{Failure, GroupResource};
use crate::storage::Future;

/// Namespaces that the system does not do without.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

const NAMESPACES: Which = Which {
    group: "",
    version: "v1",
    plural: "namespaces",
};

/// See the file's first line. A new object takes a guard on its namespace: if that begins to go while the
/// object is on its way, the object is not made.
pub struct NamespaceLifecycle;

impl Plugin for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        request.operation != Operation::Connect
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let namespace = look(request, objects).await?;
            Ok(Admitted {
                guards: namespace.iter().map(Found::unchanged).collect(),
                ..Admitted::default()
            })
        })
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest,
        _objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(std::future::ready(
            mortal(request).map(|()| Admitted::default()),
        ))
    }
}

/// Whether what is deleted may be deleted.
fn mortal(request: &AdmissionRequest) -> Result<(), Failure> {
    let is_immortal =
        request.is_below("", "namespaces") && IMMORTAL.contains(&request.target.name.as_str());
    match request.operation == Operation::Delete && is_immortal {
        true => Err(request.forbidden("this namespace may not be deleted")),
        false => Ok(()),
    }
}

/// The namespace in which something new is to be; `None` if that is not what the request is about.
async fn look(request: &AdmissionRequest, objects: &dyn Objects) -> Result<Option<Found>, Failure> {
    mortal(request)?;
    let target = &request.target;
    if request.is_below("", "namespaces") {
        return Ok(None);
    }
    let is_local = target.resource.scope == Scope::Namespaced && !target.namespace.is_empty();
    // Whoever asks whether somebody may do something must not learn which namespaces there are.
    let is_review = request.is_below("authorization.k8s.io", "localsubjectaccessreviews");
    if !is_local || is_review || request.operation == Operation::Delete {
        return Ok(None);
    }
    let found = objects.get(NAMESPACES, "", &target.namespace).await?;
    let Some(namespace) = found else {
        let resource = GroupResource::new("", "namespaces");
        return Err(Failure::not_found(&resource, &target.namespace));
    };
    if request.operation != Operation::Create {
        return Ok(None);
    }
    let phase = namespace.object.pointer("/status/phase");
    if phase.is_some_and(|phase| phase == "Terminating") {
        let resource = request.group_resource();
        let name = request.shown_name();
        return Err(Failure::namespace_terminating(
            &resource,
            name,
            &target.namespace,
        ));
    }
    // A subresource leaves nothing in the namespace that was not there.
    Ok(target.subresource.is_empty().then_some(namespace))
}
