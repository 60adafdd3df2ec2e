//! Node ports, and the port of health checks.

use super::draft::{Denied, Draft, Of};
use super::families::{spec_of, text};
use super::invalid;
use crate::status::{Failure, FieldError, Path};
use serde_json::Value;
use std::collections::BTreeMap;

/// Whether the Service is reached by ports of nodes.
fn has_node_ports(service: &Value) -> bool {
    matches!(text(service, "type"), "NodePort" | "LoadBalancer")
}

/// Whether ports are given to a Service that does not say which.
fn wants_node_ports(service: &Value) -> bool {
    let allocates = service.pointer("/spec/allocateLoadBalancerNodePorts");
    match text(service, "type") {
        "NodePort" => true,
        "LoadBalancer" => allocates != Some(&Value::Bool(false)),
        _ => false,
    }
}

fn wants_health_port(service: &Value) -> bool {
    text(service, "type") == "LoadBalancer" && text(service, "externalTrafficPolicy") == "Local"
}

fn ports(service: &Value) -> &[Value] {
    let list = service.pointer("/spec/ports").and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// A field of a port; 0 if it is not set, and what no port can be if it is no number.
fn number(port: &Value, field: &str) -> u32 {
    let found = port.get(field).and_then(Value::as_i64).unwrap_or(0);
    u32::try_from(found).unwrap_or(u32::MAX)
}

/// The node ports of a Service that is reached by them.
fn node_ports(service: &Value) -> Vec<u32> {
    let all = ports(service).iter().map(|port| number(port, "nodePort"));
    let mut all: Vec<u32> = all
        .filter(|port| *port != 0 && has_node_ports(service))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn health_port(service: &Value) -> u32 {
    match service.get("spec") {
        Some(spec) if wants_health_port(service) => number(spec, "healthCheckNodePort"),
        _ => 0,
    }
}

/// Gives the Service the ports that it wants and has not, and takes those that it does not want any more.
pub(super) async fn allocate(
    draft: &mut Draft<'_>,
    service: &mut Value,
    old: Option<&Value>,
) -> Result<(), Failure> {
    let had = old.map(node_ports).unwrap_or_default();
    if has_node_ports(service) {
        match old {
            None => give_first(draft, service).await?,
            Some(_) => give_missing(draft, service, &had).await?,
        }
    }
    let has = node_ports(service);
    for port in had.iter().filter(|port| !has.contains(port)) {
        draft.release(Of::Ports, *port).await?;
    }
    let had = old.map(health_port).unwrap_or_default();
    match (had, wants_health_port(service)) {
        // That it does not change is left to validation.
        (1.., true) | (0, false) => Ok(()),
        (1.., false) => draft.release(Of::Ports, had).await,
        (0, true) => give_health(draft, service).await,
    }
}

/// A new Service: ports of the same number, for several protocols, have the same node port.
async fn give_first(draft: &mut Draft<'_>, service: &mut Value) -> Result<(), Failure> {
    let all = ports(service).to_vec();
    let mut given: BTreeMap<u32, u32> = BTreeMap::new();
    for (index, port) in all.iter().enumerate() {
        let own = number(port, "nodePort");
        if own == 0 && !wants_node_ports(service) {
            continue;
        }
        let key = number(port, "port");
        match given.get(&key) {
            Some(same) if own == 0 || own == *same => set(service, index, *same),
            Some(_) => claim(draft, index, own).await?,
            None => {
                let alike = all.iter().filter(|other| number(other, "port") == key);
                let mut wanted = alike.map(|other| number(other, "nodePort"));
                let node_port = match wanted.find(|wanted| *wanted != 0) {
                    Some(wanted) => {
                        claim(draft, index, wanted).await?;
                        wanted
                    }
                    None => any(draft).await?,
                };
                given.insert(key, node_port);
                set(service, index, node_port);
            }
        }
    }
    Ok(())
}

async fn give_missing(
    draft: &mut Draft<'_>,
    service: &mut Value,
    had: &[u32],
) -> Result<(), Failure> {
    for (index, port) in ports(service).to_vec().iter().enumerate() {
        let own = number(port, "nodePort");
        if own == 0 && wants_node_ports(service) {
            let given = any(draft).await?;
            set(service, index, given);
        } else if own != 0 && !had.contains(&own) && !draft.has(Of::Ports, own) {
            claim(draft, index, own).await?;
        }
    }
    Ok(())
}

fn set(service: &mut Value, index: usize, node_port: u32) {
    let port = service.pointer_mut(&format!("/spec/ports/{index}"));
    if let Some(port) = port.and_then(Value::as_object_mut) {
        port.insert("nodePort".to_owned(), node_port.into());
    }
}

fn why(draft: &Draft<'_>, denied: Denied) -> String {
    match denied {
        Denied::Taken => "provided port is already allocated".to_owned(),
        Denied::Outside => format!(
            "provided port is not in the valid range. The range of valid ports is {}",
            draft.pool(Of::Ports).shown
        ),
    }
}

async fn claim(draft: &mut Draft<'_>, index: usize, wanted: u32) -> Result<(), Failure> {
    let Err(denied) = draft.claim(Of::Ports, wanted).await? else {
        return Ok(());
    };
    let at = Path::new("spec").child("ports").index(index);
    let error = FieldError::invalid(&at.child("nodePort"), wanted, why(draft, denied));
    Err(invalid(draft.request, &[error]))
}

async fn any(draft: &mut Draft<'_>) -> Result<u32, Failure> {
    let picked = draft.claim_any(Of::Ports).await?;
    picked.ok_or_else(|| Failure::internal("failed to allocate a nodePort: range is full"))
}

async fn give_health(draft: &mut Draft<'_>, service: &mut Value) -> Result<(), Failure> {
    let wanted = health_port(service);
    let given = match wanted {
        0 => draft.claim_any(Of::Ports).await?.ok_or_else(|| {
            Failure::internal("failed to allocate a HealthCheck NodePort 0: range is full")
        })?,
        _ => {
            if let Err(denied) = draft.claim(Of::Ports, wanted).await? {
                let why = why(draft, denied);
                return Err(Failure::internal(&format!(
                    "failed to allocate requested HealthCheck NodePort {wanted}: {why}"
                )));
            }
            wanted
        }
    };
    if let Some(spec) = spec_of(service) {
        spec.insert("healthCheckNodePort".to_owned(), given.into());
    }
    Ok(())
}

/// Lets go of all ports of a Service.
pub(super) async fn release(draft: &mut Draft<'_>, service: &Value) -> Result<(), Failure> {
    let health = Some(health_port(service)).filter(|port| *port != 0);
    for port in node_ports(service).into_iter().chain(health) {
        draft.release(Of::Ports, port).await?;
    }
    Ok(())
}
