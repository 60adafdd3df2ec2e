//! The tree against the standard map, and itself in one go against itself bit by bit.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Versions of a key: revision and whether it is a tombstone.
type Model = BTreeMap<Vec<u8>, Vec<(i64, bool)>>;

fn push(
    tree: &mut Tree,
    model: &mut Model,
    key: &[u8],
    revision: i64,
    tombstone: bool,
    cache: bool,
) {
    tree.upsert(key, |entry, cached| {
        let version = Version::new(revision, 0, 10, tombstone);
        let count = i64::from(!tombstone);
        entry.push(version, 0, count, 0);
        *cached = (cache && !tombstone).then(|| Bytes::copy_from_slice(key));
    });
    model
        .entry(key.to_vec())
        .or_default()
        .push((revision, tombstone));
}

fn trim(tree: &mut Tree, model: &mut Model, floor: i64) {
    let _ = tree.walk_leaves(&[], &|sum| sum.trimmable > 0, &mut |leaf| {
        leaf.retain(|entry, cached| {
            let keep = entry.trim(floor, &mut |_| ());
            if !keep {
                *cached = None;
            }
            keep
        });
        ControlFlow::Continue(())
    });
    for versions in model.values_mut() {
        let visible = versions.iter().rposition(|version| version.0 <= floor);
        versions.drain(..visible.unwrap_or(0));
        if versions[0].1 && versions[0].0 < floor {
            versions.remove(0);
        }
    }
    model.retain(|_, versions| !versions.is_empty());
}

fn live_at(versions: &[(i64, bool)], revision: i64) -> bool {
    versions
        .iter()
        .rfind(|version| version.0 <= revision)
        .is_some_and(|version| !version.1)
}

fn entries(tree: &Tree, from: &[u8], to: Option<&[u8]>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let _ = tree.visit(from, to, &mut |slot| {
        entries.push(slot.entry().clone());
        ControlFlow::Continue(())
    });
    entries
}

fn compare(tree: &Tree, model: &Model, probes: &[(u16, u16, i64)]) {
    let all = entries(tree, &[], None);
    assert!(
        all.iter()
            .map(|entry| &entry.key[..])
            .eq(model.keys().map(|key| &key[..]))
    );
    let sum = tree.sum();
    assert_eq!(sum, tree.root.sum(), "the sum kept is the sum there");
    assert_eq!(
        sum.live,
        model.values().filter(|it| live_at(it, i64::MAX)).count() as u64
    );
    for entry in &all {
        let slot = tree.get(&entry.key).expect("it was visited");
        assert_eq!(slot.entry().key, entry.key);
        if let Some(record) = slot.record() {
            assert_eq!(record[..], entry.key[..], "records stay with their keys");
        }
        let versions = entry
            .older()
            .iter()
            .chain([&entry.newest()])
            .map(|it| (it.revision, it.is_tombstone()))
            .collect::<Vec<_>>();
        assert_eq!(versions, model[&entry.key[..]]);
    }
    for (from, to, revision) in probes {
        let (from, to) = (key(*from), key(*to));
        let expected = model.iter().filter(|(key, _)| **key >= from && **key < to);
        let visited = entries(tree, &from, Some(&to));
        assert!(
            visited
                .iter()
                .map(|entry| &entry.key[..])
                .eq(expected.clone().map(|(key, _)| &key[..]))
        );
        let live = expected
            .filter(|(_, versions)| live_at(versions, *revision))
            .count();
        assert_eq!(tree.count(&from, Some(&to), *revision), live as u64);
    }
    assert_eq!(tree.count(&[], None, i64::MAX), sum.live);
}

fn key(number: u16) -> Vec<u8> {
    format!("/registry/{:05}", number).into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_tree_is_a_sorted_map_that_can_count(
        rounds in proptest::collection::vec(
            (proptest::collection::vec((0..9000u16, 0..4u8), 1..2500), any::<bool>(), 0..2500i64), 1..6),
        probes in proptest::collection::vec((0..9000u16, 0..9000u16, 0..8000i64), 30),
    ) {
        let (mut tree, mut model, mut revision, mut floor) = (Tree::default(), Model::new(), 0, 0);
        for (mut changes, in_order, step) in rounds {
            if in_order {
                changes.sort();
            }
            for (number, kind) in changes {
                revision += 1;
                let key = key(number);
                let live = model.get(&key).is_some_and(|versions| live_at(versions, i64::MAX));
                push(&mut tree, &mut model, &key, revision, live && kind == 0, kind == 1);
            }
            compare(&tree, &model, &probes);
            floor = revision.min(floor + step);
            trim(&mut tree, &mut model, floor);
            let probes: Vec<_> = probes.iter().map(|probe| (probe.0, probe.1, probe.2.max(floor))).collect();
            compare(&tree, &model, &probes);
        }
        let mut builder = Builder::default();
        entries(&tree, &[], None).into_iter().for_each(|entry| builder.push(entry));
        let probes: Vec<_> = probes.iter().map(|probe| (probe.0, probe.1, probe.2.max(floor))).collect();
        compare(&builder.finish(), &model, &probes);
        // Everything dies: the tree gives its nodes back.
        for key in model.keys().cloned().collect::<Vec<_>>() {
            revision += 1;
            push(&mut tree, &mut model, &key, revision, true, false);
        }
        trim(&mut tree, &mut model, revision + 1);
        prop_assert!(model.is_empty());
        prop_assert_eq!(tree.sum(), Default::default());
        prop_assert!(entries(&tree, &[], None).is_empty());
    }
}

#[test]
fn eviction_spares_what_was_read_and_forgets_that_it_did() {
    let (mut tree, mut model) = (Tree::default(), Model::new());
    (0..200).for_each(|number| {
        push(
            &mut tree,
            &mut model,
            &key(number),
            1 + i64::from(number),
            false,
            true,
        )
    });
    assert!(
        tree.get(&key(77))
            .is_some_and(|slot| slot.record().is_some())
    );
    let mut evict = || {
        let _ = tree.walk_leaves(&[], &|sum| sum.cached > 0, &mut |leaf| {
            leaf.evict(false, Bytes::len);
            ControlFlow::Continue(())
        });
        tree.sum().cached
    };
    assert_eq!((evict(), evict()), (1, 0));
}

#[test]
fn an_entry_is_one_cache_line() {
    assert_eq!(std::mem::size_of::<Entry>(), 64);
}
