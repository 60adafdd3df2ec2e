use super::*;
use crate::raft::handle::{Identity, Progress};

fn member() -> Member {
    Member {
        identity: Identity {
            cluster_id: 1,
            member_id: 0xab,
            name: "one".to_owned(),
        },
        progress: Progress {
            leader: Some(0xab),
            committed_index: 12,
            applied_index: 11,
            ..Progress::default()
        },
        size_bytes: 1000,
        in_use_bytes: 900,
        quota_bytes: Some(1 << 31),
        keys: 3,
        revision: 7,
        compacted: -1,
        alarms: Vec::new(),
    }
}

fn scrape() -> String {
    let metrics = Metrics::new();
    let member = member();
    metrics.pull(move |samples| member.samples(samples));
    let front = metrics.front();
    let put = MethodId::find("/etcdserverpb.KV/Put").expect("a method");
    front.started(put);
    front.handled(put, Code::ResourceExhausted);
    front.received(10);
    metrics.front().started(put);
    metrics.peer(0xcd).round_trip_seconds.observe(0.003);
    metrics.leader_changes.inc();
    metrics.text()
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|other| other == line)
}

#[test]
fn a_scrape_has_every_name_that_dashboards_and_alerts_use() {
    let text = scrape();
    for name in [
        "etcd_server_has_leader",
        "etcd_server_leader_changes_seen_total",
        "etcd_server_proposals_failed_total",
        "etcd_server_proposals_pending",
        "etcd_server_proposals_committed_total",
        "etcd_server_proposals_applied_total",
        "etcd_server_quota_backend_bytes",
        "etcd_mvcc_db_total_size_in_bytes",
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "etcd_disk_wal_fsync_duration_seconds_bucket",
        "etcd_disk_backend_commit_duration_seconds_bucket",
        "etcd_network_peer_round_trip_time_seconds_bucket",
        "etcd_network_peer_sent_failures_total",
        "etcd_network_peer_sent_bytes_total",
        "etcd_network_peer_received_bytes_total",
        "etcd_network_client_grpc_sent_bytes_total",
        "etcd_network_client_grpc_received_bytes_total",
        "grpc_server_started_total",
        "grpc_server_handled_total",
        "process_resident_memory_bytes",
    ] {
        let is_sample = |line: &str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        assert!(text.lines().any(is_sample), "{name} is missing in\n{text}");
    }
}

#[test]
fn counters_of_all_fronts_are_added_up_under_etcds_labels() {
    let text = scrape();
    let labels = r#"grpc_type="unary",grpc_method="Put",grpc_service="etcdserverpb.KV""#;
    let started = format!("grpc_server_started_total{{{labels}}} 2");
    assert!(has(&text, &started), "{text}");
    let handled =
        format!(r#"grpc_server_handled_total{{grpc_code="ResourceExhausted",{labels}}} 1"#);
    assert!(has(&text, &handled), "{text}");
}

#[test]
fn the_format_is_the_classic_one() {
    let text = scrape();
    assert!(has(
        &text,
        "# TYPE etcd_server_leader_changes_seen_total counter"
    ));
    assert!(has(
        &text,
        "# TYPE etcd_server_proposals_committed_total gauge"
    ));
    assert!(has(&text, "etcd_server_leader_changes_seen_total 1"));
    assert!(!text.contains("# EOF"));
    let described = text.lines().filter(|line| line.starts_with("# TYPE"));
    let mut names: Vec<_> = described.collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a name is given twice");
}

#[test]
fn histograms_have_etcds_buckets() {
    let text = scrape();
    let last = r#"etcd_disk_wal_fsync_duration_seconds_bucket{le="8.192"} 0"#;
    assert!(has(&text, last), "{text}");
    let peer = r#"etcd_network_peer_round_trip_time_seconds_bucket{le="0.0032",To="cd"} 1"#;
    assert!(has(&text, peer), "{text}");
}

#[test]
fn a_proposal_counts_as_pending_only_while_it_is_on_its_way() {
    let metrics = Metrics::new();
    let front = metrics.front();
    let pending = front.pending();
    assert!(has(&metrics.text(), "etcd_server_proposals_pending 1"));
    drop(pending);
    assert!(has(&metrics.text(), "etcd_server_proposals_pending 0"));
}
