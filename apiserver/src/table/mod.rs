//! Server-side printing: objects as a table of cells, and as metadata alone.
//!
//! kubectl does not know kinds. It asks for a `Table` of `meta.k8s.io/v1` and prints the cells it gets,
//! so READY, STATUS and `3 (5m ago)` are decided here, and people know these texts by heart. A
//! [`Printer`] belongs to a kind: `kinds` holds one row per built-in kind that has columns of its own
//! (columns, and a function from an object to its cells), `custom` makes one from the
//! `additionalPrinterColumns` of a CustomResourceDefinition, and everything else has a name and the time
//! of its creation. `build` puts cells, objects and the list's own metadata together; `partial` makes
//! `PartialObjectMetadata` of whatever it is given.
//!
//! Columns and texts are Kubernetes 1.35's; descriptions are our own. All columns are always sent, those
//! with priority 1 are for `-o wide` and left out by the client. Cells have the JSON type that the cell has
//! upstream, which is not always the type that the column says.
//!
//! What enters: objects as they would be sent (defaults filled in, quantities canonical), and the time of
//! the day, which ages need. What never happens here: IO, a clock, a refusal because of an object: whatever
//! an object lacks is a zero, an empty text or `<none>`. Work is linear in the object; for each custom
//! column, times the steps of its path, which have a bound (`jsonpath`).

mod build;
mod column;
mod custom;
mod duration;
mod jsonpath;
mod kinds;
mod object;
mod partial;
mod printer;
mod selector;
mod time;
mod value;

pub use build::{IncludeObject, InvalidIncludeObject, MetaVersion, Options};
pub use column::Column;
pub use duration::human_duration;
pub use partial::{partial, partial_list};
pub use printer::Printer;

#[cfg(test)]
mod test_tables;
#[cfg(test)]
mod tests;
