//! Every node has addresses for its Pods, and no two nodes have the same.
//!
//! Watches Nodes. Owns `spec.podCIDR` and `spec.podCIDRs` of a Node that has none. Writes nothing else. It
//! is settled when every Node has a block. There is one key, for all nodes.
//!
//! L6: a block is a /24. They are taken from 10.128.0.0/9, which has 32,768 of them and does not meet the
//! addresses of Services (10.96.0.0/12). The first is 10.244.0.0/24, as people expect; behind the last one
//! it goes on at the beginning. A block is free if nothing that any Node has overlaps it, so one that was
//! deleted gives its block back.
//!
//! Why no two nodes get the same block: all that want one are looked at together, in one look at one key,
//! and get different ones. Before the next look the world shows what this one wrote. And a write takes
//! effect only under the claim of the loop, which another one who runs it takes away, and who then waits
//! until it sees everything up to its own claim. Each pick rests on the node as it was seen, too. What
//! somebody writes into a Node by hand is taken for used as soon as it is seen, and not refused, as in
//! upstream.

use crate::objects::{Key, Node};
use crate::runtime::{Change, Client, Controller, Entry, Future, Kind, Next, Problem};
use crate::runtime::{Wanted, World};
use futures::stream::{self, StreamExt};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// Writes that are under way at the same time.
const AT_ONCE: usize = 64;
/// When to look again if there is no block left.
const FULL: Duration = Duration::from_secs(30);
/// The prefix of a block, and how many addresses it has.
const BLOCK_PREFIX: u32 = 24;
const BLOCK: u32 = 1 << (32 - BLOCK_PREFIX);

/// Where blocks are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its first address.
    first: u32,
    /// How many blocks it has.
    blocks: u32,
    /// The number of the block that is given first.
    start: u32,
}

impl Range {
    /// The range that begins with an address and has a prefix of so many bits, 24 at most. Blocks are
    /// given from that with the address `start` on. `None`: it is no range, or `start` is not in it.
    pub fn new(first: Ipv4Addr, prefix: u32, start: Ipv4Addr) -> Option<Range> {
        let (first, start) = (u32::from(first), u32::from(start));
        let is_range =
            (1..=BLOCK_PREFIX).contains(&prefix) && first.trailing_zeros() >= 32 - prefix;
        let range = Range {
            first,
            blocks: 1u32.checked_shl(BLOCK_PREFIX.checked_sub(prefix)?)?,
            start: start.checked_sub(first)? / BLOCK,
        };
        (is_range && range.start < range.blocks).then_some(range)
    }

    /// The block of a number.
    fn block(self, number: u32) -> String {
        format!(
            "{}/{BLOCK_PREFIX}",
            Ipv4Addr::from(self.first + number * BLOCK)
        )
    }

    /// The numbers of the blocks that overlap with a block of whatever size. What is no IPv4 block
    /// overlaps with none.
    fn overlapped(self, text: &str) -> std::ops::Range<u32> {
        let parsed = text.split_once('/').and_then(|(address, prefix)| {
            let address: Ipv4Addr = address.parse().ok()?;
            let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
            Some((u32::from(address), prefix))
        });
        let Some((address, prefix)) = parsed else {
            return 0..0;
        };
        let size = 1u64 << (32 - prefix);
        let low = u64::from(address) / size * size;
        let (first, block) = (u64::from(self.first), u64::from(BLOCK));
        let number = |address: u64| {
            let number = address.saturating_sub(first) / block;
            u32::try_from(number).unwrap_or(u32::MAX).min(self.blocks)
        };
        let end = (low + size).saturating_sub(first).div_ceil(block);
        number(low)..u32::try_from(end).unwrap_or(u32::MAX).min(self.blocks)
    }
}

impl Default for Range {
    fn default() -> Range {
        let start = (244 - 128) << (BLOCK_PREFIX - 16);
        Range {
            first: Ipv4Addr::new(10, 128, 0, 0).into(),
            blocks: 1 << (BLOCK_PREFIX - 9),
            start,
        }
    }
}

/// See the module.
#[derive(Default)]
pub struct NodeIpam {
    range: Range,
}

impl NodeIpam {
    /// A controller that gives blocks of this range.
    pub fn new(range: Range) -> NodeIpam {
        NodeIpam { range }
    }
}

/// The one key.
fn everybody() -> Key {
    Key::cluster("nodes")
}

fn wants_block(node: &Node) -> bool {
    node.spec.pod_cidr.is_empty() && !node.metadata.is_deleting()
}

/// Who gets which block. `None`: there is none left.
fn plan<'n>(
    range: Range,
    nodes: impl Iterator<Item = &'n Arc<Node>>,
) -> Vec<(Arc<Node>, Option<String>)> {
    let (mut used, mut wanting) = (BTreeSet::new(), Vec::new());
    for node in nodes {
        let others = node.spec.pod_cidrs.iter();
        for block in others.chain([&node.spec.pod_cidr]) {
            used.extend(range.overlapped(block));
        }
        if wants_block(node) {
            wanting.push(node.clone());
        }
    }
    let numbers = (range.start..range.blocks).chain(0..range.start);
    let mut free = numbers.filter(|number| !used.contains(number));
    let mut next = || free.next().map(|number| range.block(number));
    wanting.into_iter().map(|node| (node, next())).collect()
}

impl Controller for NodeIpam {
    fn name(&self) -> &'static str {
        "node-ipam-controller"
    }

    fn reports_as(&self) -> &'static str {
        "cidrAllocator"
    }

    fn concerns(&self, _: &World, change: &Change, wanted: &mut Wanted) {
        // One that is gone leaves a block to another.
        let node = change.after.as_ref().map(Entry::nodes);
        let is_of_interest = node.is_none_or(|node| node.is_some_and(|node| wants_block(node)));
        if change.kind == Some(Kind::Node) && is_of_interest {
            wanted.add(everybody());
        }
    }

    fn all(&self, _: &World, wanted: &mut Wanted) {
        wanted.add(everybody());
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        _: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let picks = plan(self.range, client.world().nodes.all());
            let is_full = picks.iter().any(|(_, block)| block.is_none());
            let writes = picks.into_iter().map(|(node, block)| async move {
                let meta = &node.metadata;
                let Some(block) = block else {
                    let about = client.about(Kind::Node, meta);
                    let message = format!("Node {} status is now: CIDRNotAvailable", meta.name);
                    client.event(about, false, "CIDRNotAvailable", message);
                    return Ok(());
                };
                let patch = json!({
                    "metadata": {"resourceVersion": meta.revision.to_string()},
                    "spec": {"podCIDR": block, "podCIDRs": [block]},
                });
                match client.patch(Kind::Node, &meta.key(), &patch).await {
                    Ok(_) | Err(Problem::Absent) => Ok(()),
                    Err(problem) => Err(problem),
                }
            });
            let writes = stream::iter(writes).buffer_unordered(AT_ONCE);
            let written: Vec<Result<(), Problem>> = writes.collect().await;
            written.into_iter().collect::<Result<(), Problem>>()?;
            Ok(match is_full {
                true => Next::After(FULL),
                false => Next::Settled,
            })
        })
    }
}

#[cfg(test)]
mod tests;
