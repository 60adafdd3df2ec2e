//! Addresses and blocks of them.

use super::at::{At, Errors};
use std::net::{IpAddr, Ipv6Addr};

const IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// Reads an address. Old objects have zeros before numbers, and an old address in the new notation is an
/// old one.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        let address: Ipv6Addr = text.parse().ok()?;
        return Some(match address.to_ipv4_mapped() {
            Some(old) => IpAddr::V4(old),
            None => IpAddr::V6(address),
        });
    }
    let mut parts = text.split('.');
    let mut octets = [0; 4];
    for octet in &mut octets {
        let part = parts.next()?;
        let is_number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        *octet = is_number.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then(|| IpAddr::from(octets))
}

/// Reads a block: its first address and how many bits are fixed.
pub(super) fn parse_cidr(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/')?;
    let address = parse(address)?;
    let is_number = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
    let bits: u32 = is_number.then(|| bits.parse().ok()).flatten()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some((address, bits))
}

/// Whether an address lies in a block.
pub(super) fn contains(block: (IpAddr, u32), address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 4),
        IpAddr::V6(address) => (u128::from(address), 6),
    };
    let ((first, family), (other, other_family)) = (bits(block.0), bits(address));
    let mask = match block.1 {
        0 => 0,
        fixed => u128::MAX << (128 - fixed.min(128)),
    };
    family == other_family && first & mask == other & mask
}

/// It must be an address. Tells whether it is.
pub(super) fn address(at: &At<'_>, errors: &mut Errors) -> bool {
    let is_one = parse(at.text()).is_some();
    if !is_one {
        errors.push(at.invalid_as(at.text(), IP));
    }
    is_one
}

/// It must be a block.
pub(super) fn cidr(at: &At<'_>, errors: &mut Errors) {
    if parse_cidr(at.text()).is_none() {
        errors.push(at.invalid_as(at.text(), CIDR));
    }
}

/// It must be a block; `text` is what stands there without the blanks around it.
pub(super) fn cidr_text(at: &At<'_>, text: &str, errors: &mut Errors) {
    if parse_cidr(text).is_none() {
        errors.push(at.invalid_as(text, CIDR));
    }
}

/// It must not be an address that means something else on every machine.
pub(super) fn not_special(at: &At<'_>, errors: &mut Errors) {
    let Some(address) = parse(at.text()) else {
        return errors.push(at.invalid("must be a valid IP address"));
    };
    if address.is_unspecified() {
        errors.push(at.invalid(format!("may not be unspecified ({})", at.text())));
    }
    if address.is_loopback() {
        errors.push(at.invalid("may not be in the loopback range (127.0.0.0/8, ::1/128)"));
    }
    let (is_link_local, is_link_multicast) = match address {
        IpAddr::V4(old) => (old.is_link_local(), old.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(new) => (
            new.segments()[0] & 0xffc0 == 0xfe80,
            new.segments()[0] & 0xff0f == 0xff02,
        ),
    };
    if is_link_local {
        let what = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
        errors.push(at.invalid(what));
    }
    if is_link_multicast {
        let what = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
        errors.push(at.invalid(what));
    }
}

/// Whether there is one address of each family and nothing else.
pub(super) fn is_dual(addresses: &[&str]) -> bool {
    let families: Vec<bool> = addresses
        .iter()
        .filter_map(|text| parse(text))
        .map(|address| address.is_ipv4())
        .collect();
    families.len() == 2 && families[0] != families[1]
}
