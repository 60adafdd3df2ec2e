//! Objects that tokens are bound to, found in the registry.

use crate::authenticate::{Objects, Place};
use crate::registry::{Registry, Target};
use crate::request::{GetOptions, GetRead};
use crate::resource::{Catalog, Resource};
use crate::status::{Failure, Reason};
use crate::storage::Future;
use serde_json::Value;
use std::sync::Arc;

/// Finds objects of the core group in a registry.
pub struct RegistryObjects {
    registry: Arc<Registry>,
    resources: Vec<Arc<Resource>>,
}

impl RegistryObjects {
    /// In this registry, with the rows of this catalog.
    pub fn new(registry: Arc<Registry>, catalog: &Catalog) -> RegistryObjects {
        let places = [
            Place::ServiceAccount,
            Place::Pod,
            Place::Secret,
            Place::Node,
        ];
        let rows = places.iter().filter_map(|place| {
            let row = catalog.find("", "v1", place.resource());
            row.map(|row| Arc::new(row.clone()))
        });
        RegistryObjects {
            resources: rows.collect(),
            registry,
        }
    }

    async fn get(
        &self,
        place: Place,
        namespace: &str,
        name: &str,
        is_latest: bool,
    ) -> Result<Option<Value>, Failure> {
        let resource = self
            .resources
            .iter()
            .find(|row| row.plural == place.resource());
        let Some(resource) = resource else {
            return Ok(None);
        };
        let target = Target {
            resource: resource.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: String::new(),
        };
        let read = match is_latest {
            true => GetRead::Latest,
            false => GetRead::Any,
        };
        match self.registry.get(&target, &GetOptions { read }).await {
            Ok(object) => Ok(object.value()),
            Err(failure) if failure.reason == Reason::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

impl Objects for RegistryObjects {
    fn find<'a>(
        &'a self,
        place: Place,
        namespace: &'a str,
        name: &'a str,
        is_latest: bool,
    ) -> Future<'a, Result<Option<Value>, Failure>> {
        Box::pin(self.get(place, namespace, name, is_latest))
    }
}
