//! Watches out of any bytes: who hears of a key, and what a whole hub tells its clients.

use super::model::Run;
use crate::watch::index::{Index, Place, Range};
use bytes::Bytes;
use keelson_fuzz::{Choices, Form, Target};

fn key(choices: &mut Choices<'_>) -> Bytes {
    let most = choices.below(4);
    (0..most).map(|_| choices.of(b"\0\x01ab\xff")).collect()
}

/// What etcd's conventions say, without any index.
fn wants(asked: &(Bytes, Bytes), key: &[u8]) -> bool {
    let from: &[u8] = if asked.0.is_empty() { b"\0" } else { &asked.0 };
    match &asked.1[..] {
        b"" => key == from,
        b"\0" => key >= from,
        end => key >= from && key < end,
    }
}

#[derive(Default)]
struct Watchers {
    index: Index,
    /// By number; what each asked for, and where it stands.
    there: Vec<Option<Watcher>>,
}

/// What was asked for, and where it stands.
type Watcher = ((Bytes, Bytes), Place);

impl Watchers {
    fn add(&mut self, asked: (Bytes, Bytes)) {
        let Some(range) = Range::new(asked.0.clone(), asked.1.clone()) else {
            // Nothing may be in it.
            let from: &[u8] = if asked.0.is_empty() { b"\0" } else { &asked.0 };
            return assert!(!asked.1.is_empty() && &asked.1[..] != b"\0" && from >= &asked.1[..]);
        };
        let place = self.index.insert(&range, self.there.len() as u32);
        self.there.push(Some((asked, place)));
    }

    fn remove(&mut self, number: usize) {
        let Some(((..), place)) = self.there.get_mut(number).and_then(Option::take) else {
            return;
        };
        if let Some(moved) = self.index.remove(place)
            && let Some((_, moved)) = &mut self.there[moved as usize]
        {
            *moved = place;
        }
    }

    fn check(&self, key: &[u8]) {
        let mut found = Vec::new();
        self.index.matches(key, &mut found);
        found.sort_unstable();
        let wanted = |(_, watcher): &(u32, &Option<Watcher>)| {
            watcher.as_ref().is_some_and(|(asked, _)| wants(asked, key))
        };
        let there = (0..).zip(&self.there).filter(wanted);
        let expected: Vec<u32> = there.map(|(number, _)| number).collect();
        assert_eq!(found, expected, "of {key:?}");
    }
}

fn check_filter(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut watchers = Watchers::default();
    while !choices.is_over() {
        match choices.below(8) {
            0..=3 => {
                let asked = (key(&mut choices), key(&mut choices));
                watchers.add(asked);
            }
            4 => watchers.remove(choices.below(256)),
            _ => watchers.check(&key(&mut choices)),
        }
    }
}

/// Which watchers hear of a key, against asking each.
#[test]
fn fuzz_watch_filter() {
    let seeds = (1..9u32).map(|seed| (0..200).map(|at| ((at * seed * 37) >> 3) as u8).collect());
    Target::new("watch_filter", Form::Bytes)
        .length_max(1500)
        .run(seeds.collect(), check_filter);
}

fn check_watch(input: &[u8]) {
    let mut run = Run::new(Choices::new(input));
    let mut steps = Choices::new(input);
    // A step takes at least one byte of the same input.
    while !steps.is_over() {
        steps.byte();
        run.step();
    }
    run.finish();
}

/// A whole hub and its clients, decided by the input instead of by chance.
#[test]
fn fuzz_watch() {
    let seeds = (1..9u32).map(|seed| {
        let mut state = seed.wrapping_mul(0x9e37_79b9);
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 11) as u8
        };
        (0..300).map(|_| next()).collect()
    });
    Target::new("watch", Form::Bytes)
        .rounds(200)
        .length_max(1500)
        .run(seeds.collect(), check_watch);
}
