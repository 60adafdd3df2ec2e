//! Certificates and their files.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const NOW: i64 = 1_780_000_000;
const DAY: i64 = 86_400;

fn authority() -> Authority {
    Authority::generate(NOW).unwrap()
}

#[test]
fn an_authority_is_read_again_as_it_was() {
    let made = authority();
    let read = Authority::read(made.own().clone()).unwrap();
    assert_eq!(read.certificate(), made.certificate());
    assert_eq!(read.validity(), made.validity());
    let issued = Client::admin().issue(&read, NOW).unwrap();
    assert!(Validity::of_pem(&issued.certificate).unwrap().holds(NOW));
}

#[test]
fn a_key_that_belongs_to_another_certificate_is_refused() {
    let (one, other) = (authority(), authority());
    let mixed = Certificate {
        key: other.own().key.clone(),
        ..one.own().clone()
    };
    assert!(Authority::read(mixed).is_err());
}

#[test]
fn what_is_issued_never_outlives_its_authority() {
    let authority = authority();
    let end = authority.validity().until;
    let late = Client::admin().issue(&authority, end - 10 * DAY).unwrap();
    assert_eq!(Validity::of_pem(&late.certificate).unwrap().until, end);
    let early = Client::admin().issue(&authority, NOW).unwrap();
    let validity = Validity::of_pem(&early.certificate).unwrap();
    assert_eq!(validity.until, NOW + 365 * DAY);
}

#[test]
fn a_certificate_is_due_when_two_thirds_of_its_time_are_over() {
    let issued = Client::admin().issue(&authority(), NOW).unwrap();
    let validity = Validity::of_pem(&issued.certificate).unwrap();
    assert!(!validity.is_due(NOW));
    assert!(!validity.is_due(NOW + 240 * DAY));
    assert!(validity.is_due(NOW + 244 * DAY));
    assert!(validity.is_due(NOW - DAY), "not yet valid");
    assert!(!validity.holds(NOW + 366 * DAY));
}

#[test]
fn files_are_private_and_leave_nothing_beside_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.key");
    write_private(&path, "one").unwrap();
    write_private(&path, "two").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    assert!(write_private(Path::new("/nowhere/at/all"), "x").is_err());
}

#[test]
fn an_authority_in_a_directory_is_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("pki");
    let made = ensure_authority(&place, NOW).unwrap();
    let found = ensure_authority(&place, NOW + DAY).unwrap();
    assert_eq!(made.certificate(), found.certificate());
    std::fs::remove_file(place.join("ca.key")).unwrap();
    assert!(
        ensure_authority(&place, NOW).is_err(),
        "half of one is not replaced"
    );
}

#[test]
fn a_certificate_is_kept_until_it_is_due() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority();
    let ensure = |now| {
        let issue = || Client::admin().issue(&authority, now);
        ensure_certificate(directory.path(), "admin", now, |_| true, issue).unwrap()
    };
    let first = ensure(NOW);
    assert_eq!(ensure(NOW + DAY), first);
    assert_ne!(ensure(NOW + 300 * DAY), first);
    let renewed = read_certificate(directory.path(), "admin")
        .unwrap()
        .unwrap();
    assert_ne!(renewed, first);
}

fn kubeconfig(servers: &[&str]) -> Kubeconfig {
    let authority = authority();
    Kubeconfig {
        name: "keelson".to_owned(),
        servers: servers.iter().map(|one| (*one).to_owned()).collect(),
        authority: authority.certificate().to_owned(),
        user: "admin".to_owned(),
        client: Client::admin().issue(&authority, NOW).unwrap(),
    }
}

fn read(yaml: &str) -> serde_json::Value {
    serde_yaml_ng::from_str(yaml).unwrap()
}

#[test]
fn a_kubeconfig_has_a_context_for_each_server_and_uses_the_first() {
    let config = read(&kubeconfig(&["https://a:1", "https://b:2"]).to_yaml());
    assert_eq!(config["current-context"], "keelson");
    assert_eq!(config["clusters"][0]["cluster"]["server"], "https://a:1");
    assert_eq!(config["clusters"][1]["name"], "keelson-2");
    assert_eq!(config["contexts"][1]["context"]["cluster"], "keelson-2");
    assert_eq!(config["contexts"][1]["context"]["user"], "keelson-admin");
    let data = config["users"][0]["user"]["client-key-data"]
        .as_str()
        .unwrap();
    let key = crate::canonical::decode_base64(data).unwrap();
    assert!(key.starts_with(b"-----BEGIN PRIVATE KEY-----"));
}

#[test]
fn merging_replaces_its_own_entries_and_leaves_those_of_others() {
    let existing = "\
apiVersion: v1
kind: Config
current-context: work
clusters:
- {name: work, cluster: {server: 'https://work', tls-server-name: x}}
- {name: keelson, cluster: {server: 'https://old'}}
contexts: null
users: []
extensions: [{name: mine}]
";
    let merged = read(&kubeconfig(&["https://new"]).merge_into(existing).unwrap());
    assert_eq!(merged["current-context"], "keelson");
    assert_eq!(merged["clusters"].as_array().unwrap().len(), 2);
    assert_eq!(merged["clusters"][0]["cluster"]["tls-server-name"], "x");
    assert_eq!(merged["clusters"][1]["cluster"]["server"], "https://new");
    assert_eq!(merged["contexts"].as_array().unwrap().len(), 1);
    assert_eq!(merged["extensions"][0]["name"], "mine");
    let fresh = kubeconfig(&["https://new"]);
    assert_eq!(fresh.merge_into(" \n").unwrap(), fresh.to_yaml());
    assert!(fresh.merge_into("- a list").is_err());
    assert!(fresh.merge_into("clusters: 5").is_err());
}
