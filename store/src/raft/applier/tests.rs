use super::*;

#[test]
fn what_was_read_from_disk_or_came_with_a_snapshot_is_committed() {
    let progress = Progress::new(Position::default());
    let applied = Some(wal::LogId {
        term: 1,
        node_id: 1,
        index: 7,
    });
    progress.publish(Position {
        applied,
        membership: None,
    });
    assert_eq!(progress.applied_index().load(Ordering::SeqCst), 7);
    assert_eq!(progress.committed_index(), 7);
}
