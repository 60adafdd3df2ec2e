//! What a member's log says.

use super::*;

#[test]
fn what_a_fault_explains_in_a_log_is_no_alarm_and_the_rest_is() {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("m1.log");
    let member = Member {
        name: name(0),
        client_url: String::new(),
        kubernetes_url: String::new(),
        arguments: Vec::new(),
        log: log.clone(),
        process: None,
        is_paused: false,
        excused: Vec::new(),
    };
    let mut cluster = Cluster {
        failpoints: Vec::new(),
        members: vec![member],
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
