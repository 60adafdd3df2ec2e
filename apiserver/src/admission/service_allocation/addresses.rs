//! Cluster addresses.

use super::draft::{Denied, Draft, Of};
use super::families::{is_named, spec_of, text};
use super::invalid;
use crate::status::{Failure, FieldError, Path};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// The addresses of a Service, or that it wants. Whoever knows only the first says it in a field of its
/// own.
pub(super) fn of(service: &Value) -> Vec<&str> {
    let list = service
        .pointer("/spec/clusterIPs")
        .and_then(Value::as_array);
    let all: Vec<&str> = list
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match (all.is_empty(), text(service, "clusterIP")) {
        (true, "") | (false, _) => all,
        (true, first) => vec![first],
    }
}

/// The number of an address. `None`: it is none that can be given out.
fn number(address: &str) -> Option<u32> {
    address.parse().ok().map(|address: Ipv4Addr| address.into())
}

/// Gives the Service its address if it has none yet, and takes it from one that needs none any more. That
/// an address cannot be changed is left to validation.
pub(super) async fn allocate(
    draft: &mut Draft<'_>,
    service: &mut Value,
    old: Option<&Value>,
) -> Result<(), Failure> {
    let had = old.map(of).unwrap_or_default();
    match (is_named(service), had.is_empty()) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => match old {
            Some(old) => release(draft, old).await,
            None => Ok(()),
        },
        (false, true) => give(draft, service).await,
    }
}

async fn give(draft: &mut Draft<'_>, service: &mut Value) -> Result<(), Failure> {
    let wanted = of(service).first().map(|first| (*first).to_owned());
    let address = match wanted.as_deref() {
        Some("None") => return Ok(()),
        Some("") | None => {
            let picked = draft.claim_any(Of::Addresses).await?;
            let Some(picked) = picked else {
                let why = "failed to allocate a serviceIP: range is full";
                return Err(Failure::internal(why));
            };
            draft.pool(Of::Addresses).text(picked)
        }
        Some(wanted) => {
            let denied = match number(wanted) {
                Some(number) => draft.claim(Of::Addresses, number).await?.err(),
                None => Some(Denied::Outside),
            };
            if let Some(denied) = denied {
                return Err(refusal(draft, service, wanted, denied));
            }
            wanted.to_owned()
        }
    };
    if let Some(spec) = spec_of(service) {
        spec.insert("clusterIP".to_owned(), address.as_str().into());
        spec.insert("clusterIPs".to_owned(), json!([address]));
    }
    Ok(())
}

fn refusal(draft: &Draft<'_>, service: &Value, wanted: &str, denied: Denied) -> Failure {
    let why = match denied {
        Denied::Taken => "provided IP is already allocated",
        Denied::Outside => "the provided network does not match the current range",
    };
    let at = Path::new("spec").child("clusterIPs");
    let what = format!("failed to allocate IP {wanted}: {why}");
    let error = FieldError::invalid(&at, Value::from(of(service)), what);
    invalid(draft.request, &[error])
}

/// Lets go of all addresses of a Service.
pub(super) async fn release(draft: &mut Draft<'_>, service: &Value) -> Result<(), Failure> {
    for number in of(service).into_iter().filter_map(number) {
        draft.release(Of::Addresses, number).await?;
    }
    Ok(())
}
