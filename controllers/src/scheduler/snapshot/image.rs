//! Which nodes have which image.

use super::{Row, Table};
use std::collections::HashSet;

/// An image that a node has.
#[derive(Debug, Default)]
pub struct Image {
    /// In bytes.
    pub size: i64,
    /// Who has it.
    pub rows: HashSet<Row>,
}

impl Table {
    pub(super) fn learn_images(&mut self, row: Row, images: &[(String, i64)]) {
        for (name, size) in images {
            let image = self.images.entry(name.clone()).or_default();
            image.size = *size;
            image.rows.insert(row);
        }
    }

    pub(super) fn forget_images(&mut self, row: Row, images: &[(String, i64)]) {
        for (name, _) in images {
            if let Some(image) = self.images.get_mut(name) {
                image.rows.remove(&row);
                if image.rows.is_empty() {
                    self.images.remove(name);
                }
            }
        }
    }
}
