//! The table, the merge and the checks, from the outside.

mod fuzz;

use super::load::{Origin, Outcome, Personality, Settings, load};
use super::member::{AutoCompaction, Member};
use super::table::{OPTIONS, Standing};
use super::value;
use std::time::Duration;

fn load_with(flags: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
    let arguments: Vec<String> = flags.split_whitespace().map(str::to_owned).collect();
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    match load(Personality::Etcd, &arguments, &variables) {
        Ok(Outcome::Settings(settings)) => Ok(settings),
        Ok(other) => Err(format!("{other:?}")),
        Err(problems) => Err(problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")),
    }
}

fn member(flags: &str) -> Result<Member, String> {
    let settings = load_with(&format!("--data-dir /nonexistent {flags}"), &[])?;
    Member::from_settings(&settings).map_err(|problems| {
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    })
}

#[test]
fn names_are_unique_and_defaults_parse() {
    for (position, option) in OPTIONS.iter().enumerate() {
        assert!(
            value::parse(option.kind, option.default).is_ok(),
            "{}",
            option.name
        );
        assert!(
            !OPTIONS[..position]
                .iter()
                .any(|other| other.name == option.name),
            "{}",
            option.name
        );
        assert!(option.help.ends_with('.'), "{}", option.name);
    }
}

#[test]
fn a_member_with_nothing_set_is_valid() {
    let member = member("").unwrap();
    assert_eq!(member.name, "default");
    assert_eq!(member.initial_cluster.len(), 1);
    assert_eq!(
        member.advertise_client_urls[0].to_string(),
        "http://localhost:2379"
    );
    assert_eq!(member.election_timeout, Duration::from_millis(1000));
    assert_eq!(member.quota_backend_bytes, Some(2 << 30));
}

#[test]
fn flags_go_over_environment_over_file_over_default() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yaml");
    std::fs::write(
        &path,
        "name: file\nmax-txn-ops: 7\ninitial-cluster-token: t\n",
    )
    .unwrap();
    let flags = format!("--config-file {} --name flag", path.display());
    let variables = [("ETCD_NAME", "variable"), ("ETCD_MAX_TXN_OPS", "8")];
    let settings = load_with(&flags, &variables).unwrap();
    assert_eq!(settings.text("name"), "flag");
    assert_eq!(settings.get("name").origin, Origin::Flag);
    assert_eq!(settings.count("max-txn-ops"), 8);
    assert_eq!(settings.text("initial-cluster-token"), "t");
    assert_eq!(settings.get("data-dir").origin, Origin::Default);
}

#[test]
fn every_spelling_of_a_flag_is_understood() {
    let settings = load_with(
        "-name a --data-dir=/x --strict-reconfig-check=false --unsafe-no-fsync",
        &[],
    )
    .unwrap();
    assert_eq!(settings.text("name"), "a");
    assert_eq!(settings.text("data-dir"), "/x");
    assert!(!settings.flag("strict-reconfig-check"));
    assert!(settings.flag("unsafe-no-fsync"));
}

#[test]
fn all_mistakes_are_told_at_once_with_the_nearest_word() {
    let error = load_with("--nmae a --max-txn-ops many --log-level wran false", &[]).unwrap_err();
    assert!(error.contains("did you mean --name?"), "{error}");
    assert!(error.contains("\"many\" is not a whole number"), "{error}");
    assert!(error.contains("did you mean warn?"), "{error}");
    assert!(error.contains("\"false\" is not a flag"), "{error}");
    assert!(
        !error.contains("\"a\""),
        "the value of an unknown flag is no second mistake: {error}"
    );
    assert!(error.contains("--flag=false"), "{error}");
}

#[test]
fn an_unknown_key_is_an_error_and_an_unknown_variable_a_note() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yaml");
    std::fs::write(
        &path,
        "naem: a\nclient-transport-security:\n  cert-file: x\n",
    )
    .unwrap();
    let error = load_with(&format!("--config-file {}", path.display()), &[]).unwrap_err();
    assert!(error.contains("did you mean name?"), "{error}");
    assert!(error.contains("TLS is not built yet"), "{error}");
    let settings = load_with("", &[("ETCD_SERVICE_HOST", "10.0.0.1")]).unwrap();
    assert!(settings.notes[0].contains("ETCD_SERVICE_HOST"));
}

#[test]
fn durations_in_files_may_be_etcds_nanoseconds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yaml");
    std::fs::write(
        &path,
        "grpc-keepalive-min-time: 1000000000\nheartbeat-interval: 50\n",
    )
    .unwrap();
    let settings = load_with(&format!("--config-file {}", path.display()), &[]).unwrap();
    assert_eq!(
        settings.duration("grpc-keepalive-min-time"),
        Duration::from_secs(1)
    );
    assert_eq!(
        settings.duration("heartbeat-interval"),
        Duration::from_millis(50)
    );
}

#[test]
fn what_is_not_built_is_refused_unless_it_asks_for_the_default() {
    assert!(load_with("--client-cert-auth=false", &[]).is_ok());
    let error = load_with("--cert-file x", &[]).unwrap_err();
    assert!(error.contains("TLS is not built yet"), "{error}");
    let settings = load_with("--max-wals 3", &[]).unwrap();
    assert!(settings.notes[0].contains("max-wals (flag) has no effect"));
    assert!(
        OPTIONS
            .iter()
            .any(|option| matches!(option.standing, Standing::Missing(_)))
    );
}

