//! How much of each zone is down, and how fast Pods are driven away there (L3).

use super::Timings;
use super::plan::is_ready;
use crate::objects::Node;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Nodes with this label do not say how a zone is.
const EXCLUDED: &str = "node.kubernetes.io/exclude-disruption";
const REGION: [&str; 2] = [
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/region",
];
const ZONE: [&str; 2] = [
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
];
/// So few nodes are never a disruption.
const FEW: usize = 2;

/// How a zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disruption {
    /// Most of it is up.
    Normal,
    /// Much of it is down.
    Partial,
    /// All of it is down.
    Full,
}

/// Region and zone.
type Place = (String, String);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Zones {
    zones: BTreeMap<Place, Zone>,
}

#[derive(Debug, Default)]
struct Zone {
    up: usize,
    down: usize,
    /// All its nodes, those included that do not say how it is.
    nodes: usize,
    /// When the Pods of a node were last driven away.
    last: Option<Instant>,
}

impl Zones {
    /// A node is there.
    pub(super) fn add(&mut self, node: &Node) {
        let zone = self.zones.entry(place(node)).or_default();
        zone.nodes += 1;
        if let Some(count) = zone.count(node) {
            *count += 1;
        }
    }

    /// A node is gone, or is about to be added as it is now.
    pub(super) fn remove(&mut self, node: &Node) {
        if let Some(zone) = self.zones.get_mut(&place(node)) {
            zone.nodes = zone.nodes.saturating_sub(1);
            if let Some(count) = zone.count(node) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Whether no node anywhere is ready, and there are some.
    pub(super) fn is_all_down(&self) -> bool {
        self.zones.values().any(|zone| zone.down > 0)
            && self.zones.values().all(|zone| zone.up == 0)
    }

    /// Whether the Pods of a node may be driven away now, which counts if it is so.
    ///
    /// # Errors
    /// How long to wait; `None`: until something changes.
    pub(super) fn permit(
        &mut self,
        node: &Node,
        now: Instant,
        timings: &Timings,
    ) -> Result<(), Option<Duration>> {
        let zone = self.zones.entry(place(node)).or_default();
        let pause = match zone.disruption(timings.unhealthy_percent) {
            // All of one zone, and not all of all zones: it is the zone.
            Disruption::Normal | Disruption::Full => timings.eviction_pause,
            Disruption::Partial if zone.nodes > timings.large_zone => timings.slow_eviction_pause,
            Disruption::Partial => return Err(None),
        };
        let since = zone.last.map(|last| now.saturating_duration_since(last));
        match since.and_then(|since| pause.checked_sub(since)) {
            Some(rest) if !rest.is_zero() => Err(Some(rest)),
            _ => {
                zone.last = Some(now);
                Ok(())
            }
        }
    }
}

impl Zone {
    fn count(&mut self, node: &Node) -> Option<&mut usize> {
        match (node.metadata.labels.contains_key(EXCLUDED), is_ready(node)) {
            (true, _) => None,
            (false, true) => Some(&mut self.up),
            (false, false) => Some(&mut self.down),
        }
    }

    fn disruption(&self, unhealthy_percent: usize) -> Disruption {
        let all = self.up + self.down;
        match (self.up, self.down) {
            (0, 1..) => Disruption::Full,
            (_, down) if down > FEW && down * 100 >= unhealthy_percent * all => Disruption::Partial,
            _ => Disruption::Normal,
        }
    }
}

fn place(node: &Node) -> Place {
    let label = |names: [&str; 2]| {
        let found = names
            .iter()
            .find_map(|name| node.metadata.labels.get(*name));
        found.cloned().unwrap_or_default()
    };
    (label(REGION), label(ZONE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Condition;

    fn node(zone: &str, is_up: bool) -> Node {
        let mut node = Node::default();
        node.metadata
            .labels
            .insert(ZONE[0].to_owned(), zone.to_owned());
        node.status.conditions.push(Condition {
            r#type: "Ready".to_owned(),
            status: if is_up { "True" } else { "Unknown" }.to_owned(),
            ..Condition::default()
        });
        node
    }

    fn zones(a: (usize, usize), b: (usize, usize)) -> Zones {
        let mut zones = Zones::default();
        for (name, (up, down)) in [("a", a), ("b", b)] {
            (0..up).for_each(|_| zones.add(&node(name, true)));
            (0..down).for_each(|_| zones.add(&node(name, false)));
        }
        zones
    }

    #[test]
    fn l3_pods_are_driven_away_as_fast_as_their_zone_allows() {
        let timings = Timings::default();
        let (fast, slow) = (timings.eviction_pause, timings.slow_eviction_pause);
        for (up, down, expected) in [
            (9, 1, Some(fast)),
            (1, 2, Some(fast)),
            (4, 4, Some(fast)),
            (3, 4, None),
            (22, 28, None),
            (22, 29, Some(slow)),
            (30, 29, Some(fast)),
            // All of one zone.
            (0, 29, Some(fast)),
        ] {
            let mut zones = zones((up, down), (1, 0));
            let start = Instant::now();
            let lost = node("a", false);
            let first = zones.permit(&lost, start, &timings);
            match expected {
                None => assert_eq!(first, Err(None), "{up} {down}"),
                Some(pause) => {
                    assert_eq!(first, Ok(()), "{up} {down}");
                    let second = Duration::from_secs(1);
                    let early = zones.permit(&lost, start + pause - second, &timings);
                    assert_eq!(early, Err(Some(second)), "{up} {down}");
                    assert_eq!(zones.permit(&lost, start + pause, &timings), Ok(()));
                }
            }
        }
    }

    #[test]
    fn l3_everything_is_down_if_no_zone_has_a_node_that_is_up() {
        assert!(!Zones::default().is_all_down());
        assert!(!zones((1, 9), (0, 9)).is_all_down());
        let mut zones = zones((1, 9), (0, 9));
        zones.remove(&node("a", true));
        zones.add(&node("a", false));
        assert!(zones.is_all_down());
        let mut spared = node("a", true);
        spared
            .metadata
            .labels
            .insert(EXCLUDED.to_owned(), String::new());
        zones.add(&spared);
        assert!(zones.is_all_down(), "it does not say how a zone is");
    }
}
