//! Where in an object a field is, as people and tools write it.

use super::bound::{STEP_BYTES, bounded};
use std::fmt;

/// The path of a field, of which very long steps are cut, such as `spec.containers[0].ports[1].name` or `metadata.labels[key]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// The path of a field at the top.
    pub fn new(name: impl Into<String>) -> Path {
        Path(name.into())
    }

    /// No path at all. It is printed as `<nil>`, which is what clients know.
    pub fn none() -> Path {
        Path::default()
    }

    /// A field of the structure at this path.
    #[must_use]
    pub fn child(&self, name: &str) -> Path {
        let name = bounded(name, STEP_BYTES);
        match self.0.is_empty() {
            true => Path(name.into_owned()),
            false => Path(format!("{}.{name}", self.0)),
        }
    }

    /// An element of the list at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Path {
        Path(format!("{}[{index}]", self.0))
    }

    /// A value of the map at this path.
    #[must_use]
    pub fn key(&self, key: &str) -> Path {
        Path(format!("{}[{}]", self.0, bounded(key, STEP_BYTES)))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.is_empty() {
            true => "<nil>",
            false => &self.0,
        })
    }
}
