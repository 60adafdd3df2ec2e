//! Addresses and node ports of Services: who gets which, so that no two ever have the same.
//!
//! Each address and each port that is given out is a key of its own. It is written in the transaction of
//! the Service that gets it, under the condition that the key is not there, and goes in the one in which
//! the Service lets go of it. So Service and allocation are one, however many servers there are, and
//! nobody has to come by later and compare them. An address is an `IPAddress`, which users can see; a port
//! is a record of ours.
//!
//! A Service that does not say what it wants gets what is free in the upper part of the range. The lower
//! part stays for those who say, until the upper part is full.
//!
//! This is no plug-in of upstream: there the store of Services does it. It comes last of those that
//! change objects, which is the same moment.
//!
//! | file | what |
//! |---|---|
//! | `pool` | a range of numbers, their keys, and finding one that is free |
//! | `draft` | what one write takes and lets go |
//! | `families` | `ipFamilies`, `ipFamilyPolicy`, and how `clusterIP` and `clusterIPs` go together |
//! | `addresses` | cluster addresses |
//! | `ports` | node ports, and the port of health checks |
//!
//! What may enter: Services as they shall be stored and as they are. What never happens here: a count in
//! memory.

mod addresses;
mod draft;
mod families;
mod pool;
mod ports;

use super::{AdmissionRequest, Admitted, Objects, Operation, Plugin, Random, Which};
use crate::status::{Failure, FieldError, GroupKind};
use crate::storage::{Future, Guard, Keys};
use draft::Draft;
use pool::Pool;
use serde_json::Value;
#[cfg(test)]
use std::net::Ipv4Addr;

pub use pool::{SERVICE_CIDR, SERVICE_CIDR_FIRST};

const SERVICES: Which = Which {
    group: "",
    version: "v1",
    plural: "services",
};

/// See the module's essay.
pub struct ServiceAllocation {
    addresses: Pool,
    ports: Pool,
    random: Random,
}

impl ServiceAllocation {
    /// One over the ranges that every cluster has.
    pub fn new(random: Random) -> ServiceAllocation {
        ServiceAllocation {
            addresses: Pool::service_addresses(),
            ports: Pool::node_ports(),
            random,
        }
    }

    /// One over small ranges: the block that begins with this address, and these ports.
    #[cfg(test)]
    pub(crate) fn small(
        random: Random,
        (first, bits): (Ipv4Addr, u32),
        ports: (u32, u32),
    ) -> ServiceAllocation {
        ServiceAllocation {
            addresses: Pool::addresses(first, bits),
            ports: Pool::ports(ports.0, ports.1),
            random,
        }
    }

    async fn allocate(
        &self,
        request: &AdmissionRequest,
        service: &mut Value,
        objects: &dyn Objects,
    ) -> Result<Admitted, Failure> {
        let old = request.old.as_ref();
        if let Some(old) = old {
            crate::registry::keep_allocated(service, old);
        }
        families::agree(service, old);
        let wrong = families::complete(service, old);
        if !wrong.is_empty() {
            return Err(invalid(request, &wrong));
        }
        let mut draft = Draft::new(self, request, objects);
        addresses::allocate(&mut draft, service, old).await?;
        ports::allocate(&mut draft, service, old).await?;
        Ok(draft.admitted)
    }
}

impl Plugin for ServiceAllocation {
    fn name(&self) -> &'static str {
        "ServiceAllocation"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        match request.operation {
            Operation::Create | Operation::Update => request.is_for("", "services"),
            Operation::Delete => request.is_for("networking.k8s.io", "ipaddresses"),
            Operation::Connect => false,
        }
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let Some(mut service) = request.object.take() else {
                return Ok(Admitted::default());
            };
            let allocated = self.allocate(request, &mut service, objects).await;
            request.object.replace(service);
            allocated
        })
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            match request.operation {
                Operation::Delete => spare(request, objects).await,
                _ => Ok(Admitted::default()),
            }
        })
    }

    fn release<'a>(
        &'a self,
        request: &'a AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let mut draft = Draft::new(self, request, objects);
            if let Some(old) = request
                .old
                .as_ref()
                .filter(|_| request.is_below("", "services"))
            {
                addresses::release(&mut draft, old).await?;
                ports::release(&mut draft, old).await?;
            }
            Ok(draft.admitted)
        })
    }
}

fn invalid(request: &AdmissionRequest, errors: &[FieldError]) -> Failure {
    Failure::invalid(&GroupKind::new("", "Service"), request.shown_name(), errors)
}

/// Refuses to delete an address that a Service has. Somebody else would get it.
async fn spare(request: &AdmissionRequest, objects: &dyn Objects) -> Result<Admitted, Failure> {
    let parent = request
        .old
        .as_ref()
        .and_then(|old| old.pointer("/spec/parentRef"));
    let text = |field: &str| parent.and_then(|parent| parent.get(field)?.as_str());
    let (Some("services"), None | Some(""), Some(namespace), Some(name)) = (
        text("resource"),
        text("group"),
        text("namespace"),
        text("name"),
    ) else {
        return Ok(Admitted::default());
    };
    let found = objects.get(SERVICES, namespace, name).await?;
    let has_it = found.as_ref().is_some_and(|service| {
        let all = addresses::of(&service.object);
        all.contains(&request.target.name.as_str())
    });
    if has_it {
        return Err(request.forbidden(&format!("it is the address of Service {namespace}/{name}")));
    }
    let row = crate::resource::everything().find(SERVICES.group, SERVICES.version, SERVICES.plural);
    let guard = match (found, row) {
        (Some(found), _) => Some(found.unchanged()),
        (None, Some(row)) if !namespace.is_empty() && !name.is_empty() => Some(Guard {
            key: Keys::one(row, namespace, name),
            mod_revision: 0,
        }),
        _ => None,
    };
    Ok(Admitted {
        guards: guard.into_iter().collect(),
        ..Admitted::default()
    })
}
