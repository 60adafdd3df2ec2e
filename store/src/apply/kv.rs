//! Puts, deletions, compaction.

use super::command::Executor;
use crate::mvcc::Meta;
use crate::reply::Reply;
use crate::{Error, LeaseId, Revision, broken, validate};
use bytes::Bytes;
use keelson_proto::etcdserverpb::{DeleteRangeRequest, PutRequest};
use keelson_proto::serving;
use std::ops::ControlFlow;

impl Executor<'_, '_> {
    pub(super) fn put(&mut self, request: &PutRequest) -> Result<serving::PutResponse, Error> {
        validate::check_put(request)?;
        self.check_lease(request.lease)?;
        if (request.ignore_value || request.ignore_lease) && self.writer.get(&request.key).is_none()
        {
            return Err(Error::KeyNotFound);
        }
        let response = self.do_put(request);
        self.writer.end_revision();
        Ok(response)
    }

    pub(super) fn delete_range(
        &mut self,
        request: &DeleteRangeRequest,
    ) -> Result<serving::DeleteRangeResponse, Error> {
        validate::check_delete_range(request)?;
        let response = self.do_delete_range(request);
        self.writer.end_revision();
        Ok(response)
    }

    pub(super) fn compact(&mut self, revision: Revision) -> Result<Reply, Error> {
        self.writer.compact(revision)?;
        *self.compacted = Some(revision);
        let revision = self.writer.revision();
        Ok(Reply::Compact { revision })
    }

    /// Whether a key may be attached to `id`; zero is no lease.
    pub(super) fn check_lease(&self, id: LeaseId) -> Result<(), Error> {
        if id != 0 && !self.state.leases().contains(id) {
            return Err(Error::LeaseNotFound);
        }
        Ok(())
    }

    /// The part of a put that cannot fail: everything has been checked.
    pub(super) fn do_put(&mut self, request: &PutRequest) -> serving::PutResponse {
        let key = &request.key;
        let previous = self.previous(request);
        let prev_kv = match previous {
            Some(_) if request.prev_kv && self.wanted => self.record(key),
            _ => Bytes::new(),
        };
        let lease_before = previous.map_or(0, |meta| meta.lease);
        let lease = if request.ignore_lease {
            lease_before
        } else {
            request.lease
        };
        if request.ignore_value {
            let Some(value) = self.writer.value(key) else {
                broken!("the key {key:?} was there when the put was checked and is not now");
            };
            self.writer.put(key, &value, lease);
        } else {
            self.writer.put(key, &request.value, lease);
        }
        self.move_attachment(key, lease_before, lease);
        serving::PutResponse {
            header: self.header(),
            prev_kv,
        }
    }

    /// The part of a deletion that cannot fail.
    pub(super) fn do_delete_range(
        &mut self,
        request: &DeleteRangeRequest,
    ) -> serving::DeleteRangeResponse {
        let keys = self.live_keys(&request.key, &request.range_end);
        let prev_kvs = if request.prev_kv && self.wanted {
            keys.iter().map(|(key, _)| self.record(key)).collect()
        } else {
            Vec::new()
        };
        for (key, lease) in &keys {
            self.delete(key);
            self.move_attachment(key, *lease, 0);
        }
        serving::DeleteRangeResponse {
            header: self.header(),
            deleted: keys.len() as i64,
            prev_kvs,
        }
    }

    /// Deletes a key that is known to be live.
    pub(super) fn delete(&mut self, key: &[u8]) {
        if !self.writer.delete(key) {
            let key = Bytes::copy_from_slice(key);
            broken!("the key {key:?} was live when its deletion began and is not now");
        }
    }

    /// The version before a put, where the put depends on it. Most depend on nothing, and looking a
    /// key up costs as much as writing it.
    fn previous(&self, request: &PutRequest) -> Option<Meta> {
        let needed = request.prev_kv
            || request.ignore_lease
            || request.lease != 0
            || self.state.leases().attached() > 0;
        needed.then(|| self.writer.get(&request.key)).flatten()
    }

    fn record(&self, key: &[u8]) -> Bytes {
        self.writer.record(key).unwrap_or_else(|| {
            let key = Bytes::copy_from_slice(key);
            broken!("the key {key:?} is in the index but has no record")
        })
    }

    fn live_keys(&self, key: &Bytes, range_end: &[u8]) -> Vec<(Bytes, LeaseId)> {
        if range_end.is_empty() {
            let meta = self.writer.get(key);
            return meta
                .map(|meta| (key.clone(), meta.lease))
                .into_iter()
                .collect();
        }
        let mut keys = Vec::new();
        self.writer.visit(key, range_end, &mut |key, meta| {
            keys.push((Bytes::copy_from_slice(key), meta.lease));
            ControlFlow::Continue(())
        });
        keys
    }

    fn move_attachment(&self, key: &[u8], from: LeaseId, to: LeaseId) {
        if from == to {
            return;
        }
        let leases = self.state.leases();
        if from != 0 {
            leases.detach(from, key);
        }
        if to != 0 && !leases.attach(to, key) {
            broken!("lease {to:x} was there when the put was checked and is not now");
        }
    }
}
