//! EndpointSlices.

use super::at::{At, Errors};
use super::format::full_domain;
use super::ip;
use super::service::app_protocol;
use crate::names;
use std::collections::BTreeSet;

const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;
const TOPOLOGY_MAX: usize = 16;
const HINTS_MAX: usize = 8;

/// An EndpointSlice.
pub(super) fn check(object: &At<'_>, errors: &mut Errors) {
    let kind = object.get("addressType");
    kind.choice(&["FQDN", "IPv4", "IPv6"], errors);
    let endpoints = object.get("endpoints");
    match endpoints.len() > ENDPOINTS_MAX {
        true => errors.push(endpoints.too_many(ENDPOINTS_MAX)),
        false => {
            for at in endpoints.items() {
                endpoint(&at, kind.text(), errors);
            }
        }
    }
    ports(&object.get("ports"), errors);
}

fn endpoint(at: &At<'_>, kind: &str, errors: &mut Errors) {
    let addresses = at.get("addresses");
    match addresses.len() {
        0 => errors.push(addresses.required("must contain at least 1 address")),
        count if count > ADDRESSES_MAX => errors.push(addresses.too_many(ADDRESSES_MAX)),
        _ => {}
    }
    for address in addresses.items() {
        let parsed = ip::parse(address.text());
        match kind {
            "IPv4" => {
                if !parsed.is_some_and(|ip| ip.is_ipv4()) {
                    errors.push(address.invalid("must be a valid IPv4 address"));
                }
                ip::not_special(&address, errors);
            }
            "IPv6" => {
                if !parsed.is_some_and(|ip| ip.is_ipv6()) {
                    errors.push(address.invalid("must be a valid IPv6 address"));
                }
                ip::not_special(&address, errors);
            }
            "FQDN" => full_domain(&address, errors),
            _ => {}
        }
    }
    let node = at.get("nodeName");
    if let Some(name) = node.text_if() {
        node.all(names::dns1123_subdomain(name), errors);
    }
    let topology = at.get("deprecatedTopology");
    if topology.len() > TOPOLOGY_MAX {
        errors.push(topology.too_many(TOPOLOGY_MAX));
    }
    super::meta::labels(&topology, errors);
    let host = at.get("hostname");
    if let Some(name) = host.text_if() {
        host.all(names::dns1123_label(name), errors);
    }
    let zones = at.dig(&["hints", "forZones"]);
    if zones.len() > HINTS_MAX {
        return errors.push(zones.too_many(HINTS_MAX));
    }
    let mut seen = BTreeSet::new();
    for zone in zones.items() {
        let name = zone.get("name");
        if !seen.insert(name.text()) {
            errors.push(name.duplicate());
        }
        name.all(names::label_value(name.text()), errors);
    }
}

fn ports(list: &At<'_>, errors: &mut Errors) {
    if list.len() > PORTS_MAX {
        return errors.push(list.too_many(PORTS_MAX));
    }
    let mut seen = BTreeSet::new();
    for at in list.items() {
        let name = at.get("name");
        if !name.text().is_empty() {
            name.all(names::dns1123_label(name.text()), errors);
        }
        if !seen.insert(name.text()) {
            errors.push(name.duplicate_as(name.text()));
        }
        at.get("protocol").choice(&["SCTP", "TCP", "UDP"], errors);
        app_protocol(&at.get("appProtocol"), errors);
    }
}

/// What an EndpointSlice may not change.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let kind = new.get("addressType");
    kind.unchanged(&old.get("addressType"), errors);
}
