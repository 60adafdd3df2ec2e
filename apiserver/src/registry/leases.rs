//! Leases of objects that go by themselves.
//!
//! A lease costs the store more than an object, so objects that come soon after each other share one.
//! It lasts longer by as much as it is shared, so none of them goes too early.

use super::Registry;
use crate::status::{Failure, GroupResource};
use crate::storage::KvError;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long a lease is given to new objects. Upstream's time.
const SHARED_S: i64 = 60;
/// How many objects a lease is given to. Upstream's number.
const USES_MAX: u32 = 1_000;

/// The leases that are given to new objects, by how long these stay. There are as many as there are
/// different times, which is one.
#[derive(Default)]
pub(super) struct Leases(Mutex<HashMap<i64, Held>>);

struct Held {
    id: i64,
    until_us: i64,
    uses: u32,
}

impl Leases {
    fn held(&self, ttl_s: i64, now_us: i64) -> Option<i64> {
        // What a panic left is as good as it was.
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = leases.get_mut(&ttl_s)?;
        if now_us >= held.until_us || held.uses >= USES_MAX {
            return None;
        }
        held.uses += 1;
        Some(held.id)
    }

    fn hold(&self, ttl_s: i64, held: Held) {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leases.insert(ttl_s, held);
    }

    /// Gives none of them to new objects any more.
    pub(super) fn forget(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Registry {
    /// A lease for an object that stays for so many seconds, or a little longer.
    ///
    /// # Errors
    /// The store's. No object has been written.
    pub(super) async fn lease(&self, ttl_s: i64, of: &GroupResource) -> Result<i64, Failure> {
        const TRY_AGAIN_S: u32 = 2;
        let now_us = self.clock.now_us();
        if let Some(id) = self.leases.held(ttl_s, now_us) {
            return Ok(id);
        }
        let granted = self.kv.grant(ttl_s + SHARED_S).await;
        let id = granted.map_err(|error| match error {
            KvError::Overloaded => {
                Failure::too_many_requests("the store has enough to do, please try again later", 1)
            }
            // A lease that nobody knows ends without anybody missing it.
            _ => Failure::server_timeout(of, "create", TRY_AGAIN_S),
        })?;
        let until_us = now_us.saturating_add(SHARED_S * 1_000_000);
        self.leases.hold(
            ttl_s,
            Held {
                id,
                until_us,
                uses: 1,
            },
        );
        Ok(id)
    }
}
