//! The claim of a loop, shared by those who work in it, and renewed when it is lost.

use super::problem::Problem;
use keelson_apiserver::registry::{Caller, Registry};
use keelson_apiserver::storage::Guard;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// See the module, and the API server's `registry/claim`.
pub struct Claim {
    registry: Arc<Registry>,
    caller: Caller,
    name: &'static str,
    present: RwLock<Present>,
    renewing: tokio::sync::Mutex<()>,
    stale: AtomicU64,
}

struct Present {
    guard: Guard,
    is_lost: bool,
}

impl Claim {
    /// Claims the loop of this name.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn new(
        registry: &Arc<Registry>,
        caller: &Caller,
        name: &'static str,
    ) -> Result<Claim, Problem> {
        let guard = registry.claim(caller, name).await?;
        Ok(Claim {
            registry: registry.clone(),
            caller: caller.clone(),
            name,
            present: RwLock::new(Present {
                guard,
                is_lost: false,
            }),
            renewing: tokio::sync::Mutex::new(()),
            stale: AtomicU64::new(0),
        })
    }

    /// The guard of the present claim.
    pub(super) fn guard(&self) -> Guard {
        self.present.read().guard.clone()
    }

    /// How often a write found that something it rested on had changed.
    pub fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// After a write under `used` found something changed: looks whether it was the claim.
    ///
    /// # Errors
    /// The store's; then nobody knows, and the claim counts as lost.
    pub(super) async fn shaken(&self, used: &Guard) -> Result<(), Problem> {
        self.stale.fetch_add(1, Ordering::Relaxed);
        let holds = self.registry.claim_holds(used).await;
        if !matches!(holds, Ok(true)) {
            self.give_up(used);
        }
        holds?;
        Ok(())
    }

    /// The claim that was used is to be renewed before anything is decided again. After a write whose
    /// outcome nobody knows: under the new claim it either has happened or never will.
    pub(super) fn give_up(&self, used: &Guard) {
        let mut present = self.present.write();
        if present.guard == *used {
            present.is_lost = true;
        }
    }

    /// The guard of the present claim, claimed anew if it was lost: now and not earlier, so that two who
    /// claim in turn leave each other the time to write. Whoever decides under it must have seen the world
    /// as of its revision.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn ensure(&self) -> Result<Guard, Problem> {
        if let Some(guard) = self.valid() {
            return Ok(guard);
        }
        let _one_at_a_time = self.renewing.lock().await;
        if let Some(guard) = self.valid() {
            return Ok(guard);
        }
        let guard = self.registry.claim(&self.caller, self.name).await?;
        *self.present.write() = Present {
            guard: guard.clone(),
            is_lost: false,
        };
        Ok(guard)
    }

    fn valid(&self) -> Option<Guard> {
        let present = self.present.read();
        (!present.is_lost).then(|| present.guard.clone())
    }
}
