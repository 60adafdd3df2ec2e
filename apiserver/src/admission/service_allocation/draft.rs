//! What one write takes and lets go.

use super::super::{AdmissionRequest, Admitted, Objects};
use super::ServiceAllocation;
use super::pool::Pool;
use crate::status::Failure;
use crate::storage::{Guard, KeyValue, Object, Write};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// See the file's first line.
pub(super) struct Draft<'a> {
    allocation: &'a ServiceAllocation,
    pub(super) request: &'a AdmissionRequest,
    objects: &'a dyn Objects,
    claimed: [BTreeSet<u32>; 2],
    /// What belongs into the transaction.
    pub(super) admitted: Admitted,
}

/// Which numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// Cluster addresses.
    Addresses,
    /// Node ports.
    Ports,
}

/// Why a number is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// Somebody has it.
    Taken,
    /// It is not in the range.
    Outside,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        allocation: &'a ServiceAllocation,
        request: &'a AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Draft<'a> {
        Draft {
            allocation,
            request,
            objects,
            claimed: Default::default(),
            admitted: Admitted::default(),
        }
    }

    pub(super) fn pool(&self, of: Of) -> &'a Pool {
        match of {
            Of::Addresses => &self.allocation.addresses,
            Of::Ports => &self.allocation.ports,
        }
    }

    /// Whether this write takes the number.
    pub(super) fn has(&self, of: Of, number: u32) -> bool {
        self.claimed[of as usize].contains(&number)
    }

    /// Takes this number.
    ///
    /// # Errors
    /// The store's. The inner one: it is not to be had.
    pub(super) async fn claim(
        &mut self,
        of: Of,
        number: u32,
    ) -> Result<Result<(), Denied>, Failure> {
        if !self.pool(of).holds(number) {
            return Ok(Err(Denied::Outside));
        }
        if self.has(of, number) || self.entry(of, number).await?.is_some() {
            return Ok(Err(Denied::Taken));
        }
        self.take(of, number);
        Ok(Ok(()))
    }

    /// Takes a number that is free. `None`: there is none.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn claim_any(&mut self, of: Of) -> Result<Option<u32>, Failure> {
        let claimed = &self.claimed[of as usize];
        let random = &self.allocation.random;
        let picked = self.pool(of).pick(claimed, self.objects, random).await?;
        if let Some(number) = picked {
            self.take(of, number);
        }
        Ok(picked)
    }

    /// Lets go of a number, if this Service has it.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn release(&mut self, of: Of, number: u32) -> Result<(), Failure> {
        let Some(entry) = self.entry(of, number).await? else {
            return Ok(());
        };
        let record: Value = Object::new(entry.value, 0).value().unwrap_or_default();
        if self.is_ours(&record) {
            let key = entry.key;
            self.admitted.guards.push(Guard {
                key: key.clone(),
                mod_revision: entry.mod_revision,
            });
            self.admitted.writes.push(Write::Delete { key });
        }
        Ok(())
    }

    async fn entry(&self, of: Of, number: u32) -> Result<Option<KeyValue>, Failure> {
        let key = self.pool(of).key(number);
        Ok(self.objects.entries(key, None).await?.into_iter().next())
    }

    fn take(&mut self, of: Of, number: u32) {
        let key = self.pool(of).key(number);
        self.claimed[of as usize].insert(number);
        self.admitted.guards.push(Guard {
            key: key.clone(),
            mod_revision: 0,
        });
        let record = match of {
            Of::Addresses => self.address(&self.pool(of).text(number)),
            Of::Ports => json!({"spec": {"parentRef": self.parent()}}),
        };
        self.admitted.writes.push(Write::Put {
            key,
            value: Object::of(record, 0).stored().clone(),
            lease: 0,
        });
    }

    fn parent(&self) -> Value {
        json!({
            "resource": "services",
            "namespace": self.request.target.namespace,
            "name": self.request.target.name,
        })
    }

    fn is_ours(&self, record: &Value) -> bool {
        let parent = record.pointer("/spec/parentRef");
        let is = |field: &str, wanted: &str| {
            let found = parent.and_then(|parent| parent.get(field)?.as_str());
            found.unwrap_or_default() == wanted
        };
        let target = &self.request.target;
        is("group", "")
            && is("resource", "services")
            && is("namespace", &target.namespace)
            && is("name", &target.name)
    }

    /// The object by which users see that an address is taken.
    fn address(&self, name: &str) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {
                "name": name,
                "uid": crate::names::uid(|| (self.allocation.random)()),
                "creationTimestamp": self.request.now,
                "labels": {
                    "ipaddress.kubernetes.io/ip-family": "IPv4",
                    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
                },
            },
            "spec": {"parentRef": self.parent()},
        })
    }
}
