//! Endpoints.

use super::at::{At, Errors};
use super::format::between;
use super::ip;
use super::service::{PROTOCOLS, app_protocol};
use crate::names;

/// Endpoints: addresses and ports behind a Service.
pub(super) fn check(object: &At<'_>, errors: &mut Errors) {
    for subset in object.get("subsets").items() {
        let lists = [subset.get("addresses"), subset.get("notReadyAddresses")];
        if lists.iter().all(|list| list.len() == 0) {
            errors.push(subset.required("must specify `addresses` or `notReadyAddresses`"));
        }
        for at in lists.iter().flat_map(|list| list.items()) {
            address(&at, errors);
        }
        let ports = subset.get("ports");
        for at in ports.items() {
            let name = at.get("name");
            match name.text() {
                "" if ports.len() > 1 => errors.push(name.required("")),
                "" => {}
                text => name.all(names::dns1123_label(text), errors),
            }
            let number = at.get("port");
            if !(1..=65535).contains(&number.int()) {
                errors.push(number.invalid_as(number.int(), between(1, 65535)));
            }
            at.get("protocol").choice(PROTOCOLS, errors);
            app_protocol(&at.get("appProtocol"), errors);
        }
    }
}

fn address(at: &At<'_>, errors: &mut Errors) {
    let address = at.get("ip");
    ip::address(&address, errors);
    let host = at.get("hostname");
    if !host.text().is_empty() {
        host.all(names::dns1123_label(host.text()), errors);
    }
    let node = at.get("nodeName");
    if let Some(name) = node.text_if() {
        node.all(names::dns1123_subdomain(name), errors);
    }
    ip::not_special(&address, errors);
}
