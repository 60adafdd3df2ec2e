//! A front of a member of its own group: for tests that need a whole member behind a service.

use super::front::{Front, Shared, hashing_places};
use super::snapshot::{OpenSnapshot, SnapshotSource};
use crate::limits::Limits;
use crate::raft::test_member::{MIN_TTL_S, TestMember};
use crate::{Error, LeaseId};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::Arc;

/// There are none.
struct NoSnapshots;

impl SnapshotSource for NoSnapshots {
    fn open(&self) -> BoxFuture<'static, Result<OpenSnapshot, Error>> {
        std::future::ready(Err(Error::Stopped)).boxed()
    }
}

/// Runs `test` in the runtime of the one front of a member.
pub(super) fn with_front<F: Future<Output = ()>>(
    test: impl FnOnce(Arc<TestMember>, Arc<Front>) -> F,
) {
    with_silent_front(&[], |member, front| async move {
        tokio::spawn(front.handle().dispatch());
        test(member, front).await;
    });
}

/// The same, with some leases and with nobody who hands out the front's answers: that is left to the
/// test.
pub(super) fn with_silent_front<F: Future<Output = ()>>(
    leases: &[LeaseId],
    test: impl FnOnce(Arc<TestMember>, Arc<Front>) -> F,
) {
    let (member, shared, runtime) = start(leases);
    runtime.block_on(async {
        let front = Front::new(&shared, 0);
        test(Arc::clone(&member), front).await;
    });
    drop((runtime, shared));
    if let Some(member) = Arc::into_inner(member) {
        member.stop();
    }
}

/// A member, what its fronts share, and the runtime of one of them.
pub(super) fn start(leases: &[LeaseId]) -> (Arc<TestMember>, Shared, tokio::runtime::Runtime) {
    let member = Arc::new(TestMember::start());
    for &lease in leases {
        member.grant(lease, MIN_TTL_S);
    }
    let shared = Shared {
        handle: member.handle().clone(),
        feed: member.node.feed().clone(),
        limits: Arc::new(Limits::default()),
        metrics: member.metrics.clone(),
        snapshots: Arc::new(NoSnapshots),
        cluster_token: "test".into(),
        raising_alarm: Arc::default(),
        hashing: hashing_places(),
    };
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    (member, shared, runtime)
}
