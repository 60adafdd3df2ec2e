//! How long plug-ins take, under upstream's name.

use super::Operation;
use crate::meter::{Histogram, Kind, Page};
use std::time::Instant;

/// Upstream's, in seconds.
const BUCKETS: [f64; 6] = [0.005, 0.025, 0.1, 0.5, 1.0, 2.5];
const NAME: &str = "apiserver_admission_controller_admission_duration_seconds";
const STEPS: [&str; 2] = ["admit", "validate"];
const OPERATIONS: [&str; 4] = ["CREATE", "UPDATE", "DELETE", "CONNECT"];
const REJECTED: [&str; 2] = ["false", "true"];

/// What a plug-in is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To fill in.
    Mutate,
    /// To refuse.
    Validate,
}

/// The times of the plug-ins of a chain: all there can be are made at once, so nothing is looked up.
pub struct Meters {
    plugins: Vec<(&'static str, Box<[Histogram]>)>,
}

impl Meters {
    /// For these plug-ins.
    pub(super) fn of(names: impl Iterator<Item = &'static str>) -> Meters {
        let places = STEPS.len() * OPERATIONS.len() * REJECTED.len();
        let times = || (0..places).map(|_| Histogram::new(BUCKETS)).collect();
        Meters {
            plugins: names.map(|name| (name, times())).collect(),
        }
    }

    /// The plug-in in this place of the chain was asked at `began`, and has answered now.
    pub(super) fn answered(
        &self,
        plugin: usize,
        step: Step,
        operation: Operation,
        is_rejected: bool,
        began: Instant,
    ) {
        let place = (step as usize * OPERATIONS.len() + operation as usize) * REJECTED.len();
        let (_, times) = &self.plugins[plugin];
        times[place + usize::from(is_rejected)].observe(began.elapsed().as_secs_f64());
    }

    /// Writes what there was.
    pub fn show(&self, page: &mut Page) {
        page.family(
            NAME,
            "Time that a plug-in of admission took",
            Kind::Histogram,
        );
        for (name, times) in &self.plugins {
            for (place, times) in times.iter().enumerate().filter(|(_, one)| one.count() > 0) {
                let operation = place / REJECTED.len() % OPERATIONS.len();
                let step = place / REJECTED.len() / OPERATIONS.len();
                let labels = [
                    ("name", *name),
                    ("type", STEPS[step]),
                    ("operation", OPERATIONS[operation]),
                    ("rejected", REJECTED[place % REJECTED.len()]),
                ];
                page.histogram(NAME, &labels, times);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_apart_by_what_was_asked_and_answered() {
        let meters = Meters::of(["First", "Second"].into_iter());
        let began = Instant::now();
        meters.answered(0, Step::Mutate, Operation::Create, false, began);
        meters.answered(1, Step::Validate, Operation::Update, true, began);
        meters.answered(1, Step::Validate, Operation::Update, true, began);
        let mut page = Page::default();
        meters.show(&mut page);
        let text = page.into_text();
        let counts = text.lines().filter(|line| line.contains("_count{"));
        let counts: Vec<&str> = counts.map(|line| &line[NAME.len()..]).collect();
        let expected = [
            "_count{name=\"First\",type=\"admit\",operation=\"CREATE\",rejected=\"false\"} 1",
            "_count{name=\"Second\",type=\"validate\",operation=\"UPDATE\",rejected=\"true\"} 2",
        ];
        assert_eq!(counts, expected);
    }
}
