//! Clocks that are wrong: the one on the wall jumps, the one that only rises leaps ahead, or is too fast or too slow.

use super::{Active, Injector, Nemesis};
use crate::clock::{RIGHT, Told};
use keelson_kit::check::{Check, some};
use keelson_kit::wait::wait_for;
use rand::Rng;
use std::time::Duration;

/// A member asks for the time of the wall whenever it writes a line of its log or the head of an answer, and for the
/// other one all the time.
const CLOCK: Duration = Duration::from_secs(3);
/// Rates of clocks that are not right, in thousandths.
const RATES: [i64; 2] = [2000, 500];
/// The longest leap, in seconds: some elections, or the life of a lease.
const LEAP_S_MAX: i64 = 20;
const SECOND_NS: i64 = 1_000_000_000;

impl Injector<'_> {
    pub(super) async fn turn_clock(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let before = self.cluster.times_told(victim)?;
        let what = match fault.step.nemesis {
            Nemesis::ClockRate => {
                let rate = RATES[fault.random.random_range(0..RATES.len())];
                self.cluster.steer_clock(victim, 0, rate)?;
                format!("at {rate} thousandths of the rate")
            }
            Nemesis::ClockLeap => {
                let seconds = fault.random.random_range(1..=LEAP_S_MAX);
                let leap_ns = seconds * SECOND_NS;
                self.cluster.steer_clock(victim, leap_ns, RIGHT)?;
                format!("another {seconds} s ahead")
            }
            _ => {
                let hours = if fault.random.random_bool(0.5) { 1 } else { -1 };
                self.cluster.set_clock(victim, hours * 3600)?;
                format!("{hours} h off")
            }
        };
        let is_of_the_wall = fault.step.nemesis == Nemesis::Clock;
        let asked = |told: Told| match is_of_the_wall {
            true => told.wall - before.wall,
            false => told.rising - before.rising,
        };
        let cluster = &*self.cluster;
        let told = wait_for("the member asks for the time", CLOCK, || async {
            let told = asked(cluster.times_told(victim).ok()?);
            (told > 0).then_some(told)
        });
        let told = told.await?;
        Ok(Some(format!(
            "it asked for the time and was told one {what}, {told} times at once"
        )))
    }

    /// A clock that only rises is never set back: what it has gained or lost, it keeps.
    pub(super) fn set_clock_right(&mut self, fault: &Active) -> Check<String> {
        for i in &fault.victims {
            match fault.step.nemesis {
                Nemesis::ClockRate => self.cluster.steer_clock(*i, 0, RIGHT)?,
                Nemesis::ClockLeap => {}
                _ => self.cluster.set_clock(*i, 0)?,
            }
        }
        Ok("the clock is right".to_owned())
    }
}
