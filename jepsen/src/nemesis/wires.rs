//! Faults of the network: cuts of all shapes, and thin pipes.

use super::{Active, Injector, Means, Nemesis};
use crate::cluster::Cluster;
use crate::history::Observation;
use crate::net::{self, Cut, Shape};
use keelson_kit::check::{Check, holds, some};
use rand::Rng;

/// Less than members say to each other under load passes.
const THIN: &str = "root tbf rate 128kbit burst 4kb latency 500ms";

/// One of so many partitions ends with resets, as those of a router that has forgotten its connections (F8).
const RESETS: u64 = 3;

/// Both ends of a member's wire to the others: what it sends waits at the first, what it is sent at the second.
pub(super) fn ends(member: usize) -> [(Option<usize>, String); 2] {
    [
        (Some(member), "peers".to_owned()),
        (None, format!("peers{member}")),
    ]
}

/// The wires to cut among the members that are present. Two have no shape but one.
fn among(present: &[usize], shape: Shape, first: usize, random: &mut impl Rng) -> Vec<Cut> {
    let place = present.iter().position(|i| *i == first).unwrap_or(0);
    let mut cuts = shape.cuts(present.len(), place, random);
    if cuts.is_empty() {
        cuts = Shape::Alone.cuts(present.len(), place, random);
    }
    // Whoever is no member has a place beyond all of them.
    let host = |place: usize| present.get(place).copied().unwrap_or(place);
    let cuts = cuts.into_iter();
    cuts.map(|(wire, from, to)| (wire, host(from), host(to)))
        .collect()
}

impl Injector<'_> {
    pub(super) fn cut(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let wires = some("wires", self.cluster.net())?;
        let first = *some("a victim", fault.victims.first())?;
        let shape = match fault.step.nemesis {
            Nemesis::Flap => Shape::Alone,
            _ => Shape::ALL[fault.random.random_range(0..Shape::ALL.len())],
        };
        let cuts = among(&self.cluster.present(), shape, first, &mut fault.random);
        holds("there are wires to cut", !cuts.is_empty())?;
        fault.means = Means::Cut(cuts.clone(), true);
        net::cut(wires, &cuts)?;
        let are_cut = net::are_cut(wires, &cuts)?;
        let evidence = format!("{shape:?}: no connection over any of {} wires", cuts.len());
        Ok(are_cut.then_some(evidence))
    }

    pub(super) fn mend(&mut self, fault: &Active) -> Check<String> {
        let wires = some("wires", self.cluster.net())?;
        wires.heal()?;
        if let Means::Cut(cuts, _) = &fault.means {
            holds(
                "healed wires carry connections",
                net::are_whole(wires, cuts)?,
            )?;
        }
        if !fault.step.seed.is_multiple_of(RESETS) {
            return Ok("all wires are whole".to_owned());
        }
        let mut reset = 0;
        for i in &fault.victims {
            let killed = net::output_on(wires, Some(*i), "ss -KHtn state established")?;
            reset += killed.lines().count();
        }
        if reset > 0 {
            let what = "connections-reset".to_owned();
            self.recorder.observe(Observation::Sometimes { what });
        }
        Ok(format!(
            "all wires are whole, and {reset} connections were reset"
        ))
    }

    pub(super) fn narrow(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let wires = some("wires", self.cluster.net())?;
        for (host, device) in fault.victims.iter().flat_map(|i| ends(*i)) {
            net::on(
                wires,
                host,
                &format!("tc qdisc replace dev {device} {THIN}"),
            )?;
        }
        // Whether anything had to wait is known at the end.
        Ok(None)
    }

    pub(super) fn widen(&mut self, fault: &mut Active) -> Check<String> {
        let wires = some("wires", self.cluster.net())?;
        let mut waited = 0;
        for (host, device) in fault.victims.iter().flat_map(|i| ends(*i)) {
            let seen = format!("tc -s qdisc show dev {device}");
            waited += overlimits(&net::output_on(wires, host, &seen)?);
            net::on(wires, host, &format!("tc qdisc del dev {device} root"))?;
        }
        if waited > 0 {
            self.effective(fault, format!("{waited} frames had to wait for the pipe"));
        }
        Ok("the pipe is wide".to_owned())
    }
}

/// How many frames were held back, as `tc -s` tells it.
pub(super) fn overlimits(text: &str) -> u64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let counts = words.windows(2).filter(|pair| pair[0] == "overlimits");
    counts.filter_map(|pair| pair[1].parse::<u64>().ok()).sum()
}

/// Cuts wires that are whole and heals those that are cut.
pub(super) fn toggle(cluster: &Cluster, cuts: &[Cut], is_cut: bool) -> Check {
    let wires = some("wires", cluster.net())?;
    match is_cut {
        true => wires.heal(),
        false => net::cut(wires, cuts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_kit::net::{OUTSIDE, Wire};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn only_members_that_are_present_lose_each_other() {
        let mut random = StdRng::seed_from_u64(3);
        for shape in Shape::ALL {
            for present in [vec![1, 4], vec![0, 2, 4]] {
                let cuts = among(&present, shape, 4, &mut random);
                assert!(!cuts.is_empty(), "{shape:?} of {present:?}");
                for (wire, from, to) in cuts {
                    let is_one =
                        |i| present.contains(&i) || (wire == Wire::Clients && i == OUTSIDE);
                    assert!(is_one(from) && is_one(to), "{shape:?}: {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn frames_that_waited_are_counted() {
        let text = "qdisc tbf 8001: root rate 256Kbit\n Sent 10 bytes 1 pkt (dropped 0, overlimits 17 requeues 0)";
        assert_eq!(overlimits(text), 17);
        assert_eq!(overlimits("qdisc noqueue 0: root"), 0);
    }
}
