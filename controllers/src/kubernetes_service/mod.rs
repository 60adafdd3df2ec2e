//! The Service by which Pods find this API: `kubernetes` in `default`, and where it leads: the members.
//!
//! Watches that Service, its Endpoints and its slices. Owns all of them; nobody else writes them, since the
//! Service selects nothing. It is settled when the Service has its address and port, and the others list
//! the members that are there now. The one key is that Service; the members are asked for again and again,
//! because they are no objects.
//!
//! | file | what |
//! |---|---|
//! | `plan` | what is to be done, from the world and the members |
//!
//! Addresses that mean something only on one machine are no places to lead to: a cluster for trying out has
//! the Service, and nothing behind it.

mod plan;
#[cfg(test)]
mod tests;

use crate::endpoint_slices::{MANAGED_BY, SERVICE_NAME};
use crate::objects::{EndpointSlice, Key};
use crate::runtime::{Change, Client, Controller, Future, Kind, Next, Problem, Wanted, World};
use plan::{places, plan};
use std::net::IpAddr;
use std::time::Duration;

const NAMESPACE: &str = "default";
const NAME: &str = "kubernetes";
/// How often the members are asked for. Upstream's interval.
const AGAIN: Duration = Duration::from_secs(10);

/// Where a member serves this API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its address, as other machines reach it.
    pub ip: IpAddr,
    /// Its port.
    pub port: u16,
}

/// See the module.
pub struct KubernetesService {
    members: Box<dyn Fn() -> Vec<Member> + Send + Sync>,
}

impl KubernetesService {
    /// `members` tells the members that are there now. As long as it tells none, nothing is changed.
    pub fn new(members: impl Fn() -> Vec<Member> + Send + Sync + 'static) -> KubernetesService {
        KubernetesService {
            members: Box::new(members),
        }
    }
}

fn key() -> Key {
    Key::new(NAMESPACE, NAME)
}

fn is_ours(slice: &EndpointSlice) -> bool {
    let labels = &slice.metadata.labels;
    slice.metadata.namespace == NAMESPACE
        && labels.get(SERVICE_NAME).is_some_and(|name| name == NAME)
        && !labels.contains_key(MANAGED_BY)
}

impl Controller for KubernetesService {
    fn name(&self) -> &'static str {
        "kubernetes-service"
    }

    fn workers(&self) -> usize {
        1
    }

    fn concerns(&self, _: &World, change: &Change, wanted: &mut Wanted) {
        let changed = &change.reference.key;
        let is_it = match change.kind {
            Some(Kind::Service | Kind::Endpoints) => *changed == key(),
            Some(Kind::Namespace) => &*changed.name == NAMESPACE,
            Some(Kind::EndpointSlice) => change
                .states()
                .filter_map(|entry| entry.endpoint_slices())
                .any(|slice| is_ours(slice)),
            _ => false,
        };
        if is_it {
            wanted.add(key());
        }
    }

    fn all(&self, _: &World, wanted: &mut Wanted) {
        wanted.add(key());
    }

    fn reconcile<'a>(
        &'a self,
        client: &'a Client,
        _: &'a Key,
    ) -> Future<'a, Result<Next, Problem>> {
        Box::pin(async move {
            let mut members = (self.members)();
            members.sort_unstable();
            members.dedup();
            let steps = match members.first() {
                Some(first) => plan(&client.world(), first.port, &places(&members)),
                None => Vec::new(),
            };
            for step in steps {
                step.carry_out(client).await?;
            }
            Ok(Next::After(AGAIN))
        })
    }
}
