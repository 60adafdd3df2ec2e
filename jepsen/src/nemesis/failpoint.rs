//! A member that kills itself in the middle of something: at failpoints that its program carries for tests.
//!
//! The seed chooses some of all failpoints, each with how often a member comes there before it dies; to which it
//! comes first, the load decides. What the member said before it died is the evidence.

use super::kind::Nemesis;
use super::{Active, Injector, Means};
use keelson_kit::check::{Check, some};
use rand::Rng;
use rand::seq::SliceRandom;

/// Failpoints that are switched on at one time: enough that one is on the way of any load.
const AT_ONCE: usize = 16;
/// A member dies there the so-manieth time, at most.
const HITS_MAX: u32 = 12;
/// What a member says before it dies.
const SAID: &str = "a failpoint acts";

impl Injector<'_> {
    /// Why this kind of fault cannot be done to this server.
    pub(super) fn is_deaf_to(&self, kind: Nemesis) -> Option<String> {
        let deaf = kind == Nemesis::Failpoint && self.cluster.failpoints().is_empty();
        let deaf = deaf.then(|| "needs a server that carries failpoints".to_owned());
        deaf.or_else(|| self.lacks_restorer(kind))
    }

    pub(super) fn arm(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let mut names = self.cluster.failpoints().to_vec();
        names.shuffle(&mut fault.random);
        let orders = names.iter().take(AT_ONCE).map(|name| {
            let hits = fault.random.random_range(1..=HITS_MAX);
            format!("{name}=kill@{hits}\n")
        });
        let orders: String = orders.collect();
        let said = self.said(victim).len();
        fault.means = Means::Armed(said);
        self.cluster.switch_failpoints(victim, &orders)?;
        // Effective once it has died.
        Ok(None)
    }

    /// What a member has said about failpoints, in order.
    fn said(&self, i: usize) -> Vec<String> {
        let lines = self.cluster.log_lines(i, SAID);
        let name = |line: &String| {
            let (_, rest) = line.split_once("\"failpoint\":\"")?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        lines.iter().filter_map(name).collect()
    }

    /// Switches everything off, and starts the member if it has died.
    pub(super) fn disarm(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        let Means::Armed(before) = std::mem::replace(&mut fault.means, Means::None) else {
            return Ok(String::new());
        };
        self.cluster.switch_failpoints(victim, "")?;
        let said = self.said(victim);
        let place = said.get(before..).and_then(<[String]>::last).cloned();
        if let Some(place) = &place {
            self.effective(fault, format!("died at {place}"));
        }
        let how = match (fault.ended.take(), place) {
            (Some(how), _) => how,
            (None, None) => return Ok("nobody came there".to_owned()),
            // It has said so, and is about to.
            (None, Some(_)) => {
                self.cluster.kill(victim);
                self.note_exit(victim, "signal 9");
                "signal 9".to_owned()
            }
        };
        self.start(fault)?;
        Ok(format!(
            "the member ended with {how}, and was started again"
        ))
    }
}
