//! Objects seen through their types: what can be owned, what differs, and how two become one.
//!
//! The schema table says for every part of an object whether it is owned as a whole or piece by piece
//! (`shape`). All walks share that view, so they agree about what a field is: [`validate`] checks an
//! applied configuration and words its faults as upstream does, [`owned`] and [`everything`] list
//! fields, [`compare`] finds changes, [`merge`] lays a configuration over an object, [`remove`] takes
//! fields away, [`with_named`] adds the structures around a set's fields, [`blank`] is what an object
//! holds before anybody has set anything.
//!
//! A configuration must fit its type; an object that is stored already need not. Where a stored object
//! does not fit (a value of the wrong kind, elements that cannot be told apart by their keys) the
//! misfit is owned as a whole, and undeclared fields belong to nobody. Elements of a keyed list with
//! the same key are owned together. Deeper than [`MAX_DEPTH`](super::path::MAX_DEPTH) everything is
//! owned as a whole, which bounds every recursion here. Nothing here knows managers, or any kind.

mod blank;
mod compare;
mod fields;
mod merge;
mod remove;
mod shape;
mod validate;

pub use blank::blank;
pub use compare::{Comparison, compare};
pub use fields::{everything, owned, with_named};
pub use merge::merge;
pub use remove::remove;
pub use validate::{Faults, validate};

use crate::schema::{Table, TypeId};

/// A type and the table it is in.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'t> {
    /// Where types that it mentions are found.
    pub table: &'t Table,
    /// The type of the object.
    pub id: TypeId,
}

impl<'t> Typed<'t> {
    fn shape(self) -> shape::Shape<'t> {
        shape::Shape::Struct(self.table.get(self.id))
    }
}

#[cfg(test)]
mod tests;