#[test]
fn a_founder_must_be_in_the_initial_cluster_under_its_own_urls() {
    let error = member("--initial-cluster b=http://127.0.0.1:2380").unwrap_err();
    assert!(
        error.contains("couldn't find local name \"default\""),
        "{error}"
    );
    let error = member("--initial-cluster default=http://127.0.0.1:1").unwrap_err();
    assert!(
        error.contains("--initial-advertise-peer-urls is http://localhost:2380"),
        "{error}"
    );
    let error = member(
        "--initial-cluster default=http://localhost:2380,b=http://localhost:2380,=x,c=ftp://x:1",
    )
    .unwrap_err();
    assert!(error.contains("occurs twice"), "{error}");
    assert!(error.contains("has no name"), "{error}");
    assert!(error.contains("\"ftp\""), "{error}");
}

#[test]
fn an_address_nobody_can_reach_is_not_advertised() {
    let error = member("--listen-client-urls http://0.0.0.0:2379").unwrap_err();
    assert!(
        error.contains("--advertise-client-urls is required"),
        "{error}"
    );
    assert!(
        member("--listen-client-urls http://example:2379")
            .unwrap_err()
            .contains("expected IP")
    );
    assert!(
        member("--listen-client-urls https://127.0.0.1:2379")
            .unwrap_err()
            .contains("TLS")
    );
}

#[test]
fn an_election_waits_for_several_heartbeats() {
    let error = member("--heartbeat-interval 200 --election-timeout 300").unwrap_err();
    assert!(error.contains("at least as 5 times"), "{error}");
    assert!(
        member("--election-timeout 60000")
            .unwrap_err()
            .contains("too long")
    );
}

#[test]
fn retention_counts_hours_or_revisions() {
    let retention = |flags: &str| member(flags).unwrap().auto_compaction;
    assert_eq!(retention(""), AutoCompaction::Off);
    assert_eq!(
        retention("--auto-compaction-retention 2"),
        AutoCompaction::Periodic(Duration::from_secs(7200))
    );
    assert_eq!(
        retention("--auto-compaction-retention 30m"),
        AutoCompaction::Periodic(Duration::from_secs(1800))
    );
    let revisions = "--auto-compaction-mode revision --auto-compaction-retention 1000";
    assert_eq!(retention(revisions), AutoCompaction::Revisions(1000));
    assert!(member("--auto-compaction-retention soon").is_err());
}

#[test]
fn the_cache_of_records_has_a_size_or_is_off() {
    let cache = |flags: &str| member(flags).unwrap().record_cache_bytes;
    assert_eq!(cache(""), 256 << 20);
    assert_eq!(cache("--record-cache-bytes 64MiB"), 64 << 20);
    assert_eq!(cache("--record-cache-bytes 0"), 0);
}

#[test]
fn what_is_for_kubernetes_clients_needs_them_to_be_served() {
    let served = "--listen-kubernetes-url https://127.0.0.1:6443";
    let member = |flags: &str| {
        let flags = format!("--data-dir /nonexistent {flags}");
        let arguments: Vec<String> = flags.split_whitespace().map(str::to_owned).collect();
        match load(Personality::Keelson, &arguments, &[]) {
            Ok(Outcome::Settings(settings)) => Member::from_settings(&settings),
            other => panic!("{other:?}"),
        }
    };
    for option in ["kubernetes-token-auth-file", "kubernetes-audit-log-path"] {
        assert!(member(&format!("{served} --{option} there")).is_ok());
        let refused = member(&format!("--{option} there")).unwrap_err();
        let [refused] = refused.as_slice() else {
            panic!("{refused:?}");
        };
        assert!(refused.to_string().contains(option), "{refused}");
    }
    let nothing = member(served).unwrap();
    assert_eq!(nothing.kubernetes_tokens, None);
    assert_eq!(nothing.kubernetes_audit_log, None);
}

#[test]
fn sizes_and_durations_have_units() {
    assert_eq!(value::bytes("8GiB"), Ok(8 << 30));
    assert_eq!(value::bytes("-1"), Ok(-1));
    assert_eq!(value::bytes("1.5MiB"), Ok(1_572_864));
    assert!(value::bytes("8 bananas").is_err());
    assert_eq!(value::duration("1h30m"), Ok(Duration::from_secs(5400)));
    assert!(value::duration("5").is_err());
    assert!(value::duration("").is_err());
}

#[test]
fn times_beyond_all_bounds_are_refused_in_words() {
    for flags in [
        "--auto-compaction-retention 9223372036854775807",
        "--auto-compaction-retention 10000000000000000000s",
        "--heartbeat-interval 10000000000000000000s",
        "--election-timeout 18446744073709551615",
        "--watch-progress-notify-interval 300000d",
    ] {
        let error = member(flags).unwrap_err();
        assert!(error.contains("longer than 292 years"), "{flags}: {error}");
    }
}
