//! Which crate may use which, and why each dependency is here.

use super::source::{Source, files};
use super::{Violation, none};

/// Crates of ours that a manifest may name: in what ships, and besides that in tests.
const EDGES: &[(&str, &[&str], &[&str])] = &[
    // The composition root puts everything together.
    (
        "Cargo.toml",
        &[
            "keelson-proto",
            "keelson-store",
            "keelson-apiserver",
            "keelson-controllers",
        ],
        &["keelson-fuzz", "keelson-kit"],
    ),
    ("plants/Cargo.toml", &[], &[]),
    ("proto/Cargo.toml", &[], &[]),
    (
        "store/Cargo.toml",
        &["keelson-plants", "keelson-proto"],
        &["keelson-fuzz"],
    ),
    (
        "apiserver/Cargo.toml",
        &["keelson-plants", "keelson-proto"],
        &["keelson-fuzz", "keelson-kit"],
    ),
    // Through the API server's in-process client, and through nothing else.
    (
        "controllers/Cargo.toml",
        &["keelson-plants", "keelson-apiserver"],
        &["keelson-kit"],
    ),
    // Both see the system from the outside.
    ("tests/kit/Cargo.toml", &["keelson-proto"], &[]),
    (
        "jepsen/Cargo.toml",
        &["keelson-plants", "keelson-proto", "keelson-kit"],
        &[],
    ),
    // Simulated members are made of the store's own parts, and looked into.
    (
        "jepsen/sim/Cargo.toml",
        &["keelson-proto", "keelson-store"],
        &[],
    ),
    // It knows bytes alone; what they are tried on comes to it.
    ("fuzz/Cargo.toml", &[], &[]),
    // No crate of the workspace: a program of somebody who only knows Kubernetes.
    ("tests/peer/kube-rs/Cargo.toml", &[], &[]),
];

/// Crates of others that belong to one of ours alone.
const OWNED: &[(&str, &str)] = &[
    ("rocksdb", "store/Cargo.toml"),
    ("openraft", "store/Cargo.toml"),
    ("axum", "apiserver/Cargo.toml"),
];

/// One line of a table of dependencies.
struct Dependency<'a> {
    section: &'a str,
    name: &'a str,
    line: usize,
    has_reason: bool,
}

/// The dependencies of a manifest. A reason is a comment behind or right above the line.
fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let (mut found, mut section, mut above) = (Vec::new(), "", false);
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if section.ends_with("dependencies")
            && let Some((name, rest)) = line.split_once('=')
            && !line.starts_with('#')
        {
            let name = name.trim();
            found.push(Dependency {
                section,
                name: name.split_once('.').map_or(name, |(name, _)| name),
                line: index + 1,
                has_reason: above || rest.contains('#'),
            });
        }
        above = line.starts_with('#') && !line.contains("[workspace");
    }
    found
}

/// Ours that are not on the list of this manifest, and others' that belong elsewhere.
fn check_edges(path: &str, manifest: &str) -> Vec<Violation> {
    let Some((_, shipped, tests)) = EDGES.iter().find(|(file, ..)| *file == path) else {
        return vec![Violation::new(
            path,
            0,
            "a new crate: add its row to EDGES in tests/tidy",
        )];
    };
    let mut violations = Vec::new();
    for dependency in dependencies(manifest) {
        if dependency.section == "workspace.dependencies" {
            continue;
        }
        let is_test = dependency.section == "dev-dependencies";
        let allowed =
            shipped.contains(&dependency.name) || (is_test && tests.contains(&dependency.name));
        if dependency.name.starts_with("keelson-") && !allowed {
            let what = format!(
                "must not depend on {}: see the map in ARCHITECTURE.md",
                dependency.name
            );
            violations.push(Violation::new(path, dependency.line, what));
        }
        if let Some((_, owner)) = OWNED.iter().find(|(name, _)| *name == dependency.name)
            && *owner != path
        {
            let what = format!("{} belongs to {owner} alone", dependency.name);
            violations.push(Violation::new(path, dependency.line, what));
        }
    }
    violations
}

/// Versions stand in the root's table, each with its reason. A crate used in one place may stand
/// there, with its reason.
fn check_reasons(path: &str, manifest: &str) -> Vec<Violation> {
    let lines: Vec<&str> = manifest.lines().collect();
    dependencies(manifest)
        .into_iter()
        .filter(|one| !one.name.starts_with("keelson-") && !one.has_reason)
        .filter(|one| !lines[one.line - 1].contains("workspace = true"))
        .map(|one| {
            let what = format!("{} has no reason: write a comment behind it", one.name);
            Violation::new(path, one.line, what)
        })
        .collect()
}

fn manifests() -> Vec<Source> {
    let found = files("Cargo.toml");
    assert!(
        found.len() >= EDGES.len(),
        "a crate of EDGES is gone: take its row out"
    );
    found
}

#[test]
fn crates_depend_on_what_the_map_allows() {
    let found = manifests();
    none(
        &found
            .iter()
            .flat_map(|m| check_edges(&m.path, &m.text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_dependency_has_its_reason() {
    let found = manifests();
    none(
        &found
            .iter()
            .flat_map(|m| check_reasons(&m.path, &m.text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_forbidden_edge_is_found() {
    let bad = "[dependencies]\nkeelson-store.workspace = true\nbytes = \"1\"\n";
    assert_eq!(check_edges("apiserver/Cargo.toml", bad).len(), 1);
    assert_eq!(check_edges("Cargo.toml", bad), []);
    let dev = "[dependencies]\nkeelson-kit.workspace = true\n[dev-dependencies]\nkeelson-kit.workspace = true\n";
    let lines: Vec<_> = check_edges("Cargo.toml", dev)
        .into_iter()
        .map(|v| v.line)
        .collect();
    assert_eq!(lines, [2]);
    assert_eq!(
        check_edges(
            "jepsen/Cargo.toml",
            "[dependencies]\nopenraft.workspace = true"
        )
        .len(),
        1
    );
    assert_eq!(check_edges("new/Cargo.toml", "").len(), 1);
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let bad = "[workspace.dependencies]\nkeelson-a = { path = \"a\" }\nbytes = \"1\" # why\n# why\nlibc = \"1\"\nprost = \"1\"\n";
    let lines: Vec<_> = check_reasons("Cargo.toml", bad)
        .into_iter()
        .map(|v| v.line)
        .collect();
    assert_eq!(lines, [6]);
    assert_eq!(
        check_reasons(
            "store/Cargo.toml",
            "[dependencies]\nprost.workspace = true\n"
        ),
        []
    );
    assert_eq!(
        check_reasons("store/Cargo.toml", "[dependencies]\nprost = \"1\"\n").len(),
        1
    );
}
