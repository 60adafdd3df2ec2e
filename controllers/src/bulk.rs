//! Many writes of one decision, at the same time.

use crate::runtime::{Future, Problem};
use futures::stream::{FuturesUnordered, StreamExt};

/// Writes that are on their way at the same time: the store commits what comes together together, and
/// more would only wait for it.
const AT_ONCE: usize = 64;

/// Carries out writes, many at a time. After the first problem none is begun any more, but those that are
/// on their way are waited for: nobody may decide again before it is known what became of them.
///
/// # Errors
/// The gravest problem: the one after which most has to be found out before anything is decided again.
pub async fn bulk(writes: Vec<Future<'_, Result<(), Problem>>>) -> Result<(), Problem> {
    let mut waiting = writes.into_iter();
    let mut running = FuturesUnordered::new();
    let mut gravest: Option<Problem> = None;
    loop {
        while gravest.is_none()
            && running.len() < AT_ONCE
            && let Some(write) = waiting.next()
        {
            running.push(write);
        }
        match running.next().await {
            Some(Ok(())) => {}
            Some(Err(problem)) => gravest = Some(graver(gravest, problem)),
            None => return gravest.map_or(Ok(()), Err),
        }
    }
}

/// The same for writes that are refused for one reason, if at all: one, then two, four and so on, as long as
/// all succeed, so that a refusal mostly costs one attempt. Upstream's slow start (M2).
///
/// # Errors
/// As for [`bulk`].
pub async fn growing(writes: Vec<Future<'_, Result<(), Problem>>>) -> Result<(), Problem> {
    let mut waiting = writes.into_iter();
    let mut size = 1;
    loop {
        let batch: Vec<_> = waiting.by_ref().take(size).collect();
        if batch.is_empty() {
            return Ok(());
        }
        bulk(batch).await?;
        size = size.saturating_mul(2);
    }
}

/// What came of two kinds of writes of one decision, carried out beside each other.
///
/// # Errors
/// The graver problem.
pub fn both(one: Result<(), Problem>, other: Result<(), Problem>) -> Result<(), Problem> {
    match (one, other) {
        (Err(one), Err(other)) => Err(graver(Some(one), other)),
        (one, other) => one.and(other),
    }
}

fn graver(known: Option<Problem>, found: Problem) -> Problem {
    match known {
        Some(known) if gravity(&known) >= gravity(&found) => known,
        _ => found,
    }
}

fn gravity(problem: &Problem) -> u8 {
    match problem {
        Problem::Fenced => 4,
        Problem::Unknown(_) => 3,
        Problem::Stale => 2,
        Problem::Later(_) | Problem::Exists | Problem::Absent => 1,
        Problem::Refused(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apiserver::status::Failure;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn no_more_than_so_many_are_on_their_way_and_all_are_carried_out() {
        let [running, most, done] = [const { AtomicUsize::new(0) }; 3];
        let write = |_| -> Future<'_, Result<(), Problem>> {
            Box::pin(async {
                let now = running.fetch_add(1, Ordering::Relaxed) + 1;
                most.fetch_max(now, Ordering::Relaxed);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::Relaxed);
                done.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        };
        bulk((0..300).map(write).collect()).await.unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 300);
        assert_eq!(most.load(Ordering::Relaxed), AT_ONCE);
    }

    #[tokio::test]
    async fn after_a_refusal_none_is_begun_and_those_on_their_way_are_waited_for() {
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let write = |number: usize| -> Future<'_, Result<(), Problem>> {
            let (begun, ended) = (&begun, &ended);
            Box::pin(async move {
                begun.fetch_add(1, Ordering::Relaxed);
                if number > 3 {
                    tokio::task::yield_now().await;
                }
                ended.fetch_add(1, Ordering::Relaxed);
                match number {
                    3 => Err(Problem::Refused(Box::new(Failure::bad_request("no")))),
                    5 => Err(Problem::Unknown("lost".to_owned())),
                    9 => Err(Problem::Stale),
                    _ => Ok(()),
                }
            })
        };
        let outcome = bulk((0..1000).map(write).collect()).await;
        // Not the first: what is not known weighs more.
        assert_eq!(outcome, Err(Problem::Unknown("lost".to_owned())));
        let begun = begun.load(Ordering::Relaxed);
        assert!(begun <= AT_ONCE + 3, "{begun}");
        assert_eq!(ended.load(Ordering::Relaxed), begun);
    }

    /// How many of 100 writes are begun if the `refused`th of them is refused.
    async fn begun(refused: usize) -> usize {
        let begun = AtomicUsize::new(0);
        let write = |number: usize| -> Future<'_, Result<(), Problem>> {
            let begun = &begun;
            Box::pin(async move {
                begun.fetch_add(1, Ordering::Relaxed);
                // All of a batch are on their way before one is answered.
                tokio::task::yield_now().await;
                match number == refused {
                    true => Err(Problem::Refused(Box::new(Failure::bad_request("no")))),
                    false => Ok(()),
                }
            })
        };
        let outcome = growing((1..=100).map(write).collect()).await;
        assert_eq!(outcome.is_err(), refused <= 100);
        begun.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn m2_a_refusal_costs_no_more_than_its_batch() {
        for (refused, expected) in [
            (1, 1),
            (2, 3),
            (3, 3),
            (4, 7),
            (7, 7),
            (8, 15),
            (64, 100),
            (101, 100),
        ] {
            assert_eq!(begun(refused).await, expected, "the {refused}th is refused");
        }
    }

    #[test]
    fn of_two_outcomes_the_graver_one_counts() {
        let (stale, fenced) = (|| Err(Problem::Stale), || Err(Problem::Fenced));
        assert_eq!(both(Ok(()), Ok(())), Ok(()));
        assert_eq!(both(stale(), Ok(())), stale());
        assert_eq!(both(Ok(()), stale()), stale());
        assert_eq!(both(stale(), fenced()), fenced());
        assert_eq!(both(fenced(), stale()), fenced());
    }
}
