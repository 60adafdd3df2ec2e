//! What is counted about the connections to other members.

use super::Samples;
use super::text::count;
use crate::MemberId;
use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One peer. The numbers are totals.
pub struct PeerMetrics {
    /// Seconds from a message to its answer.
    pub round_trip_seconds: Histogram,
    /// Bytes sent to the peer.
    pub sent_bytes: AtomicU64,
    /// Bytes received from the peer.
    pub received_bytes: AtomicU64,
    /// Messages that could not be sent.
    pub sent_failures: AtomicU64,
}

impl Default for PeerMetrics {
    fn default() -> PeerMetrics {
        PeerMetrics {
            // etcd's buckets: 0.1 ms to 3.2768 s.
            round_trip_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            sent_bytes: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            sent_failures: AtomicU64::new(0),
        }
    }
}

type Peers = BTreeMap<MemberId, Arc<PeerMetrics>>;

/// All peers. A member without any shows the names and no values, as etcd does.
pub(super) fn samples(peers: &Peers, samples: &mut Samples<'_>) -> fmt::Result {
    samples.family(
        "etcd_network_peer_round_trip_time_seconds",
        "Time from a message to a peer to its answer",
        MetricType::Histogram,
        |metric| {
            for (id, peer) in peers {
                let id = format!("{id:x}");
                let labels = [("To", id.as_str())];
                peer.round_trip_seconds
                    .encode(metric.encode_family(&labels)?)?;
            }
            Ok(())
        },
    )?;
    let mut totals = |name, help, label, of: fn(&PeerMetrics) -> &AtomicU64| {
        samples.family(name, help, MetricType::Counter, |metric| {
            for (id, peer) in peers {
                let id = format!("{id:x}");
                let value = of(peer).load(Ordering::Relaxed);
                count(metric, &[(label, id.as_str())], value)?;
            }
            Ok(())
        })
    };
    totals(
        "etcd_network_peer_sent_bytes",
        "Bytes sent to a peer",
        "To",
        |peer| &peer.sent_bytes,
    )?;
    totals(
        "etcd_network_peer_received_bytes",
        "Bytes received from a peer",
        "From",
        |peer| &peer.received_bytes,
    )?;
    totals(
        "etcd_network_peer_sent_failures",
        "Messages that could not be sent to a peer",
        "To",
        |peer| &peer.sent_failures,
    )
}
