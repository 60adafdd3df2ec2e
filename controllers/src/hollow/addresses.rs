//! Addresses of the Pods of one node. One that is given back is given out again as late as possible.

use std::net::Ipv4Addr;

/// The first address of a range is the range's, the second the gateway's.
const RESERVED_FIRST: u32 = 2;
/// The last one is for all.
const RESERVED_LAST: u32 = 1;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    base: u32,
    count: u32,
    next: u32,
    used: Vec<u64>,
}

impl Addresses {
    /// The addresses from `base`, of which `bits` bits are free.
    pub fn new(base: u32, bits: u32) -> Addresses {
        let whole = 1_u32.checked_shl(bits).unwrap_or(u32::MAX);
        let count = whole.saturating_sub(RESERVED_FIRST + RESERVED_LAST);
        Addresses {
            base: base.saturating_add(RESERVED_FIRST),
            count,
            next: 0,
            used: vec![0; count.div_ceil(64) as usize],
        }
    }

    /// Those of a range like `10.1.2.0/24`. `None`: it is none, or too small or too large for one node.
    pub fn of(cidr: &str) -> Option<Addresses> {
        let (base, length) = cidr.split_once('/')?;
        let base: Ipv4Addr = base.parse().ok()?;
        let length: u32 = length.parse().ok()?;
        (12..=30)
            .contains(&length)
            .then(|| Addresses::new(base.into(), 32 - length))
    }

    /// The range is the same.
    pub fn is_like(&self, other: &Addresses) -> bool {
        (self.base, self.count) == (other.base, other.count)
    }

    /// An address that nobody has. `None`: all are taken.
    pub fn take(&mut self) -> Option<Ipv4Addr> {
        for step in 0..self.count {
            let at = (self.next + step) % self.count;
            if !self.is_used(at) {
                self.set(at, true);
                self.next = (at + 1) % self.count;
                return Some((self.base + at).into());
            }
        }
        None
    }

    /// Somebody has it already.
    pub fn mark(&mut self, address: Ipv4Addr) {
        if let Some(at) = self.position(address) {
            self.set(at, true);
        }
    }

    /// Nobody has it any more. Does nothing to an address of another range.
    pub fn give_back(&mut self, address: Ipv4Addr) {
        if let Some(at) = self.position(address) {
            self.set(at, false);
        }
    }

    fn position(&self, address: Ipv4Addr) -> Option<u32> {
        let at = u32::from(address).checked_sub(self.base)?;
        (at < self.count).then_some(at)
    }

    fn is_used(&self, at: u32) -> bool {
        self.used[(at / 64) as usize] & (1 << (at % 64)) != 0
    }

    fn set(&mut self, at: u32, is_used: bool) {
        let word = &mut self.used[(at / 64) as usize];
        match is_used {
            true => *word |= 1 << (at % 64),
            false => *word &= !(1 << (at % 64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_addresses_of_a_range_are_given_out_once() {
        let mut addresses = Addresses::of("10.1.2.0/24").expect("a range");
        let taken: BTreeSet<Ipv4Addr> = std::iter::from_fn(|| addresses.take()).collect();
        assert_eq!(taken.len(), 253);
        assert_eq!(taken.first(), Some(&Ipv4Addr::new(10, 1, 2, 2)));
        assert_eq!(taken.last(), Some(&Ipv4Addr::new(10, 1, 2, 254)));
    }

    #[test]
    fn one_that_is_given_back_comes_last() {
        let mut addresses = Addresses::of("10.0.0.0/29").expect("a range");
        let first = addresses.take().expect("there are five");
        addresses.give_back(first);
        let rest: Vec<_> = std::iter::from_fn(|| addresses.take()).collect();
        assert_eq!(rest.len(), 5);
        assert_eq!(rest.last(), Some(&first));
    }

    #[test]
    fn marked_and_foreign_addresses() {
        let mut addresses = Addresses::of("10.0.0.0/30").expect("a range");
        addresses.mark(Ipv4Addr::new(10, 0, 0, 2));
        addresses.give_back(Ipv4Addr::new(10, 9, 9, 9));
        assert_eq!(addresses.take(), None);
        for none in ["", "10.0.0.0", "10.0.0.0/31", "fd00::/64", "10.0.0.0/8"] {
            assert!(Addresses::of(none).is_none(), "{none}");
        }
    }
}
