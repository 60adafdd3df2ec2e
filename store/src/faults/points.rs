//! The failpoints, by name.

/// A place at a durability seam, where a test can stop, delay or kill a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// As in the program and in `KEELSON_FAILPOINTS`.
    pub name: &'static str,
    /// How things stand when a thread comes there.
    pub what: &'static str,
    /// Whether the seam can report an error of the system.
    pub fails: bool,
}

macro_rules! points {
    (@fails) => { false };
    (@fails fails) => { true };
    ($($name:literal $($fails:ident)? => $what:literal;)*) => {
        /// All of them.
        pub const POINTS: &[Point] = &[$(Point {
            name: $name,
            what: $what,
            fails: points!(@fails $($fails)?),
        }),*];
    };
}

points! {
    // The log.
    "wal-before-write" fails => "A batch is encoded and nothing of it is in the file.";
    "wal-after-write" fails => "A batch is in the file and not synced: whole after a kill, in any part after a power cut.";
    "wal-before-sync" fails => "As above, and the log is about to be synced.";
    "wal-after-sync" => "A batch is durable and nobody knows.";
    "wal-marked" => "The log was idle and has marked its end, without a sync.";
    "append-before-ack" => "Entries are durable and consensus is not told.";
    "wal-after-ack" => "Consensus has been told that a batch is durable.";
    "vote-before-write" => "A vote is about to be encoded.";
    "vote-before-ack" => "A vote is durable and nobody knows.";
    "truncate-before-write" => "Entries that a new leader does not have are about to be cut off.";
    "truncate-after-write" => "That they are cut off is in the file.";
    "purge-before-write" => "A purge is about to be encoded.";
    "purge-after-write" => "A purge is durable and its segments are there.";
    "segment-retired" => "A segment that a purge freed is about to be given back.";
    "roll-before" => "The newest segment is full and durable, the next one not begun.";
    "roll-after" => "The next segment is the newest and nothing is in it.";
    "segment-created" fails => "A segment has a temporary name and no content.";
    "segment-filled" fails => "A segment is filled and has its temporary name.";
    "segment-renamed" fails => "A segment has its name, which is not durable.";
    "segment-named" => "A segment is ready and nobody knows.";
    "segment-reused" fails => "A purged segment has the name of the next one, not durably.";
    "segment-removed" => "A purged segment is gone.";
    "recovery-rewritten" => "What no mark covers is written once more and not synced.";
    "recovery-before-names" => "The log is read and the names of its files are not known to be durable.";
    "log-before-founding" => "A fresh log has no segment.";
    // From a request to the log, and between members.
    "forward-before-send" => "A request is about to go to the leader.";
    "read-waits" => "What a read must see is not applied here.";
    "propose-before-write" => "The leader is about to put requests into its log.";
    "propose-committed" => "Requests are committed and whoever took them is not told.";
    "append-before-answer" => "A follower has entries on disk and is about to say so.";
    "vote-before-answer" => "A vote is durable and is about to be given.";
    // The state.
    "apply-before-write" => "Entries are carried out in memory and nothing of them is in the state on disk.";
    "apply-after-write" => "A run is in the state and readers do not see it.";
    "apply-before-events" => "A run is applied and watchers are not told.";
    "apply-before-replies" => "Watchers are told and whoever waits for an answer is not.";
    "start-replayed" => "A start has applied what the log holds beyond the state.";
    "flush-before" => "The state is about to be made durable.";
    "flush-after" => "The state is durable and nobody knows.";
    "flush-known" => "The state is durable and the log is about to be shortened behind it.";
    "purge-before-trigger" => "Consensus is about to be asked for a purge.";
    "purge-triggered" => "Consensus has been asked for a purge.";
    "dump-before-rename" => "A dump of the index is whole under its temporary name.";
    "dump-renamed" => "A dump of the index has its name and the state does not know it.";
    "dump-known" => "The state knows a new dump of the index and the old one is there.";
    "stop-before-dump" => "A member stops in order and has not made its state durable.";
    "defragment-before-write" => "A smaller size is counted and not on disk.";
    "defragment-after-write" => "A smaller size is in the state.";
    // Compaction.
    "compact-decided" => "A compaction is carried out in memory and not written.";
    "sweep-begin" => "A compaction is durable and nothing is swept.";
    "sweep-batch" => "A part of the index is trimmed.";
    "sweep-trimmed" => "The index is trimmed and the disk is not.";
    "reclaim-before" => "It is known what is dead in a part of the history.";
    "reclaim-piece" => "A piece of the history is about to be rewritten without what is dead.";
    "reclaim-after" => "A part of the history is rewritten and not counted anew.";
    "sweep-finished" => "Everything is swept.";
    // Snapshots.
    "checkpoint-before" fails => "The state is about to be copied for another member.";
    "checkpoint-after" fails => "A copy of the state is there and nobody has it.";
    "send-header" fails => "A snapshot is about to be sent.";
    "send-file" fails => "A file of a snapshot is about to be sent.";
    "send-end" fails => "All files of a snapshot are sent, its end is not.";
    "send-answered" => "A snapshot is installed there and consensus is not told.";
    "receive-prepared" => "A member has said what it has of a snapshot.";
    "receive-file" => "A file of a snapshot begins to arrive.";
    "receive-before-rename" => "A snapshot is whole and where it was collected.";
    "receive-renamed" => "A snapshot is whole and waits to be installed.";
    "install-before-sync" fails => "A snapshot is about to be made durable.";
    "install-before-rename" fails => "A snapshot is durable and is no generation of the state.";
    "install-renamed" fails => "A snapshot is the next generation, and its name is not durable.";
    "install-loaded" => "The next generation is open and not the current one.";
    "current-before-rename" fails => "CURRENT is durable under its temporary name.";
    "current-renamed" fails => "CURRENT names the next generation, not durably.";
    "install-current" => "The next generation is current and the old one serves.";
    "install-serving" => "The next generation serves and the old one is there.";
    "retire-before-remove" => "The old generation is about to be removed.";
    "archive-copied" => "The state is copied for a client who saves it.";
    "archive-written" => "The file for a client who saves the state is whole.";
    // Leases.
    "lease-granted" => "A lease is granted in memory and not written.";
    "lease-revoked" => "A lease is revoked in memory, with its keys, and not written.";
    "notes-applied" => "What leases have left is noted in memory and not written.";
    "notes-before-propose" => "The leader is about to note what leases have left.";
    "expiry-before-propose" => "The leader has seen a lease end and is about to end it.";
    "expiry-proposed" => "That a lease ends is agreed upon.";
    "renew-before-answer" => "A lease is renewed and whoever asked is not told.";
    "clocks-begun" => "A new leader has begun to count the time of leases.";
    // Members.
    "member-before-add" => "A new member is about to be proposed.";
    "member-added" => "A new member is agreed upon and whoever asked is not told.";
    "member-before-promote" => "A vote for a member is about to be proposed.";
    "member-promoted" => "A member has a vote and whoever asked is not told.";
    "member-before-remove" => "A removal is about to be proposed.";
    "member-removed" => "A removal is agreed upon and whoever asked is not told.";
    "membership-before-write" => "A membership is applied in memory and not written.";
    "bootstrap-before" => "A member of a new group has a log, a state and an owner, and no membership.";
    "bootstrap-after" => "A member of a new group has its first membership.";
    "owner-before-write" => "A new member has a log and a state, and its directory no owner.";
    "owner-written" => "A new member's directory has its owner.";
    "met-before-write" fails => "Another member was heard for the first time and that is not noted.";
    "met-written" fails => "That another member was heard is noted.";
    "file-written" fails => "A small file (member.json, met.json) is not synced, under its temporary name.";
    "file-before-rename" fails => "A small file is durable under its temporary name.";
    "file-renamed" fails => "A small file has its name, which is not durable.";
    "start-log-opened" => "A start has opened the log, perhaps before the state.";
    "start-state-opened" => "A start has opened the state and replayed nothing.";
    // Watches.
    "watch-before-deliver" => "Events are published and a front has given none of them to its watchers.";
    "watch-delivered" => "Events are in the queues of streams.";
    "watch-before-send" => "A response is about to leave a queue for its stream.";
    "catchup-before-read" => "A slice of history is about to be read for watchers that are behind.";
    "catchup-before-settle" => "Watchers that are behind have a slice and are not counted further.";
    "watch-synced" => "A watcher that was behind has caught up and follows the present.";
    // Restoring a snapshot, offline.
    "restore-begun" => "A restore has made its directory.";
    "restore-before-adopt" => "A restore has written the state and not named it.";
    "restore-log-written" => "A restore has written the log and its directory has no owner.";
    "restore-before-rename" => "A restore is durable and does not have its name.";
    "restore-renamed" => "A restore has its name, not durably.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    /// Names of failpoints in the source below `directory`, each with how often, and whether it can fail.
    fn uses(directory: &Path, found: &mut BTreeMap<String, (usize, bool)>) {
        for entry in fs::read_dir(directory).expect("a readable directory") {
            let path = entry.expect("a readable directory").path();
            if path.is_dir() {
                uses(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).expect("source is UTF-8");
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let Some((_, rest)) = line.split_once(concat!("failpoint", "!(\"")) else {
                    continue;
                };
                let (name, rest) = rest.split_once('"').expect("a name on one line");
                let (count, fails) = found.entry(name.to_owned()).or_default();
                *count += 1;
                *fails = rest.starts_with(", fails)");
            }
        }
    }

    #[test]
    fn each_point_is_in_the_source_once_and_the_source_has_no_other() {
        let mut found = BTreeMap::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        uses(&source, &mut found);
        for point in POINTS {
            let used = found.remove(point.name);
            assert_eq!(used, Some((1, point.fails)), "{}", point.name);
        }
        assert!(found.is_empty(), "not in the list: {found:?}");
        assert!(POINTS.len() >= 40, "the plan asks for forty");
    }
}
