//! How many requests run at one time.

use crate::identity::{MASTERS, User};
use crate::request::{Info, Verb};
use crate::status::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const RETRY_AFTER_SECONDS: u32 = 1;

pub(super) struct Inflight {
    reading: Limit,
    mutating: Limit,
}

struct Limit {
    most: usize,
    /// How many requests found no room.
    refused: AtomicU64,
    free: Arc<Semaphore>,
}

impl Limit {
    fn new(most: usize) -> Limit {
        Limit {
            most,
            refused: AtomicU64::new(0),
            free: Arc::new(Semaphore::new(most)),
        }
    }

    fn taken(&self) -> usize {
        self.most.saturating_sub(self.free.available_permits())
    }
}

impl Inflight {
    pub(super) fn new(reading: usize, mutating: usize) -> Inflight {
        Inflight {
            reading: Limit::new(reading),
            mutating: Limit::new(mutating),
        }
    }

    /// Room for a request, held until it is answered. Those that run long and those that ask for health
    /// need none; the operator always comes in.
    ///
    /// # Errors
    /// 429 if there is none.
    pub(super) fn enter(
        &self,
        info: &Info,
        user: &User,
    ) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        if is_long_running(info) || is_health(info) {
            return Ok(None);
        }
        let limit = match is_mutating(&info.verb) {
            true => &self.mutating,
            false => &self.reading,
        };
        match limit.free.clone().try_acquire_owned() {
            Ok(permit) => Ok(Some(permit)),
            Err(_) if user.is_in(MASTERS) => Ok(None),
            Err(_) => {
                limit.refused.fetch_add(1, Ordering::Relaxed);
                let message = "Too many requests, please try again later.";
                Err(Failure::too_many_requests(message, RETRY_AFTER_SECONDS))
            }
        }
    }

    /// How many read and how many write.
    pub(super) fn taken(&self) -> (usize, usize) {
        (self.reading.taken(), self.mutating.taken())
    }

    /// How many that read and how many that write found no room.
    pub(super) fn refused(&self) -> (u64, u64) {
        let refused = |limit: &Limit| limit.refused.load(Ordering::Relaxed);
        (refused(&self.reading), refused(&self.mutating))
    }
}

/// Whether a request ends when the client wants, not when it is answered.
pub(super) fn is_long_running(info: &Info) -> bool {
    const STREAMS: [&str; 5] = ["attach", "exec", "log", "portforward", "proxy"];
    let subresource = info.resource.as_ref().map(|one| one.subresource.as_str());
    matches!(info.verb, Verb::Watch | Verb::Proxy)
        || subresource.is_some_and(|name| STREAMS.contains(&name))
}

fn is_health(info: &Info) -> bool {
    let first = info.path.trim_start_matches('/').split('/').next();
    info.resource.is_none() && matches!(first, Some("healthz" | "livez" | "readyz"))
}

pub(super) fn is_mutating(verb: &Verb) -> bool {
    match verb {
        Verb::Get | Verb::List | Verb::Watch | Verb::Proxy => false,
        Verb::Http(method) => !matches!(method.as_str(), "get" | "head"),
        _ => true,
    }
}
