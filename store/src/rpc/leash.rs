//! What a client holds while it takes a long answer, and loses when it stops taking.
//!
//! A scan pins its revision: no compaction takes history away from it. A client that asks for
//! everything and then takes nothing would keep all history from then on.

use crate::Error;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tonic::Code;

/// Time in which a client must take something of its answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Holds a `T` for as long as it is used.
pub(super) struct Leash<T> {
    held: Arc<Held<T>>,
}

struct Held<T> {
    thing: Mutex<Option<T>>,
    used: AtomicBool,
}

impl<T: Send + 'static> Leash<T> {
    /// Takes `thing` away once it has not been used for `patience`, at the latest after twice that.
    /// To be called inside a runtime.
    pub fn new(thing: T, patience: Duration) -> Leash<T> {
        let held = Arc::new(Held {
            thing: Mutex::new(Some(thing)),
            used: AtomicBool::new(true),
        });
        let watched = Arc::downgrade(&held);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(patience).await;
                let Some(held) = watched.upgrade() else {
                    return;
                };
                if !held.used.swap(false, Ordering::Relaxed) {
                    tracing::info!("a client took nothing of a long answer; it is ended");
                    *held.thing.lock() = None;
                    return;
                }
            }
        });
        Leash { held }
    }

    /// Uses it.
    ///
    /// # Errors
    /// `DeadlineExceeded` once it has been taken away.
    pub fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> Result<R, Error> {
        self.held.used.store(true, Ordering::Relaxed);
        match &mut *self.held.thing.lock() {
            Some(thing) => Ok(act(thing)),
            None => Err(Error::Other(
                Code::DeadlineExceeded as i32,
                format!(
                    "etcdserver: the client took nothing of its answer for {} s",
                    PATIENCE.as_secs()
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    // On one thread: after a pause of the machine the user's turn comes before the watcher's.
    #[tokio::test]
    async fn what_is_used_is_kept_and_what_is_not_is_let_go() {
        let thing = Arc::new(());
        let leash = Leash::new(Arc::clone(&thing), SHORT);
        let mut uses = tokio::time::interval(SHORT / 10);
        for _ in 0..50 {
            uses.tick().await;
            leash.with(|_| ()).expect("it is used in time");
        }
        assert_eq!(Arc::strong_count(&thing), 2);
        while Arc::strong_count(&thing) > 1 {
            // Nobody waits for the client.
            uses.tick().await;
        }
        assert!(leash.with(|_| ()).is_err());
    }

    #[tokio::test]
    async fn it_goes_with_its_owner() {
        let thing = Arc::new(());
        drop(Leash::new(Arc::clone(&thing), PATIENCE));
        assert_eq!(Arc::strong_count(&thing), 1);
    }
}
