//! Compiles the protocol files with protox (no `protoc` needed), twice: once as they are, and once
//! as the *serving view*, in which stored records are opaque bytes. On the wire both are the same:
//! an embedded message and a `bytes` field differ only in what the reader does with them.

use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::Type;
use std::path::Path;

const FILES: [&str; 8] = [
    "etcd/kv.proto",
    "etcd/auth.proto",
    "etcd/rpc.proto",
    "etcd/lock.proto",
    "etcd/election.proto",
    "etcd/health.proto",
    "keelson/log.proto",
    "keelson/peer.proto",
];

/// Messages that carry records and therefore exist a second time in the serving view.
const SERVED: [&str; 7] = [
    "RangeResponse",
    "RangeStreamResponse",
    "PutResponse",
    "DeleteRangeResponse",
    "TxnResponse",
    "ResponseOp",
    "WatchResponse",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for directory in ["etcd", "keelson"] {
        println!("cargo:rerun-if-changed={directory}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let out = std::env::var("OUT_DIR")?;

    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors.clone())?;

    let serving = Path::new(&out).join("serving");
    std::fs::create_dir_all(&serving)?;
    let mut builder = tonic_prost_build::configure()
        .bytes(".")
        .build_client(false)
        .out_dir(&serving);
    let view = serving_view(&descriptors);
    for message in &view.file[0].message_type {
        if !SERVED.contains(&message.name()) {
            builder = builder.extern_path(
                format!(".etcdserverpb.{}", message.name()),
                format!("crate::etcdserverpb::{}", rust_name(message.name())),
            );
        }
    }
    builder.compile_fds(view)?;
    Ok(())
}

/// prost's spelling of a message name: `HashKVRequest` becomes `HashKvRequest`.
fn rust_name(name: &str) -> String {
    name.replace("KV", "Kv")
}

/// `rpc.proto` alone, with the services that carry records, and records as bytes.
fn serving_view(all: &FileDescriptorSet) -> FileDescriptorSet {
    let mut file = all
        .file
        .iter()
        .find(|file| file.name() == "etcd/rpc.proto")
        .expect("rpc.proto is in the list of files")
        .clone();
    file.service
        .retain(|service| ["KV", "Watch"].contains(&service.name()));
    for message in &mut file.message_type {
        let served = SERVED.contains(&message.name());
        for field in &mut message.field {
            if served && [".mvccpb.KeyValue", ".mvccpb.Event"].contains(&field.type_name()) {
                field.set_type(Type::Bytes);
                field.type_name = None;
            }
        }
    }
    let mut files: Vec<_> = all
        .file
        .iter()
        .filter(|file| ["etcd/kv.proto", "etcd/auth.proto"].contains(&file.name()))
        .cloned()
        .collect();
    files.insert(0, file);
    FileDescriptorSet { file: files }
}
