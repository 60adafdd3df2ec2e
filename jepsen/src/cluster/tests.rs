//! What a member's log says.

use super::*;

#[test]
fn what_a_fault_explains_in_a_log_is_no_alarm_and_the_rest_is() {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("m1.log");
    let member = Member {
        name: name(0),
        client_url: String::new(),
        peer_url: String::new(),
        kubernetes_url: String::new(),
        arguments: Vec::new(),
        log: log.clone(),
        process: None,
        is_paused: false,
        excused: Vec::new(),
    };
    let mut cluster = Cluster {
        failpoints: Vec::new(),
        binary: Binary::etcd("etcd"),
        members: vec![member],
        present: [0].into(),
        disks: Vec::new(),
        net: None,
        directory: scratch.path().to_owned(),
    };
    let mut text = "started\npanicked at one\n".to_owned();
    std::fs::write(&log, &text).unwrap();
    let from = cluster.log_length(0);
    text += "invariant broken: the disk\n";
    std::fs::write(&log, &text).unwrap();
    assert_eq!(cluster.scan_log(0).1.len(), 2);
    cluster.excuse(0, from);
    text += "started again\npanicked at two\n";
    std::fs::write(&log, &text).unwrap();
    let (lines, alarms) = cluster.scan_log(0);
    assert_eq!(lines, 5);
    assert_eq!(alarms, ["panicked at one", "panicked at two"]);
}

#[test]
fn who_arrives_joins_the_cluster_as_it_is_then() {
    let scratch = tempfile::tempdir().unwrap();
    let spec = Spec {
        binary: Binary::etcd("/bin/true"),
        size: 1,
        spares: 1,
        kubernetes: false,
        enclosure: Enclosure::None,
        disk_megabytes: 0,
        fake_time: None,
        lies: None,
    };
    let mut cluster = Cluster::prepare(&spec, scratch.path(), scratch.path()).unwrap();
    let founder = format!("--initial-cluster=m1={}", cluster.peer_url(0));
    assert!(cluster.members[1].arguments.contains(&founder));
    assert_eq!((cluster.present(), cluster.vacant()), (vec![0], vec![1]));
    cluster.arrives(1, "m1=a,m2=b");
    assert_eq!((cluster.present(), cluster.vacant()), (vec![0, 1], vec![]));
    for word in [
        "--initial-cluster=m1=a,m2=b",
        "--initial-cluster-state=existing",
    ] {
        assert!(
            cluster.members[1].arguments.contains(&word.to_owned()),
            "{word}"
        );
    }
    cluster.departs(0);
    assert_eq!((cluster.present(), cluster.vacant()), (vec![1], vec![0]));
    std::fs::create_dir_all(cluster.data(0)).unwrap();
    cluster.wipe(0).unwrap();
    assert!(!cluster.data(0).exists());
}
