//! The whole store on an engine that can crash.

mod concurrency;
mod contract;
mod fuzz;
mod maintenance;
pub(crate) mod model;
mod property;
mod reading;
mod stopping;

use super::test_engine::TestEngine;
use super::{Options, Store, Writer};
use crate::engine::{Engine, GarbageSlot};
use bytes::Bytes;
use keelson_proto::etcdserverpb::RangeRequest;
use keelson_proto::mvccpb::KeyValue;
use prost::Message;
use std::path::Path;
use std::sync::Arc;

fn open(
    engine: &(Arc<TestEngine>, GarbageSlot),
    cache_bytes: usize,
    index_dir: Option<&Path>,
) -> Arc<Store> {
    open_on(engine.0.clone(), engine.1.clone(), cache_bytes, index_dir)
}

fn open_on(
    engine: Arc<dyn Engine>,
    garbage: GarbageSlot,
    cache_bytes: usize,
    index_dir: Option<&Path>,
) -> Arc<Store> {
    let options = Options {
        cache_bytes,
        index_dir: index_dir.map(Path::to_path_buf),
    };
    Store::open(engine, garbage, options).expect("the engine does not fail")
}

fn new_store() -> Arc<Store> {
    open(&TestEngine::new(), 1 << 20, None)
}

/// One run, one commit.
fn write<T>(store: &Store, run: impl FnOnce(&mut Writer<'_>) -> T) -> T {
    let mut writer = store.writer();
    let answer = run(&mut writer);
    writer.commit().expect("the test engine does not fail");
    answer
}

fn put(store: &Store, key: &str, value: &str) {
    write(store, |writer| put_in(writer, key, value));
}

fn put_in(writer: &mut Writer<'_>, key: &str, value: &str) {
    writer.put(
        &Bytes::copy_from_slice(key.as_bytes()),
        &Bytes::copy_from_slice(value.as_bytes()),
        0,
    );
    writer.end_revision();
}

fn delete(store: &Store, key: &str) -> bool {
    write(store, |writer| writer.delete(key.as_bytes()))
}

fn compact(store: &Store, revision: i64) -> Result<(), crate::Error> {
    write(store, |writer| writer.compact(revision))
}

fn everything() -> RangeRequest {
    RangeRequest {
        key: Bytes::from_static(&[0]),
        range_end: Bytes::from_static(&[0]),
        ..RangeRequest::default()
    }
}

fn get(key: &str) -> RangeRequest {
    RangeRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        ..RangeRequest::default()
    }
}

fn decode(records: &[Bytes]) -> Vec<KeyValue> {
    let decode = |record: &Bytes| KeyValue::decode(record.clone()).expect("records are KeyValues");
    records.iter().map(decode).collect()
}
