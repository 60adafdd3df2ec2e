//! What one front counts. Fronts share no counters: each has its own, and a scrape adds them up.

use super::text::count;
use super::{CODES, Samples, cell};
use crate::rpc::method::{METHODS, MethodId};
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tonic::Code;

/// The counters of one front.
pub struct FrontMetrics {
    /// By method.
    started: Box<[AtomicU64]>,
    /// By method and code; see [`cell`].
    handled: Box<[AtomicU64]>,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    proposals_pending: AtomicI64,
    proposals_failed: AtomicU64,
    read_indexes_failed: AtomicU64,
    health_successes: AtomicU64,
    health_failures: AtomicU64,
}

impl Default for FrontMetrics {
    fn default() -> FrontMetrics {
        let zeros = |len| (0..len).map(|_| AtomicU64::new(0)).collect();
        FrontMetrics {
            started: zeros(METHODS.len()),
            handled: zeros(METHODS.len() * CODES.len()),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            proposals_pending: AtomicI64::new(0),
            proposals_failed: AtomicU64::new(0),
            read_indexes_failed: AtomicU64::new(0),
            health_successes: AtomicU64::new(0),
            health_failures: AtomicU64::new(0),
        }
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

impl FrontMetrics {
    /// A call of this method began.
    pub fn started(&self, id: MethodId) {
        add(&self.started[id.index()], 1);
    }

    /// A call of this method ended with this code.
    pub fn handled(&self, id: MethodId, code: Code) {
        add(&self.handled[cell(id, code)], 1);
    }

    /// How many calls of this method ended with this code.
    pub fn handled_count(&self, id: MethodId, code: Code) -> u64 {
        self.handled[cell(id, code)].load(Ordering::Relaxed)
    }

    /// So many bytes came in.
    pub fn received(&self, bytes: usize) {
        add(&self.received_bytes, bytes as u64);
    }

    /// So many bytes went out.
    pub fn sent(&self, bytes: usize) {
        add(&self.sent_bytes, bytes as u64);
    }

    /// A proposal is on its way until the guard is dropped.
    pub fn pending(&self) -> Pending<'_> {
        self.proposals_pending.fetch_add(1, Ordering::Relaxed);
        Pending(&self.proposals_pending)
    }

    /// A proposal was not agreed, or nobody knows.
    pub fn proposal_failed(&self) {
        add(&self.proposals_failed, 1);
    }

    /// The leader could not be asked how far a read must look.
    pub fn read_index_failed(&self) {
        add(&self.read_indexes_failed, 1);
    }

    /// `/health` was answered.
    pub fn health_checked(&self, healthy: bool) {
        match healthy {
            true => add(&self.health_successes, 1),
            false => add(&self.health_failures, 1),
        }
    }
}

/// A proposal on its way.
pub struct Pending<'a>(&'a AtomicI64);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All fronts together.
pub(super) fn samples(fronts: &[Arc<FrontMetrics>], samples: &mut Samples<'_>) -> fmt::Result {
    calls(fronts, samples)?;
    let sum = |of: fn(&FrontMetrics) -> &AtomicU64| -> f64 {
        let values = fronts.iter().map(|front| of(front).load(Ordering::Relaxed));
        values.sum::<u64>() as f64
    };
    samples.counter(
        "etcd_network_client_grpc_received_bytes",
        "Bytes received from clients",
        sum(|front| &front.received_bytes),
    )?;
    samples.counter(
        "etcd_network_client_grpc_sent_bytes",
        "Bytes sent to clients",
        sum(|front| &front.sent_bytes),
    )?;
    let pending = fronts
        .iter()
        .map(|front| front.proposals_pending.load(Ordering::Relaxed));
    samples.gauge(
        "etcd_server_proposals_pending",
        "Clients' proposals that are on their way",
        pending.sum::<i64>() as f64,
    )?;
    samples.counter(
        "etcd_server_proposals_failed",
        "Clients' proposals that were not agreed, or nobody knows",
        sum(|front| &front.proposals_failed),
    )?;
    samples.counter(
        "etcd_server_read_indexes_failed",
        "Linearizable reads that could not be placed",
        sum(|front| &front.read_indexes_failed),
    )?;
    // etcd's names have no `_total`, so they must not be counters here, which would append it.
    samples.gauge(
        "etcd_server_health_success",
        "Times that /health was well",
        sum(|front| &front.health_successes),
    )?;
    samples.gauge(
        "etcd_server_health_failures",
        "Times that /health was not well",
        sum(|front| &front.health_failures),
    )
}

fn calls(fronts: &[Arc<FrontMetrics>], samples: &mut Samples<'_>) -> fmt::Result {
    let (name, help) = ("grpc_server_started", "Calls that began");
    samples.family(name, help, MetricType::Counter, |metric| {
        for id in MethodId::all() {
            let started =
                |front: &Arc<FrontMetrics>| front.started[id.index()].load(Ordering::Relaxed);
            count(metric, &labels(id), fronts.iter().map(started).sum())?;
        }
        Ok(())
    })?;
    let (name, help) = ("grpc_server_handled", "Calls that ended, by their outcome");
    samples.family(name, help, MetricType::Counter, |metric| {
        for id in MethodId::all() {
            for (code, code_name) in CODES.iter().enumerate() {
                let code = Code::from_i32(code as i32);
                let handled = fronts
                    .iter()
                    .map(|front| front.handled_count(id, code))
                    .sum();
                // Outcomes that never happened would be most of the scrape.
                if handled > 0 || code == Code::Ok {
                    let [kind, method, service] = labels(id);
                    let labels = [("grpc_code", *code_name), kind, method, service];
                    count(metric, &labels, handled)?;
                }
            }
        }
        Ok(())
    })
}

fn labels(id: MethodId) -> [(&'static str, &'static str); 3] {
    let method = id.method();
    [
        ("grpc_type", method.shape.label()),
        ("grpc_method", method.name),
        ("grpc_service", method.service.name()),
    ]
}
