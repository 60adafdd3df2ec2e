//! Keeps events from becoming a flood: what is alike is combined, and what is told too often about one
//! object is not told (M7). The numbers are upstream's.

use super::event::About;
use super::remember::Remembered;
use std::collections::HashSet;

/// So many events of one reason about one object are told one by one while they go on.
const SIMILAR_MAX: usize = 10;
/// After so long a silence they are told one by one again.
const SIMILAR_US: i64 = 600_000_000;
/// So many events about one object are told at once.
const BURST: i64 = 25;
/// And then one in this time.
const ONE_IN_US: i64 = 300_000_000;
/// Objects, and reasons of objects, that are remembered. What is forgotten is told anew, which is no harm now
/// and then.
const REMEMBERED_MAX: usize = 4096;

const COMBINED: &str = "(combined from similar events): ";

/// What counts as the same event again. Combined ones have no message here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Same {
    pub(super) about: About,
    pub(super) component: &'static str,
    pub(super) reason: String,
    pub(super) message: String,
}

/// An event that is to be noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) same: Same,
    /// For people.
    pub(super) message: String,
}

/// See the module.
pub(super) struct Correlator {
    similar: Remembered<Same, Similar>,
    budgets: Remembered<(About, &'static str), Budget>,
}

impl Default for Correlator {
    fn default() -> Correlator {
        Correlator {
            similar: Remembered::new(REMEMBERED_MAX),
            budgets: Remembered::new(REMEMBERED_MAX),
        }
    }
}

/// Events that differ only in their message.
struct Similar {
    messages: HashSet<String>,
    last_us: i64,
}

/// How much may still be told about an object: time that has been saved up.
struct Budget {
    saved_us: i64,
    last_us: i64,
}

impl Correlator {
    /// What is to be noted of an event; `None`: nothing.
    pub(super) fn correlate(&mut self, event: Same, now_us: i64) -> Option<Noted> {
        let object = (event.about.clone(), event.component);
        let noted = self.combine(event, now_us);
        self.is_affordable(object, now_us).then_some(noted)
    }

    fn combine(&mut self, event: Same, now_us: i64) -> Noted {
        let message = event.message.clone();
        let reason = Same {
            message: String::new(),
            ..event.clone()
        };
        let similar = self.similar.get_or(reason.clone(), || Similar {
            messages: HashSet::new(),
            last_us: now_us,
        });
        if now_us.saturating_sub(similar.last_us) > SIMILAR_US {
            similar.messages.clear();
        }
        similar.last_us = now_us;
        let is_new = !similar.messages.contains(&message);
        // The last one of them is the first that is combined.
        if is_new && similar.messages.len() + 1 >= SIMILAR_MAX {
            return Noted {
                same: reason,
                message: format!("{COMBINED}{message}"),
            };
        }
        similar.messages.insert(message.clone());
        Noted {
            same: event,
            message,
        }
    }

    fn is_affordable(&mut self, object: (About, &'static str), now_us: i64) -> bool {
        let budget = self.budgets.get_or(object, || Budget {
            saved_us: BURST * ONE_IN_US,
            last_us: now_us,
        });
        let since_us = now_us.saturating_sub(budget.last_us).max(0);
        budget.saved_us = budget
            .saved_us
            .saturating_add(since_us)
            .min(BURST * ONE_IN_US);
        budget.last_us = now_us;
        let is_affordable = budget.saved_us >= ONE_IN_US;
        if is_affordable {
            budget.saved_us -= ONE_IN_US;
        }
        is_affordable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Meta;

    const MINUTE_US: i64 = 60_000_000;

    fn event(name: &str, reason: &str, message: String) -> Same {
        let row = keelson_apiserver::resource::builtin().find("", "v1", "pods");
        let meta = Meta {
            name: name.to_owned(),
            ..Meta::default()
        };
        Same {
            about: About::of(row.expect("pods"), &meta),
            component: "test",
            reason: reason.to_owned(),
            message,
        }
    }

    #[test]
    fn m7_from_the_tenth_message_on_similar_events_are_combined() {
        let mut correlator = Correlator::default();
        let mut tell = |number: usize, now_us: i64| {
            let event = event("a", "R", format!("m{number}"));
            correlator.correlate(event, now_us).expect("there is room")
        };
        for number in 0..9 {
            assert_eq!(tell(number, 0).message, format!("m{number}"));
        }
        let (tenth, next) = (tell(9, 0), tell(10, 0));
        assert_eq!(tenth.message, "(combined from similar events): m9");
        assert_eq!(next.message, "(combined from similar events): m10");
        assert_eq!(tenth.same, next.same);
        // Those that were told one by one are counted on.
        assert_eq!(tell(3, 0).same.message, "m3");
        // The others stay combined until there was silence.
        assert_eq!(tell(11, 10 * MINUTE_US).same, tenth.same);
        assert_eq!(tell(12, 21 * MINUTE_US).message, "m12");
    }

    #[test]
    fn m7_too_many_events_about_one_object_are_not_told() {
        let mut correlator = Correlator::default();
        let mut is_told = |name: &str, number: usize, now_us: i64| {
            let event = event(name, "R", format!("m{number}"));
            correlator.correlate(event, now_us).is_some()
        };
        let told = (0..100).filter(|number| is_told("a", *number, 0)).count();
        assert_eq!(told, 25);
        assert!(is_told("b", 0, 0), "another object");
        assert!(!is_told("a", 0, 5 * MINUTE_US - 1));
        assert!(is_told("a", 0, 5 * MINUTE_US));
        assert!(!is_told("a", 0, 5 * MINUTE_US));
        // It is not saved up for ever.
        let told = (0..100).filter(|number| is_told("a", *number, 10_000 * MINUTE_US));
        assert_eq!(told.count(), 25);
    }

    #[test]
    fn m7_a_burst_about_others_does_not_set_free_who_has_told_too_much() {
        let mut correlator = Correlator::default();
        let mut told = 0;
        for number in 0..3 * REMEMBERED_MAX {
            let loud = event("loud", "R", format!("m{}", number % 5));
            told += usize::from(correlator.correlate(loud, 0).is_some());
            let other = event(&format!("p{number}"), "Scheduled", "s".to_owned());
            assert!(correlator.correlate(other, 0).is_some(), "{number}");
        }
        assert_eq!(told, 25);
    }
}
