//! The table turned around: from tags to fields.

use super::special::{AnyForm, any_form};
use crate::schema::{Table, Type, TypeId};

/// Fields of every type of a table by protobuf tag. Made once per table, like the table itself.
#[derive(Debug)]
pub struct Wire {
    types: Vec<Vec<Slot>>,
}

/// What a tag of a message stands for.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) tag: u32,
    pub(crate) target: Target,
}

/// See [`Slot`].
#[derive(Debug)]
pub(crate) enum Target {
    /// A field, by its position in the type, and how it is written if it holds any JSON.
    Field(usize, AnyForm),
    /// The message of an inlined structure, whose fields are the type's own.
    Inlined(Vec<Slot>),
}

impl Wire {
    /// Turns a table around.
    pub fn new(table: &Table) -> Wire {
        Wire {
            types: table.types.iter().map(slots_of).collect(),
        }
    }

    /// What the tags of this type's message stand for, in the order of tags.
    pub(crate) fn slots(&self, id: TypeId) -> &[Slot] {
        self.types.get(id.0 as usize).map_or(&[], Vec::as_slice)
    }
}

fn slots_of(of: &Type) -> Vec<Slot> {
    let mut slots = Vec::new();
    for (position, field) in of.fields.iter().enumerate() {
        let form = any_form(of, field);
        insert(&mut slots, &field.tags, position, form);
    }
    slots
}

/// Adds a field below the tags on the way to it. Ends with the tags, of which there are two or three.
fn insert(slots: &mut Vec<Slot>, tags: &[u32], position: usize, form: AnyForm) {
    let Some((tag, below)) = tags.split_first() else {
        return;
    };
    let at = match slots.binary_search_by_key(tag, |slot| slot.tag) {
        Ok(at) => at,
        Err(at) => {
            let target = match below {
                [] => Target::Field(position, form),
                _ => Target::Inlined(Vec::new()),
            };
            slots.insert(at, Slot { tag: *tag, target });
            at
        }
    };
    if let Target::Inlined(inner) = &mut slots[at].target {
        insert(inner, below, position, form);
    }
}

/// The slot of a tag. Most messages number their fields from one without a gap.
pub(crate) fn slot(slots: &[Slot], tag: u32) -> Option<&Slot> {
    let guess = slots.get((tag as usize).wrapping_sub(1));
    if let Some(slot) = guess.filter(|slot| slot.tag == tag) {
        return Some(slot);
    }
    let found = slots.binary_search_by_key(&tag, |slot| slot.tag);
    found.ok().map(|at| &slots[at])
}
