//! The store as simply as it can be said: a list of all versions ever written.

use crate::engine::history_key;
use crate::{Error, Revision};
use bytes::Bytes;
use keelson_proto::etcdserverpb::RangeRequest;
use keelson_proto::mvccpb::KeyValue;
use prost::Message;

/// One version, put or tombstone.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub sub: u32,
    pub deleted: bool,
    pub kv: KeyValue,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub versions: Vec<Version>,
    pub revision: Revision,
    pub compacted: Revision,
    sub: u32,
}

#[derive(Debug, PartialEq)]
pub struct Answer {
    pub kvs: Vec<KeyValue>,
    pub count: i64,
    pub more: bool,
}

impl Model {
    pub fn new() -> Model {
        Model {
            versions: Vec::new(),
            revision: 1,
            compacted: -1,
            sub: 0,
        }
    }

    /// The newest version of a key at a revision.
    pub fn at(&self, key: &[u8], revision: Revision) -> Option<&Version> {
        self.versions
            .iter()
            .rfind(|version| version.kv.key == key && version.kv.mod_revision <= revision)
    }

    pub fn live(&self, key: &[u8], revision: Revision) -> Option<&KeyValue> {
        self.at(key, revision)
            .filter(|version| !version.deleted)
            .map(|version| &version.kv)
    }

    pub fn put(&mut self, key: &[u8], value: &[u8], lease: i64) {
        let before = self.live(key, Revision::MAX).cloned();
        let revision = self.revision + 1;
        self.add(
            false,
            KeyValue {
                key: Bytes::copy_from_slice(key),
                create_revision: before.as_ref().map_or(revision, |kv| kv.create_revision),
                mod_revision: revision,
                version: before.map_or(1, |kv| kv.version + 1),
                value: Bytes::copy_from_slice(value),
                lease,
            },
        );
    }

    pub fn delete(&mut self, key: &[u8]) -> bool {
        let live = self.live(key, Revision::MAX).is_some();
        if live {
            let mod_revision = self.revision + 1;
            let key = Bytes::copy_from_slice(key);
            self.add(
                true,
                KeyValue {
                    key,
                    mod_revision,
                    ..KeyValue::default()
                },
            );
        }
        live
    }

    fn add(&mut self, deleted: bool, kv: KeyValue) {
        self.versions.push(Version {
            sub: self.sub,
            deleted,
            kv,
        });
        self.sub += 1;
    }

    pub fn end_revision(&mut self) {
        if self.sub > 0 {
            self.revision += 1;
            self.sub = 0;
        }
    }

    pub fn compact(&mut self, revision: Revision) -> Result<(), Error> {
        if revision <= self.compacted {
            return Err(Error::Compacted);
        }
        if revision > self.revision {
            return Err(Error::FutureRevision);
        }
        self.compacted = revision;
        Ok(())
    }

    /// The revision in progress, for reads inside a transaction.
    pub fn current(&self) -> Revision {
        self.revision + Revision::from(self.sub > 0)
    }

    /// What was known after a crash.
    pub fn truncate(&mut self, revision: Revision, compacted: Revision) {
        self.versions
            .retain(|version| version.kv.mod_revision <= revision);
        self.revision = revision;
        self.compacted = compacted;
    }

    pub fn keys(&self) -> Vec<Bytes> {
        let mut keys: Vec<_> = self.versions.iter().map(|it| it.kv.key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Step by step as etcd answers a range.
    pub fn range(&self, request: &RangeRequest) -> Result<Answer, Error> {
        let at = if request.revision <= 0 {
            self.current()
        } else {
            request.revision
        };
        if at > self.current() {
            return Err(Error::FutureRevision);
        }
        if at < self.compacted {
            return Err(Error::Compacted);
        }
        let inside = |key: &Bytes| match &request.range_end[..] {
            [] => *key == request.key,
            [0] => *key >= request.key,
            end => *key >= request.key && key[..] < *end,
        };
        let keys = self.keys().into_iter().filter(inside);
        let mut kvs: Vec<_> = keys
            .filter_map(|key| self.live(&key, at).cloned())
            .collect();
        let count = kvs.len() as i64;
        if request.count_only {
            return Ok(Answer {
                kvs: Vec::new(),
                count,
                more: false,
            });
        }
        let bounds = [
            request.min_mod_revision,
            request.max_mod_revision,
            request.min_create_revision,
            request.max_create_revision,
        ];
        let limit = usize::try_from(request.limit).unwrap_or(0);
        if limit > 0 && request.sort_order == 0 && bounds == [0; 4] {
            kvs.truncate(limit + 1);
        }
        kvs.retain(|kv| {
            (bounds[0] == 0 || kv.mod_revision >= bounds[0])
                && (bounds[1] == 0 || kv.mod_revision <= bounds[1])
                && (bounds[2] == 0 || kv.create_revision >= bounds[2])
                && (bounds[3] == 0 || kv.create_revision <= bounds[3])
        });
        // Descending by key is the only order without ties; ties stay in key order.
        let rank = |kv: &KeyValue| match request.sort_target {
            0 => (0, kv.key.clone()),
            1 => (kv.version, Bytes::new()),
            2 => (kv.create_revision, Bytes::new()),
            3 => (kv.mod_revision, Bytes::new()),
            _ => (0, kv.value.clone()),
        };
        match request.sort_order {
            2 => kvs.sort_by_key(|kv| std::cmp::Reverse(rank(kv))),
            _ => kvs.sort_by_key(rank),
        }
        let more = limit > 0 && kvs.len() > limit;
        if more {
            kvs.truncate(limit);
        }
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
        }
        Ok(Answer { kvs, count, more })
    }

    /// What a compaction at the floor leaves, tombstones at the floor included.
    pub fn kept(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().filter(|version| {
            let revision = version.kv.mod_revision;
            let visible = || self.at(&version.kv.key, self.compacted) == Some(version);
            let gone = version.deleted && revision < self.compacted;
            revision > self.compacted || (visible() && !gone)
        })
    }

    pub fn hash(&self, revision: Revision) -> u32 {
        let mut hash = crc32c::crc32c(b"key");
        for version in self.kept() {
            let at = version.kv.mod_revision;
            if at > revision || (version.deleted && at <= self.compacted) {
                continue;
            }
            hash = crc32c::crc32c_append(hash, &history_key(at, version.sub));
            hash = crc32c::crc32c_append(hash, &[version.deleted.into()]);
            hash = crc32c::crc32c_append(hash, &version.kv.encode_to_vec());
        }
        hash
    }

    /// What the store should count as in use once everything is trimmed.
    pub fn in_use(&self) -> u64 {
        self.kept()
            .map(|version| version.kv.encoded_len() as u64 + 64)
            .sum()
    }
}
