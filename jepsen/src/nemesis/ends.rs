//! Members that end by themselves: part of the history, and some faults explain them.

use super::active::{Active, Means};
use super::{Injector, Nemesis};
use crate::history::{Node, Observation};

impl Injector<'_> {
    /// Writes down who has ended unasked since the last time, and whether a fault explains it.
    pub(super) fn note_ends(&mut self) {
        self.forget_freed();
        for (i, how) in self.cluster.take_ends() {
            let cause = self.active.iter_mut().find(|fault| fault.explains_end(i));
            let is_of_active = cause.is_some();
            if let Some(fault) = cause {
                fault.ended = Some(how.clone());
                // A change of members explains that it ends, and nothing that it complains of.
                if fault.step.nemesis != Nemesis::Member {
                    self.cluster.excuse(i, fault.log_from);
                }
            }
            // Only then: what goes on now has somebody who starts the member at its end.
            let freed = (!is_of_active).then(|| self.take_freed(i)).flatten();
            self.recorder.observe(Observation::Exit {
                node: i as Node + 1,
                how,
                expected: is_of_active || freed.is_some(),
            });
            if let Some(freed) = freed {
                self.start_freed(freed);
            }
        }
    }

    /// An end that was brought about.
    pub(super) fn note_exit(&self, i: usize, how: &str) {
        self.recorder.observe(Observation::Exit {
            node: i as Node + 1,
            how: how.to_owned(),
            expected: true,
        });
    }
}

impl Active {
    /// Whether a member may end by itself while this goes on.
    fn explains_end(&self, i: usize) -> bool {
        match &self.means {
            Means::Story(story) => return story.explains(i),
            Means::Damaged(_) | Means::Aside(_) => return self.victims.contains(&i),
            _ => {}
        }
        matches!(
            self.step.nemesis,
            Nemesis::Full
                | Nemesis::SyncError
                | Nemesis::WriteError
                | Nemesis::ReadError
                | Nemesis::Failpoint
                | Nemesis::NoFiles
                | Nemesis::NoMemory
                | Nemesis::NoThreads
        ) && self.victims.contains(&i)
    }
}
