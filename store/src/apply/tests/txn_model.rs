//! Commands as simply as they can be said: over a list of all versions, on a copy that counts only if nothing
//! was refused.

use super::*;
use crate::mvcc::tests::model::Model as Versions;
use compare::{CompareResult, CompareTarget, TargetUnion};
use std::collections::BTreeSet;

#[derive(Clone)]
pub struct Model {
    pub versions: Versions,
    pub leases: BTreeSet<LeaseId>,
}

fn header(revision: Revision) -> Option<ResponseHeader> {
    Some(ResponseHeader {
        revision,
        ..Default::default()
    })
}

/// etcd's conventions for what a key and a range end mean.
fn contains(from: &[u8], end: &[u8], key: &[u8]) -> bool {
    match end {
        b"" => key == from,
        b"\0" => key >= from,
        end => key >= from && key < end,
    }
}

impl Model {
    pub fn new() -> Model {
        let (versions, leases) = (Versions::new(), BTreeSet::new());
        Model { versions, leases }
    }

    /// What exists now, in order.
    pub fn live(&self) -> Vec<KeyValue> {
        let keys = self.versions.keys().into_iter();
        keys.filter_map(|key| self.versions.live(&key, Revision::MAX).cloned())
            .collect()
    }

    pub fn txn(&mut self, request: &TxnRequest) -> Result<TxnResponse, Error> {
        let before = self.clone();
        match self.branch(request, &before) {
            Ok(mut response) => {
                response.header = header(self.versions.current());
                self.versions.end_revision();
                Ok(response)
            }
            Err(error) => {
                *self = before;
                Err(error)
            }
        }
    }

    fn branch(&mut self, request: &TxnRequest, before: &Model) -> Result<TxnResponse, Error> {
        let succeeded = request.compare.iter().all(|compare| before.holds(compare));
        let operations = match succeeded {
            true => &request.success,
            false => &request.failure,
        };
        let mut responses = Vec::new();
        for operation in operations {
            use response_op::Response::*;
            let response = match operation.request.as_ref().expect("validation saw one") {
                Request::RequestRange(request) => ResponseRange(self.range(request, before)?),
                Request::RequestPut(request) => ResponsePut(self.put(request)?),
                Request::RequestDeleteRange(request) => ResponseDeleteRange(self.delete(request)),
                Request::RequestTxn(request) => ResponseTxn(self.branch(request, before)?),
            };
            let response = Some(response);
            responses.push(ResponseOp { response });
        }
        let header = Some(ResponseHeader::default());
        Ok(TxnResponse {
            header,
            succeeded,
            responses,
        })
    }

    fn range(&self, request: &RangeRequest, before: &Model) -> Result<RangeResponse, Error> {
        if request.revision > before.versions.revision {
            return Err(Error::FutureRevision);
        }
        if request.revision != 0 && request.revision < before.versions.compacted {
            return Err(Error::Compacted);
        }
        let answer = self.versions.range(request)?;
        Ok(RangeResponse {
            header: header(self.versions.current()),
            kvs: answer.kvs,
            more: answer.more,
            count: answer.count,
        })
    }

    fn put(&mut self, request: &PutRequest) -> Result<PutResponse, Error> {
        if request.lease != 0 && !self.leases.contains(&request.lease) {
            return Err(Error::LeaseNotFound);
        }
        let before = self.versions.live(&request.key, Revision::MAX).cloned();
        let keeps = request.ignore_value || request.ignore_lease;
        if keeps && before.is_none() {
            return Err(Error::KeyNotFound);
        }
        let was = before.clone().unwrap_or_default();
        let value = if request.ignore_value {
            was.value
        } else {
            request.value.clone()
        };
        let lease = if request.ignore_lease {
            was.lease
        } else {
            request.lease
        };
        self.versions.put(&request.key, &value, lease);
        Ok(PutResponse {
            header: header(self.versions.current()),
            prev_kv: before.filter(|_| request.prev_kv),
        })
    }

    fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let mut gone = self.live();
        gone.retain(|kv| contains(&request.key, &request.range_end, &kv.key));
        for kv in &gone {
            self.versions.delete(&kv.key);
        }
        DeleteRangeResponse {
            header: header(self.versions.current()),
            deleted: gone.len() as i64,
            prev_kvs: if request.prev_kv { gone } else { Vec::new() },
        }
    }

    pub fn revoke(&mut self, id: LeaseId) -> Result<(), Error> {
        if !self.leases.remove(&id) {
            return Err(Error::LeaseNotFound);
        }
        for kv in self.live().into_iter().filter(|kv| kv.lease == id) {
            self.versions.delete(&kv.key);
        }
        self.versions.end_revision();
        Ok(())
    }

    fn holds(&self, compare: &Compare) -> bool {
        let mut found = self.live();
        found.retain(|kv| contains(&compare.key, &compare.range_end, &kv.key));
        match found.is_empty() {
            true => holds_for(compare, None),
            false => found.iter().all(|kv| holds_for(compare, Some(kv))),
        }
    }
}

fn holds_for(compare: &Compare, kv: Option<&KeyValue>) -> bool {
    let wanted = compare.target_union.as_ref();
    let some = kv.cloned().unwrap_or_default();
    let numbers = |have: i64, wanted: Option<i64>| have.cmp(&wanted.unwrap_or(0));
    let ordering = match CompareTarget::try_from(compare.target) {
        Ok(CompareTarget::Value) if kv.is_none() => return false,
        Ok(CompareTarget::Value) => some.value.cmp(&match wanted {
            Some(TargetUnion::Value(value)) => value.clone(),
            _ => Bytes::new(),
        }),
        Ok(CompareTarget::Version) => numbers(
            some.version,
            match wanted {
                Some(TargetUnion::Version(number)) => Some(*number),
                _ => None,
            },
        ),
        Ok(CompareTarget::Create) => numbers(
            some.create_revision,
            match wanted {
                Some(TargetUnion::CreateRevision(number)) => Some(*number),
                _ => None,
            },
        ),
        Ok(CompareTarget::Mod) => numbers(
            some.mod_revision,
            match wanted {
                Some(TargetUnion::ModRevision(number)) => Some(*number),
                _ => None,
            },
        ),
        Ok(CompareTarget::Lease) => numbers(
            some.lease,
            match wanted {
                Some(TargetUnion::Lease(number)) => Some(*number),
                _ => None,
            },
        ),
        Err(_) => std::cmp::Ordering::Equal,
    };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => ordering.is_eq(),
        Ok(CompareResult::NotEqual) => ordering.is_ne(),
        Ok(CompareResult::Greater) => ordering.is_gt(),
        Ok(CompareResult::Less) => ordering.is_lt(),
        Err(_) => true,
    }
}
