//! What the members are asked for meanwhile: writes, reads, leases, compactions, and bytes enough to fill segments.

use keelson_kit::check::{Check, holds};
use keelson_kit::client::Client;
use keelson_kit::cluster::Cluster;
use keelson_kit::crash::writer::{Write, Writers};
use keelson_kit::request::{lease, put, range};
use keelson_kit::wait::wait_until;
use keelson_proto::etcdserverpb::{
    LeaseKeepAliveRequest, LeaseLeasesRequest, LeaseRevokeRequest, PutRequest, RangeRequest,
};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

/// A request without an answer after this long has an unknown outcome.
const ANSWER: Duration = Duration::from_secs(3);
/// What a writer of small values rests.
const WRITER_RESTS: Duration = Duration::from_millis(20);
/// Between two values that fill segments.
const FILLER_RESTS: Duration = Duration::from_millis(40);
/// Between two reads.
const READER_RESTS: Duration = Duration::from_millis(5);
/// Bytes of each.
const FILLER_BYTES: usize = 8 << 10;
/// Bytes of one in [`LARGE_EVERY`]: more than a segment holds, so that it has a larger one, which nobody uses again.
const LARGE_BYTES: usize = 400 << 10;
/// How many there are for one large one.
const LARGE_EVERY: u64 = 32;
/// Between two leases.
const LEASE_RESTS: Duration = Duration::from_millis(80);
/// Between two compactions.
const COMPACTOR_RESTS: Duration = Duration::from_millis(300);
/// Long leases that are there at one time.
const LONG_LEASES: u64 = 12;
/// Time for the last lease to end.
const LEASES_END: Duration = Duration::from_secs(60);

/// Work that goes on until it is finished.
pub struct Load {
    writers: Writers,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Check>>,
}

impl Load {
    /// Starts it. History is compacted up to the revision that `floor` tells.
    pub fn start(client: &Client, floor: impl Fn() -> i64 + 'static + Send) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = vec![
            tokio::spawn(fill(client.clone(), stop.clone())),
            tokio::spawn(read(client.clone(), stop.clone())),
            tokio::spawn(hold(client.clone(), stop.clone())),
            tokio::spawn(compact(client.clone(), stop.clone(), floor)),
        ];
        Load {
            writers: Writers::start_paced(client, 3, WRITER_RESTS),
            stop,
            tasks,
        }
    }

    /// Acknowledged writes so far.
    pub fn acknowledged(&self) -> u64 {
        self.writers.acknowledged()
    }

    /// Ends the work, and all leases; returns what was written.
    ///
    /// # Errors
    /// When a lease was not what had been acknowledged, or one does not end.
    pub async fn finish(self, cluster: &Cluster) -> Check<Vec<Write>> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await??;
        }
        let writes = self.writers.finish().await?;
        let client = cluster.client()?;
        for found in client.leases(LeaseLeasesRequest {}).await?.leases {
            // One that ends by itself may be gone by now.
            let _ = client.revoke(LeaseRevokeRequest { id: found.id }).await;
        }
        wait_until("keys are gone with their leases", LEASES_END, || async {
            let left = client.range(range("lease/", "lease0")).await;
            left.is_ok_and(|left| left.kvs.is_empty())
        })
        .await?;
        Ok(writes)
    }
}

async fn answered<T>(call: impl Future<Output = Result<T, Status>>) -> Option<T> {
    timeout(ANSWER, call).await.ok()?.ok()
}

async fn fill(client: Client, stop: Arc<AtomicBool>) -> Check {
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let bytes = match number % LARGE_EVERY {
            0 => LARGE_BYTES,
            _ => FILLER_BYTES,
        };
        let value = format!("{number:016}").repeat(bytes / 16);
        let _ = answered(client.put(put(format!("filler/{}", number % 4), value))).await;
        sleep(FILLER_RESTS).await;
    }
    Ok(())
}

/// At every member: what others have just written is not applied there yet.
async fn read(client: Client, stop: Arc<AtomicBool>) -> Check {
    while !stop.load(Ordering::Relaxed) {
        let count = RangeRequest {
            count_only: true,
            ..range("filler/", "filler0")
        };
        let _ = answered(client.range(count)).await;
        sleep(READER_RESTS).await;
    }
    Ok(())
}

async fn compact(client: Client, stop: Arc<AtomicBool>, floor: impl Fn() -> i64) -> Check {
    while !stop.load(Ordering::Relaxed) {
        let floor = floor();
        if floor > 1 {
            let _ = answered(client.compact(floor)).await;
        }
        sleep(COMPACTOR_RESTS).await;
    }
    Ok(())
}

/// Leases of three kinds: short ones that end by themselves, long ones that are renewed and revoked much later,
/// and long ones that are revoked at once.
async fn hold(client: Client, stop: Arc<AtomicBool>) -> Check {
    for number in 1_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let id = number as i64;
        let seconds = if number.is_multiple_of(3) { 1 } else { 600 };
        let granted = answered(client.grant(lease(id, seconds))).await.is_some();
        let key = PutRequest {
            lease: id,
            ..put(format!("lease/{number}"), "held")
        };
        let attached = granted && answered(client.put(key)).await.is_some();
        match number % 3 {
            1 => {
                renew(&client, id).await;
                if number > 3 * LONG_LEASES {
                    let old = id - 3 * LONG_LEASES as i64;
                    let _ = answered(client.revoke(LeaseRevokeRequest { id: old })).await;
                }
            }
            2 if attached => revoke(&client, id).await?,
            _ => {}
        }
        sleep(LEASE_RESTS).await;
    }
    Ok(())
}

async fn renew(client: &Client, id: i64) {
    let once = tokio_stream::once(LeaseKeepAliveRequest { id });
    let mut service = client.lease();
    let renewed = async {
        let mut answers = service.lease_keep_alive(once).await?.into_inner();
        answers.message().await
    };
    let _ = answered(renewed).await;
}

/// A lease whose grant was acknowledged is there, whoever has died since.
async fn revoke(client: &Client, id: i64) -> Check {
    let revoked = timeout(ANSWER, client.revoke(LeaseRevokeRequest { id })).await;
    if let Ok(Err(status)) = revoked {
        let lost = status.code() == Code::NotFound;
        holds(&format!("lease {id} was granted: {status}"), !lost)?;
    }
    Ok(())
}
