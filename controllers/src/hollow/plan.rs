//! How many nodes, what they have, how they fail.

use super::stage::STAGES;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// What a process of hollow nodes is told.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many.
    pub nodes: u32,
    /// Node *i* is called `PREFIX-i`.
    pub prefix: String,
    /// The number of the first one. Processes with ranges of their own share no name and no address.
    pub first: u32,
    /// What each has.
    pub capacity: BTreeMap<String, String>,
    /// Labels of each, besides the usual ones.
    pub labels: BTreeMap<String, String>,
    /// More than zero: node *i* is in zone *i* modulo this.
    pub zones: u32,
    /// How long Pods that run to an end do so if they do not say.
    pub run_for: Duration,
    /// Other delays for stages, by their names.
    pub delays: BTreeMap<String, Duration>,
    /// Where Pods have their addresses while a Node has no `podCIDR`: the first address.
    pub pod_range: Ipv4Addr,
    /// Where nodes have their addresses: the first address.
    pub node_range: Ipv4Addr,
    /// Nodes that go down and stay down: the last ones.
    pub failing: Failing,
    /// Nodes that go down and come back: those before the failing ones.
    pub flapping: Flapping,
    /// What all chance comes from.
    pub seed: u64,
}

/// Nodes that go down for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    /// How many.
    pub count: u32,
    /// So long after the start.
    pub after: Duration,
}

/// Nodes that come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flapping {
    /// How many.
    pub count: u32,
    /// How long they are up.
    pub up: Duration,
    /// How long they are down.
    pub down: Duration,
}

/// How a node of the plan fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Steady,
    Fails,
    Flaps,
}

impl Default for Plan {
    fn default() -> Plan {
        let capacity = [
            ("cpu", "32"),
            ("memory", "256Gi"),
            ("pods", "110"),
            ("ephemeral-storage", "1Ti"),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Plan {
            nodes: 1,
            prefix: "hollow".to_owned(),
            first: 0,
            capacity: capacity.map(own).into(),
            labels: BTreeMap::new(),
            zones: 0,
            run_for: Duration::from_secs(5),
            delays: BTreeMap::new(),
            pod_range: Ipv4Addr::new(10, 128, 0, 0),
            node_range: Ipv4Addr::new(172, 16, 0, 0),
            failing: Failing::default(),
            flapping: Flapping::default(),
            seed: 0,
        }
    }
}

impl Plan {
    /// What is wrong with it, for whoever made it.
    ///
    /// # Errors
    /// One sentence.
    pub fn check(&self) -> Result<(), String> {
        let stages: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
        if let Some(unknown) = self
            .delays
            .keys()
            .find(|name| !stages.contains(&name.as_str()))
        {
            return Err(format!(
                "there is no stage {unknown}; stages are {}",
                stages.join(", ")
            ));
        }
        if self.failing.count.saturating_add(self.flapping.count) > self.nodes {
            return Err("more nodes are to fail than there are".to_owned());
        }
        if self.pods() == 0 {
            return Err("a node without room for Pods is of no use".to_owned());
        }
        let end = u64::from(self.first) + u64::from(self.nodes);
        let pods = u64::from(u32::from(self.pod_range)) + (end << self.pod_bits());
        let nodes = u64::from(u32::from(self.node_range)) + end + 1;
        if pods.max(nodes) > u64::from(u32::MAX) {
            return Err(format!("there are not addresses enough for {end} nodes"));
        }
        Ok(())
    }

    /// The name of the node at a position, from zero.
    pub(super) fn name(&self, position: u32) -> String {
        format!("{}-{}", self.prefix, self.first + position)
    }

    /// The address of a node.
    pub(super) fn node_ip(&self, position: u32) -> Ipv4Addr {
        (u32::from(self.node_range) + self.first + position + 1).into()
    }

    /// Where Pods of a node have their addresses as long as the cluster does not say: the first address,
    /// and how many bits of it are the Pods'.
    pub(super) fn pod_slice(&self, position: u32) -> (u32, u32) {
        let bits = self.pod_bits();
        (
            u32::from(self.pod_range) + ((self.first + position) << bits),
            bits,
        )
    }

    /// How a node fails.
    pub(super) fn mode(&self, position: u32) -> Mode {
        let from_end = self.nodes - position;
        match () {
            () if from_end <= self.failing.count => Mode::Fails,
            () if from_end <= self.failing.count + self.flapping.count => Mode::Flaps,
            () => Mode::Steady,
        }
    }

    fn pods(&self) -> u32 {
        let pods = self.capacity.get("pods").and_then(|pods| pods.parse().ok());
        pods.unwrap_or(0).min(1 << 16)
    }

    /// Room for twice as many addresses as Pods: those that go keep theirs for a while.
    fn pod_bits(&self) -> u32 {
        (2 * self.pods() + 2)
            .next_power_of_two()
            .trailing_zeros()
            .max(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_nodes_fail_and_those_before_them_flap() {
        let plan = Plan {
            nodes: 4,
            failing: Failing {
                count: 1,
                ..Failing::default()
            },
            flapping: Flapping {
                count: 2,
                ..Flapping::default()
            },
            ..Plan::default()
        };
        let modes: Vec<Mode> = (0..4).map(|position| plan.mode(position)).collect();
        assert_eq!(modes, [Mode::Steady, Mode::Flaps, Mode::Flaps, Mode::Fails]);
        assert_eq!(plan.check(), Ok(()));
        let more = Plan { nodes: 2, ..plan };
        assert!(more.check().is_err());
    }

    #[test]
    fn processes_with_other_numbers_have_other_addresses() {
        let one = Plan {
            nodes: 10,
            ..Plan::default()
        };
        let other = Plan {
            first: 10,
            ..one.clone()
        };
        assert_eq!(one.pod_slice(0), (u32::from(one.pod_range), 8));
        assert_eq!(one.pod_slice(9).0 + 256, other.pod_slice(0).0);
        assert_eq!(u32::from(one.node_ip(9)) + 1, u32::from(other.node_ip(0)));
        let far = Plan {
            first: u32::MAX >> 8,
            ..one
        };
        assert!(far.check().is_err());
    }

    #[test]
    fn a_delay_of_no_stage_is_refused() {
        let delays = [("starts".to_owned(), Duration::ZERO)].into();
        let said = Plan {
            delays,
            ..Plan::default()
        }
        .check();
        assert!(said.is_err_and(|said| said.contains("start")));
    }
}
