//! What the member's state says, asked at each scrape.

use super::{Metrics, Sample, Samples};
use crate::limits::Limits;
use crate::raft::Handle;
use crate::raft::handle::{Identity, Progress};
use crate::rpc::version;
use crate::{Revision, watch};
use keelson_proto::etcdserverpb::AlarmMember;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One look at a member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who it is.
    pub identity: Identity,
    /// How it sees the group.
    pub progress: Progress,
    /// Bytes the store occupies, for the quota.
    pub size_bytes: u64,
    /// Bytes that a defragmentation would leave.
    pub in_use_bytes: u64,
    /// The quota, if there is one.
    pub quota_bytes: Option<u64>,
    /// Live keys.
    pub keys: u64,
    /// Newest revision.
    pub revision: Revision,
    /// Compacted revision.
    pub compacted: Revision,
    /// Raised alarms.
    pub alarms: Vec<AlarmMember>,
}

impl Metrics {
    /// Has the member looked at whenever somebody scrapes.
    pub fn watch_member(&self, handle: Handle, limits: &Limits) {
        let quota_bytes = limits.quota_bytes();
        self.pull(move |samples| {
            let store = handle.store();
            let size = store.size();
            let member = Member {
                identity: handle.identity().clone(),
                progress: handle.progress(),
                size_bytes: size.total,
                in_use_bytes: size.in_use,
                quota_bytes,
                keys: store.key_count(),
                revision: store.revision(),
                compacted: store.compacted(),
                alarms: handle.state().alarms(),
            };
            member.samples(samples)
        });
    }

    /// Has the counters of the watches looked at whenever somebody scrapes.
    pub fn watch_feed(&self, counters: Arc<watch::Counters>) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        self.pull(move |samples| {
            for (name, help, counter) in [
                (
                    "etcd_debugging_mvcc_watch_stream_total",
                    "Open watch streams",
                    &counters.streams,
                ),
                (
                    "etcd_debugging_mvcc_watcher_total",
                    "Watches",
                    &counters.watchers,
                ),
                (
                    "etcd_debugging_mvcc_slow_watcher_total",
                    "Watches that are not fed live",
                    &counters.slow_watchers,
                ),
                (
                    "etcd_debugging_mvcc_pending_events_total",
                    "Events that wait to be sent",
                    &counters.pending_events,
                ),
            ] {
                samples.gauge(name, help, read(counter))?;
            }
            let help = "Events handed to watch streams";
            let events = read(&counters.events_total);
            samples.counter("etcd_debugging_mvcc_events", help, events)
        });
    }
}

impl Member {
    /// Puts the look into metrics.
    pub fn samples(&self, samples: &mut Samples<'_>) -> fmt::Result {
        self.group(samples)?;
        self.storage(samples)?;
        self.versions(samples)
    }

    fn group(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let progress = &self.progress;
        let is_leader = progress.leader == Some(self.identity.member_id);
        let truth = |value| f64::from(u8::from(value));
        for (name, help, value) in [
            (
                "etcd_server_has_leader",
                "A leader is known",
                truth(progress.leader.is_some()),
            ),
            (
                "etcd_server_is_leader",
                "This member leads",
                truth(is_leader),
            ),
            (
                "etcd_server_is_learner",
                "This member does not vote",
                truth(progress.is_learner),
            ),
            // Gauges in etcd too, whatever their names say.
            (
                "etcd_server_proposals_committed_total",
                "Last log index known to be committed",
                progress.committed_index as f64,
            ),
            (
                "etcd_server_proposals_applied_total",
                "Last log index applied to this member's state",
                progress.applied_index as f64,
            ),
        ] {
            samples.gauge(name, help, value)?;
        }
        let id = format!("{:x}", self.identity.member_id);
        let labels = [("server_id", id.as_str())];
        samples.gauges("etcd_server_id", "This member's id", [one(&labels)])?;
        self.raised(samples)
    }

    fn raised(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let texts: Vec<_> = self
            .alarms
            .iter()
            .map(|alarm| {
                (
                    format!("{:x}", alarm.member_id),
                    alarm.alarm().as_str_name(),
                )
            })
            .collect();
        let labels: Vec<_> = texts
            .iter()
            .map(|(member, kind)| [("server_id", member.as_str()), ("alarm_type", *kind)])
            .collect();
        let raised = labels.iter().map(|labels| one(labels));
        samples.gauges("etcd_debugging_server_alarms", "Raised alarms", raised)
    }

    fn storage(&self, samples: &mut Samples<'_>) -> fmt::Result {
        for (name, help, value) in [
            (
                "etcd_server_quota_backend_bytes",
                "Size of the store at which writes stop",
                self.quota_bytes.map_or(0.0, |bytes| bytes as f64),
            ),
            (
                "etcd_mvcc_db_total_size_in_bytes",
                "Size of the store",
                self.size_bytes as f64,
            ),
            (
                "etcd_mvcc_db_total_size_in_use_in_bytes",
                "Size of the store without what a defragmentation gives back",
                self.in_use_bytes as f64,
            ),
            (
                "etcd_debugging_mvcc_keys_total",
                "Live keys",
                self.keys as f64,
            ),
            (
                "etcd_debugging_mvcc_current_revision",
                "Newest revision",
                self.revision as f64,
            ),
            (
                "etcd_debugging_mvcc_compact_revision",
                "Revision up to which history was given up",
                self.compacted as f64,
            ),
        ] {
            samples.gauge(name, help, value)?;
        }
        Ok(())
    }

    fn versions(&self, samples: &mut Samples<'_>) -> fmt::Result {
        let server = [("server_version", version::SERVER)];
        samples.gauges("etcd_server_version", "Version of the API", [one(&server)])?;
        let cluster = [("cluster_version", version::CLUSTER)];
        let help = "Version that every member speaks";
        samples.gauges("etcd_cluster_version", help, [one(&cluster)])
    }
}

/// A sample that says something by its labels alone.
fn one<'a>(labels: &'a [(&'a str, &'a str)]) -> Sample<'a> {
    Sample { labels, value: 1.0 }
}
