//! What is due when: a wheel of slots. Putting something in costs the same however much is in it, and so
//! does taking out what is due.
//!
//! A slot holds what is due in its tick of this round and of later ones. Whatever is in a slot is looked at
//! once a round, which is some forty seconds.

/// How long a tick is.
const TICK_MS: u64 = 10;
/// Ticks of a round.
const SLOTS: usize = 4096;
const WORDS: usize = SLOTS / 64;

/// See the module.
#[derive(Debug)]
pub struct Wheel<T> {
    slots: Vec<Vec<(u64, T)>>,
    /// Which slots hold something.
    filled: [u64; WORDS],
    /// The first tick that has not been looked at.
    tick: u64,
    count: usize,
}

impl<T> Default for Wheel<T> {
    fn default() -> Wheel<T> {
        Wheel {
            slots: std::iter::repeat_with(Vec::new).take(SLOTS).collect(),
            filled: [0; WORDS],
            tick: 0,
            count: 0,
        }
    }
}

impl<T> Wheel<T> {
    /// Puts something in. What is due already comes with the next look.
    pub fn put(&mut self, due_ms: u64, item: T) {
        let tick = due_ms.div_ceil(TICK_MS).max(self.tick);
        let slot = slot(tick);
        self.slots[slot].push((tick, item));
        self.filled[slot / 64] |= 1 << (slot % 64);
        self.count += 1;
    }

    /// How much is in it.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.count
    }

    /// When to look next: not later than the first thing is due. `None`: there is none.
    pub fn next_ms(&self) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let first = slot(self.tick);
        let mut ahead = 0;
        while ahead < SLOTS {
            let at = (first + ahead) % SLOTS;
            let word = self.filled[at / 64] >> (at % 64);
            if word != 0 {
                let ahead = ahead as u64 + u64::from(word.trailing_zeros());
                return Some((self.tick + ahead) * TICK_MS);
            }
            ahead += 64 - at % 64;
        }
        None
    }

    /// Takes out what is due, in order of ticks.
    pub fn due(&mut self, now_ms: u64) -> Vec<T> {
        let mut due = Vec::new();
        let last = now_ms / TICK_MS;
        // More than a round behind, each slot is looked at once.
        let from = self.tick.max((last + 1).saturating_sub(SLOTS as u64));
        for tick in from..=last {
            let slot = slot(tick);
            if self.filled[slot / 64] & (1 << (slot % 64)) == 0 {
                continue;
            }
            let kept = std::mem::take(&mut self.slots[slot]);
            for (at, item) in kept {
                match at <= last {
                    true => due.push((at, item)),
                    false => self.slots[slot].push((at, item)),
                }
            }
            if self.slots[slot].is_empty() {
                self.filled[slot / 64] &= !(1 << (slot % 64));
            }
        }
        self.tick = self.tick.max(last + 1);
        self.count -= due.len();
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, item)| item).collect()
    }
}

fn slot(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    #[test]
    fn nothing_comes_early_and_nothing_more_than_a_tick_late() {
        let mut chance = StdRng::seed_from_u64(7);
        let mut wheel = Wheel::default();
        let mut now_ms = 0;
        for _ in 0..2000 {
            let due_ms = now_ms + chance.random_range(0..200_000);
            wheel.put(due_ms, due_ms);
            if chance.random_bool(0.5) {
                let next_ms = wheel.next_ms().expect("something is in it");
                now_ms = now_ms.max(next_ms);
                for due_ms in wheel.due(now_ms) {
                    assert!(due_ms <= now_ms, "{due_ms} at {now_ms}");
                    assert!(now_ms < due_ms + 2 * TICK_MS, "{due_ms} at {now_ms}");
                }
            }
        }
        while let Some(next_ms) = wheel.next_ms() {
            wheel.due(next_ms);
        }
        assert_eq!(wheel.len(), 0);
    }

    #[test]
    fn after_a_long_pause_all_of_it_comes_in_order() {
        let mut wheel = Wheel::default();
        for due_ms in [90_000, 10, 40_970, 500_000, 0] {
            wheel.put(due_ms, due_ms);
        }
        assert_eq!(wheel.due(100_000), [0, 10, 40_970, 90_000]);
        assert_eq!((wheel.len(), wheel.due(499_980).len()), (1, 0));
        assert_eq!(wheel.due(500_000), [500_000]);
        assert_eq!(wheel.next_ms(), None);
    }

    #[test]
    fn what_is_overdue_comes_with_the_next_look() {
        let mut wheel = Wheel::default();
        wheel.due(1000);
        wheel.put(0, "late");
        let next_ms = wheel.next_ms().expect("it is in it");
        assert_eq!(wheel.due(next_ms), ["late"]);
    }
}
