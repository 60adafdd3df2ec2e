//! Nothing new of kinds whose definition is missing or goes away.

use super::{AdmissionRequest, Admitted, Objects, Operation, Plugin, Which};
use crate::status::Failure;
use crate::storage::Future;

const DEFINITIONS: Which = Which {
    group: "apiextensions.k8s.io",
    version: "v1",
    plural: "customresourcedefinitions",
};

/// See the file's first line. A new custom resource takes a guard on its definition: if that begins to go
/// while the object is on its way, on whatever member, the object is not made. So when a definition that
/// goes has no objects, there will be none.
pub struct DefinitionLifecycle;

impl Plugin for DefinitionLifecycle {
    fn name(&self) -> &'static str {
        "CustomResourceLifecycle"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        let target = &request.target;
        let is_new = request.operation == Operation::Create && target.subresource.is_empty();
        is_new && target.resource.custom.is_some()
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let row = &request.target.resource;
            let name = format!("{}.{}", row.plural, row.gvk.group);
            let found = objects.get(DEFINITIONS, "", &name).await?;
            let found = found.ok_or_else(Failure::unknown_path)?;
            if found
                .object
                .pointer("/metadata/deletionTimestamp")
                .is_some()
            {
                let resource = request.group_resource();
                return Err(Failure::method_not_allowed(&resource, "create"));
            }
            Ok(Admitted {
                guards: vec![found.unchanged()],
                ..Admitted::default()
            })
        })
    }
}
