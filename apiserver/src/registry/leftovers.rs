//! What is in a namespace, whatever it is: asked before the namespace goes.

use super::Registry;
use crate::resource::{Catalog, Resource, Scope};
use crate::status::Failure;
use crate::storage::{At, Keys, KvError, Range};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Registry {
    /// The resources of which the namespace has objects, and how many. Nothing that was acknowledged
    /// before is missed, and nothing is read but keys: what is no object counts as well.
    ///
    /// # Errors
    /// The store's.
    pub async fn left_in(
        &self,
        catalog: &Catalog,
        namespace: &str,
    ) -> Result<Vec<(Arc<Resource>, u64)>, Failure> {
        let mut left = Vec::new();
        for row in places(catalog) {
            let keys = Keys::of(row, namespace);
            let range = Range {
                key: keys.start(),
                end: Some(keys.end()),
                at: At::Latest,
                limit: 1,
                keys_only: true,
            };
            let found = self.kv.range(range).await.map_err(failed)?;
            if found.count > 0 {
                left.push((Arc::new(row.clone()), found.count));
            }
        }
        Ok(left)
    }
}

/// One row for each place in the store where objects in namespaces lie: that of the stored version, if it
/// is served.
fn places(catalog: &Catalog) -> impl Iterator<Item = &Resource> {
    let mut places: BTreeMap<&str, &Resource> = BTreeMap::new();
    for row in catalog.all() {
        let is_new = !places.contains_key(row.key.as_str());
        if row.scope == Scope::Namespaced && (is_new || row.gvk == row.stored) {
            places.insert(&row.key, row);
        }
    }
    places.into_values()
}

fn failed(error: KvError) -> Failure {
    Failure::unavailable(format!("the store: {error:?}"))
}
