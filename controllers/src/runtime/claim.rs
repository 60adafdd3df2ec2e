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
    present: RwLock<Guard>,
    renewing: tokio::sync::Mutex<()>,
    lost: AtomicU64,
    /// The newest revision of a claim that is not to be decided under any more.
    doubted: AtomicU64,
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
            present: RwLock::new(guard),
            renewing: tokio::sync::Mutex::new(()),
            lost: AtomicU64::new(0),
            doubted: AtomicU64::new(0),
        })
    }

    /// The guard of the present claim.
    pub(super) fn guard(&self) -> Guard {
        self.present.read().clone()
    }

    /// How often a write found that something it rested on had changed.
    pub fn stale(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// After a write under `used` found something changed. Claims anew if it was the claim. Returns the
    /// revision that has to be seen before anything is decided again.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn shaken(&self, used: &Guard) -> Result<u64, Problem> {
        self.lost.fetch_add(1, Ordering::Relaxed);
        let holds = self.registry.claim_holds(used).await?;
        match holds {
            true => Ok(0),
            false => self.renew(used).await,
        }
    }

    /// After a write under `used` found something changed: remembers if it was the claim.
    ///
    /// # Errors
    /// The store's; then nobody knows, and the claim counts as lost.
    pub(super) async fn doubt(&self, used: &Guard) -> Result<(), Problem> {
        self.lost.fetch_add(1, Ordering::Relaxed);
        let holds = self.registry.claim_holds(used).await;
        if !matches!(holds, Ok(true)) {
            self.distrust(used);
        }
        holds?;
        Ok(())
    }

    /// Before the next decision there has to be a newer claim than this one.
    pub(super) fn distrust(&self, used: &Guard) {
        self.doubted.fetch_max(used.mod_revision, Ordering::Relaxed);
    }

    /// Claims anew if the present claim is known to be lost. Returns the revision that has to be seen
    /// before anything is decided.
    ///
    /// Who claims decides at once: two who claim when they have lost, and pause before they decide, would
    /// take the claim from each other for ever.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn sure(&self) -> Result<u64, Problem> {
        let present = self.guard();
        match present.mod_revision > self.doubted.load(Ordering::Relaxed) {
            true => Ok(present.mod_revision),
            false => self.renew(&present).await,
        }
    }

    /// After a write under `used` whose outcome nobody knows: from the new claim on it either has
    /// happened or never will.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn renew(&self, used: &Guard) -> Result<u64, Problem> {
        // If it cannot be renewed now it has to be before the next decision.
        self.distrust(used);
        let _one_at_a_time = self.renewing.lock().await;
        let present = self.guard();
        if present != *used {
            // Somebody of this loop was faster.
            return Ok(present.mod_revision);
        }
        let guard = self.registry.claim(&self.caller, self.name).await?;
        let revision = guard.mod_revision;
        *self.present.write() = guard;
        Ok(revision)
    }
}
