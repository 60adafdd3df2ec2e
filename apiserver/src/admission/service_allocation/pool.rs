//! A range of numbers, their keys, and finding one that is free.

use super::super::{Objects, Random};
use crate::status::Failure;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The block that Services have their addresses from.
pub const SERVICE_CIDR: &str = "10.96.0.0/12";
/// The address of the Service `kubernetes`: the first of the block.
pub const SERVICE_CIDR_FIRST: &str = "10.96.0.1";

const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 0);
const NETWORK_BITS: u32 = 12;
const PORT_FIRST: u32 = 30_000;
const PORT_LAST: u32 = 32_767;
/// Records of node ports.
const PORT_PREFIX: &str = "/keelson/kubernetes/nodeports/";
/// Keys of `IPAddress`es.
const ADDRESS_PREFIX: &str = "/registry/ipaddresses/";
/// Numbers whose keys begin alike, and which are looked at together: addresses up to the last dot, ports
/// up to the last two digits.
const ADDRESS_BLOCK: u32 = 256;
const PORT_BLOCK: u32 = 100;

/// See the file's first line.
pub(super) struct Pool {
    kind: Kind,
    /// What the range is called in messages.
    pub(super) shown: String,
    first: u32,
    last: u32,
    /// From here on numbers are given to those who do not say which they want.
    upper: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Addresses,
    Ports,
}

/// What stays for those who say what they want: a part of the range within bounds, and nothing of a very
/// small one. Upstream's numbers.
fn reserved(size: u32, part: u32, most: u32) -> u32 {
    const LEAST: u32 = 16;
    match size <= LEAST {
        true => 0,
        false => (size / part).clamp(LEAST, most),
    }
}

impl Pool {
    pub(super) fn service_addresses() -> Pool {
        Pool::addresses(NETWORK, NETWORK_BITS)
    }

    pub(super) fn node_ports() -> Pool {
        Pool::ports(PORT_FIRST, PORT_LAST)
    }

    /// The addresses of a block, but for its first and its last, which mean the block and all in it.
    pub(super) fn addresses(network: Ipv4Addr, bits: u32) -> Pool {
        let size = 1_u32 << (32 - bits);
        let first = u32::from(network) + 1;
        Pool {
            kind: Kind::Addresses,
            shown: format!("{network}/{bits}"),
            first,
            last: u32::from(network) + size - 2,
            upper: first + reserved(size, 16, 256),
        }
    }

    pub(super) fn ports(first: u32, last: u32) -> Pool {
        Pool {
            kind: Kind::Ports,
            shown: format!("{first}-{last}"),
            first,
            last,
            upper: first + reserved(last - first + 1, 32, 128),
        }
    }

    /// Whether a number may be given out.
    pub(super) fn holds(&self, number: u32) -> bool {
        (self.first..=self.last).contains(&number)
    }

    /// The number as text.
    pub(super) fn text(&self, number: u32) -> String {
        match self.kind {
            Kind::Addresses => Ipv4Addr::from(number).to_string(),
            Kind::Ports => number.to_string(),
        }
    }

    fn prefix(&self) -> &'static str {
        match self.kind {
            Kind::Addresses => ADDRESS_PREFIX,
            Kind::Ports => PORT_PREFIX,
        }
    }

    /// The key that is there while somebody has the number.
    pub(super) fn key(&self, number: u32) -> Bytes {
        [self.prefix(), &self.text(number)].concat().into()
    }

    /// The number of a key.
    fn number(&self, key: &[u8]) -> Option<u32> {
        let key = std::str::from_utf8(key).ok()?;
        let text = key.strip_prefix(self.prefix())?;
        match self.kind {
            Kind::Addresses => text.parse().ok().map(|address: Ipv4Addr| address.into()),
            Kind::Ports => text.parse().ok(),
        }
    }

    fn block_size(&self) -> u32 {
        match self.kind {
            Kind::Addresses => ADDRESS_BLOCK,
            Kind::Ports => PORT_BLOCK,
        }
    }

    /// Where the keys of a block begin, and what comes behind them. All numbers of a range of ports have as
    /// many digits as the others.
    fn block_keys(&self, block: u32) -> (Bytes, Bytes) {
        let (from, to) = match self.kind {
            Kind::Addresses => {
                let [a, b, c, _] = Ipv4Addr::from(block * ADDRESS_BLOCK).octets();
                // The slash comes right behind the dot.
                (format!("{a}.{b}.{c}."), format!("{a}.{b}.{c}/"))
            }
            Kind::Ports => (block.to_string(), (block + 1).to_string()),
        };
        let key = |rest: String| [self.prefix(), &rest].concat().into();
        (key(from), key(to))
    }

    /// A number that is free and not among `claimed`; first of all one of the upper part. `None`: all are
    /// taken. Somebody else may take it at the same time: whoever takes it guards its key.
    ///
    /// One block of at most 256 numbers is looked at, and others only while those are full.
    pub(super) async fn pick(
        &self,
        claimed: &BTreeSet<u32>,
        objects: &dyn Objects,
        random: &Random,
    ) -> Result<Option<u32>, Failure> {
        for (first, last) in [(self.upper, self.last), (self.first, self.upper - 1)] {
            if first > last {
                continue;
            }
            let size = self.block_size();
            let blocks = last / size - first / size + 1;
            let start = random() % blocks;
            for step in 0..blocks {
                let block = first / size + (start + step) % blocks;
                let (from, to) = self.block_keys(block);
                let entries = objects.entries(from, Some(to)).await?;
                let taken: BTreeSet<u32> = entries
                    .iter()
                    .filter_map(|entry| self.number(&entry.key))
                    .collect();
                let numbers = first.max(block * size)..=last.min(block * size + size - 1);
                let free: Vec<u32> = numbers
                    .filter(|number| !taken.contains(number) && !claimed.contains(number))
                    .collect();
                if !free.is_empty() {
                    return Ok(Some(free[random() as usize % free.len()]));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_v2_what_stays_for_those_who_say_is_upstreams() {
        for (size, part, most, expected) in [
            (1 << 20, 16, 256, 256),
            (256, 16, 256, 16),
            (1024, 16, 256, 64),
            (16, 16, 256, 0),
            (2768, 32, 128, 86),
            (64, 32, 128, 16),
            (100_000, 32, 128, 128),
        ] {
            assert_eq!(reserved(size, part, most), expected, "{size}");
        }
        let addresses = Pool::service_addresses();
        assert_eq!(addresses.text(addresses.upper), "10.96.1.1");
        assert_eq!(addresses.text(addresses.last), "10.111.255.254");
        assert_eq!(addresses.shown, SERVICE_CIDR);
        assert_eq!(addresses.text(addresses.first), SERVICE_CIDR_FIRST);
        let ports = Pool::node_ports();
        assert_eq!(ports.text(ports.upper), "30086");
    }

    #[test]
    fn keys_of_a_block_are_those_of_its_numbers_and_no_others() {
        for pool in [Pool::service_addresses(), Pool::node_ports()] {
            let size = pool.block_size();
            let (first, last) = (pool.first / size, pool.last / size);
            for block in [first, first + 1, first + 10, last] {
                let (from, to) = pool.block_keys(block);
                let near = (block - 1) * size..(block + 2) * size;
                for number in near.filter(|number| pool.holds(*number)) {
                    let key = pool.key(number);
                    let is_inside = from <= key && key < to;
                    assert_eq!(is_inside, number / size == block, "{key:?}");
                    assert_eq!(pool.number(&key), Some(number));
                }
            }
        }
    }
}
