//! The Services that select a Pod.
//!
//! A Service is found by one of the labels that it selects, one that few others select, so that a change of
//! a Pod costs about as many looks as the Pod has labels, and not as many as there are Services.

use crate::objects::{Key, Pod, Service};
use crate::runtime::World;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a Service selects. `None`: nothing, or somebody else says where it leads.
pub fn selector(service: &Service) -> Option<&BTreeMap<String, String>> {
    let selector = service.spec.selector.as_ref();
    selector.filter(|selector| !selector.is_empty() && service.spec.r#type != "ExternalName")
}

/// Whether a Service selects a Pod of its namespace.
pub fn selects(service: &Service, pod: &Pod) -> bool {
    selector(service).is_some_and(|selector| {
        let mut all = selector.iter();
        all.all(|(label, value)| pod.metadata.labels.get(label) == Some(value))
    })
}

/// See the file's essay. It is told of all changes of Services, in their order.
#[derive(Debug, Default)]
pub struct Selectors(Mutex<HashMap<Place, BTreeSet<Key>>>);

/// A label of Pods of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    namespace: String,
    label: String,
    value: String,
}

/// The labels that a Service selects.
fn places(service: &Service) -> impl Iterator<Item = Place> {
    let labels = selector(service).into_iter().flatten();
    labels.map(|(label, value)| Place {
        namespace: service.metadata.namespace.clone(),
        label: label.clone(),
        value: value.clone(),
    })
}

impl Selectors {
    /// Begins anew with the Services of this world.
    pub fn begin(&self, world: &World) {
        self.0.lock().clear();
        for service in world.services.all() {
            self.see(None, Some(service));
        }
    }

    /// A Service has changed. It is put where the fewest others are.
    pub fn see(&self, before: Option<&Service>, after: Option<&Service>) {
        let mut all = self.0.lock();
        if let Some(before) = before {
            let key = before.metadata.key();
            for place in places(before) {
                if let Some(keys) = all.get_mut(&place) {
                    keys.remove(&key);
                    if keys.is_empty() {
                        all.remove(&place);
                    }
                }
            }
        }
        if let Some(after) = after {
            let rarest = places(after).min_by_key(|place| all.get(place).map_or(0, BTreeSet::len));
            if let Some(place) = rarest {
                all.entry(place).or_default().insert(after.metadata.key());
            }
        }
    }

    /// Adds the Services that select a Pod.
    pub fn of(&self, world: &World, pod: &Pod, found: &mut BTreeSet<Key>) {
        let all = self.0.lock();
        for (label, value) in &pod.metadata.labels {
            let place = Place {
                namespace: pod.metadata.namespace.clone(),
                label: label.clone(),
                value: value.clone(),
            };
            for key in all.get(&place).into_iter().flatten() {
                if world
                    .services
                    .get(key)
                    .is_some_and(|service| selects(service, pod))
                {
                    found.insert(key.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Cluster;
    use serde_json::json;

    fn of(world: &World, selectors: &Selectors, labels: serde_json::Value) -> Vec<String> {
        let pod = json!({"metadata": {"namespace": "default", "name": "p", "labels": labels}});
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        let mut found = BTreeSet::new();
        selectors.of(world, &pod, &mut found);
        found.iter().map(|key| key.name.to_string()).collect()
    }

    #[tokio::test]
    async fn services_are_found_by_what_they_select_now() {
        let cluster = Cluster::new().await;
        for (name, selector) in [
            ("both", json!({"app": "a", "tier": "b"})),
            ("one", json!({"app": "a"})),
            ("other", json!({"app": "b"})),
            ("none", json!({})),
        ] {
            let service = json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"selector": selector, "ports": [{"port": 80}]},
            });
            cluster
                .create(crate::runtime::Kind::Service, "default", service)
                .await;
        }
        cluster
            .until("the Services are seen", |world| world.services.len() == 4)
            .await;
        let world = cluster.ground.shared.read();
        let selectors = Selectors::default();
        selectors.begin(&world);
        let labels = json!({"app": "a", "tier": "b", "zzz": "1"});
        assert_eq!(of(&world, &selectors, labels), ["both", "one"]);
        assert_eq!(of(&world, &selectors, json!({"app": "a"})), ["one"]);
        assert!(of(&world, &selectors, json!({"tier": "b"})).is_empty());
        let one = world.services.get(&Key::new("default", "one"));
        let one = one.expect("it is there");
        let mut moved = Service::clone(one);
        moved.spec.selector = None;
        selectors.see(Some(one), Some(&moved));
        assert!(of(&world, &selectors, json!({"app": "a"})).is_empty());
        selectors.see(Some(&moved), Some(one));
        assert_eq!(of(&world, &selectors, json!({"app": "a"})), ["one"]);
    }
    #[test]
    fn a_pod_costs_looks_at_its_own_labels_however_many_services_there_are() {
        let selectors = Selectors::default();
        for number in 0..1000 {
            let service = json!({
                "metadata": {"name": format!("s{number}"), "namespace": "default"},
                "spec": {"selector": {"app": format!("a{number}"), "part": "web"}},
            });
            let service: Service = serde_json::from_value(service).expect("a Service");
            selectors.see(None, Some(&service));
            selectors.see(Some(&service), Some(&service));
        }
        let all = selectors.0.lock();
        assert!(all.len() >= 1000);
        assert!(all.values().all(|keys| keys.len() == 1));
    }
}
