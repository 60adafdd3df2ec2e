//! The list against the source: a mistake that is nowhere in it would never be made.

use super::Plant;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates whose source carries mistakes.
const CARRIERS: [&str; 3] = ["store/src", "apiserver/src", "controllers/src"];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// All that is carried, without space: a formatter may break a line anywhere.
fn carried() -> String {
    // Asked when the test runs: several checkouts may share what is compiled.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where");
    let root = Path::new(&here).join("..");
    let mut files = Vec::new();
    for carrier in CARRIERS {
        sources(&root.join(carrier), &mut files);
    }
    assert!(files.len() > 300, "the source is not where it was");
    let read = |path: &PathBuf| fs::read_to_string(path).expect("a source is text");
    let text: String = files.iter().map(read).collect();
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn every_plant_is_in_the_source() {
    let source = carried();
    let missing: Vec<_> = Plant::ALL
        .iter()
        .filter(|plant| !source.contains(&format!("planted(Plant::{plant:?})")))
        .collect();
    assert!(
        missing.is_empty(),
        "nobody makes these mistakes: {missing:?}"
    );
}

#[test]
fn names_are_unique_and_lead_back() {
    let names: BTreeSet<_> = Plant::ALL.iter().map(|plant| plant.name()).collect();
    assert_eq!(names.len(), Plant::ALL.len());
    for plant in Plant::ALL {
        assert_eq!(Plant::named(plant.name()), Some(*plant));
        assert!(
            plant.what().ends_with('.'),
            "{plant:?} says what it does in a sentence"
        );
        assert!(!plant.found_by().is_empty());
    }
    assert_eq!(Plant::named("no-such-plant"), None);
}

#[cfg(feature = "faults")]
#[test]
fn a_list_of_names_is_a_set_of_plants() {
    let of = |plant: Plant| 1 << plant as u64;
    assert_eq!(super::chosen(""), 0);
    let two = super::chosen("ack-before-sync,,compare-when-proposed");
    assert_eq!(
        two,
        of(Plant::AckBeforeSync) | of(Plant::CompareWhenProposed)
    );
}
