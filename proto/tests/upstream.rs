//! The wire API is etcd's, field for field: our protocol files say what those of the etcd release say
//! that the other tests compare with. Comments, options and the order of things are ours.

#![allow(missing_docs, clippy::unwrap_used)]

use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A module of etcd, a file in it, and ours.
const FILES: [(&str, &str, &str); 5] = [
    ("go.etcd.io/etcd/api/v3", "mvccpb/kv.proto", "etcd/kv.proto"),
    (
        "go.etcd.io/etcd/api/v3",
        "authpb/auth.proto",
        "etcd/auth.proto",
    ),
    (
        "go.etcd.io/etcd/api/v3",
        "etcdserverpb/rpc.proto",
        "etcd/rpc.proto",
    ),
    (
        "go.etcd.io/etcd/server/v3",
        "etcdserver/api/v3lock/v3lockpb/v3lock.proto",
        "etcd/lock.proto",
    ),
    (
        "go.etcd.io/etcd/server/v3",
        "etcdserver/api/v3election/v3electionpb/v3election.proto",
        "etcd/election.proto",
    ),
];

/// In etcd's file, and in no call: for its own tests.
const LEFT_OUT: &str = "DowngradeVersionTestRequest";

/// Every field, enum value and call, by its full name.
/// The directory of this package, in which cargo starts its tests: that of the checkout that is tested, not of the
/// one that was compiled first.
const HERE: &str = ".";

type Facts = BTreeMap<String, String>;

/// Where a module's sources are. `None` where there is no Go or they have not been downloaded.
fn module(name: &str) -> Option<PathBuf> {
    let peer = Path::new(HERE).join("../tests/peer");
    let list = Command::new("go")
        .args(["list", "-m", "-f", "{{.Dir}}", name])
        .current_dir(peer)
        .output()
        .ok()?;
    let path = String::from_utf8(list.stdout).ok()?;
    (list.status.success() && !path.trim().is_empty()).then(|| path.trim().into())
}

fn facts(path: &Path) -> Facts {
    let source = std::fs::read_to_string(path).unwrap();
    let file = protox_parse::parse(&path.display().to_string(), &source).unwrap();
    let mut facts = Facts::new();
    let FileDescriptorProto {
        message_type,
        enum_type,
        service,
        ..
    } = file;
    message_type
        .iter()
        .for_each(|message| add_message(&mut facts, "", message));
    enum_type
        .iter()
        .for_each(|one| add_enum(&mut facts, "", one));
    for service in &service {
        for call in &service.method {
            facts.insert(
                format!("{}.{}", service.name(), call.name()),
                format!(
                    "{} stream {} -> {} stream {}",
                    last(call.input_type()),
                    call.client_streaming(),
                    last(call.output_type()),
                    call.server_streaming()
                ),
            );
        }
    }
    facts
}

fn add_message(facts: &mut Facts, around: &str, message: &DescriptorProto) {
    let name = format!("{around}{}", message.name());
    // A message without fields is a fact, too.
    facts.insert(name.clone(), "message".into());
    for field in &message.field {
        let oneof = field
            .oneof_index
            .map(|at| message.oneof_decl[at as usize].name());
        facts.insert(
            format!("{name}.{}", field.name()),
            format!(
                "{} {:?} {:?} {} {oneof:?}",
                field.number(),
                field.label(),
                field.r#type,
                last(field.type_name())
            ),
        );
    }
    let inside = format!("{name}.");
    let nested = &message.nested_type;
    nested
        .iter()
        .for_each(|one| add_message(facts, &inside, one));
    let enums = &message.enum_type;
    enums.iter().for_each(|one| add_enum(facts, &inside, one));
}

fn add_enum(facts: &mut Facts, around: &str, one: &EnumDescriptorProto) {
    for value in &one.value {
        facts.insert(
            format!("{around}{}.{}", one.name(), value.name()),
            value.number().to_string(),
        );
    }
}

/// A type's own name: the files may lie in other packages.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[test]
fn every_field_and_call_is_etcds() {
    for (module_name, theirs, ours) in FILES {
        let Some(directory) = module(module_name) else {
            eprintln!("SKIPPED: {ours}: the sources of {module_name} are not on this machine");
            continue;
        };
        let mut theirs = facts(&directory.join(theirs));
        theirs.retain(|name, _| !name.starts_with(LEFT_OUT));
        let ours = facts(&Path::new(HERE).join(ours));
        assert!(theirs.len() > 5, "{theirs:?}");
        assert_eq!(ours, theirs);
    }
}
