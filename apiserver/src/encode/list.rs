//! Lists, piece by piece: an item is a field of the list's message, so items can be written as they come. What
//! has to be known before the first one is how long all of them are together.

use super::message::Message;
use super::protobuf::{EncodeError, Envelope, Messages, structure_of_text};
use super::text::Marks;
use crate::decode::Wire;
use crate::decode::protobuf::Target;
use crate::schema::{Gvk, Node, Table, TypeId};
use serde_json::{Value, json};

/// How the items of a kind of list are written.
pub(crate) struct Items<'t> {
    table: &'t Table,
    wire: &'t Wire,
    list: TypeId,
    element: TypeId,
    tag: u32,
    marks: Marks,
}

impl<'t> Items<'t> {
    /// For lists of this kind. `None` if the table has no such list, or something comes behind its items.
    pub(crate) fn new(table: &'t Table, wire: &'t Wire, gvk: &Gvk) -> Option<Items<'t>> {
        let list = table.kind(gvk)?;
        let of = table.get(list);
        let last = wire.slots(list).last()?;
        let Target::Field(at, _) = last.target else {
            return None;
        };
        let field = of.fields.get(at).filter(|field| &*field.name == "items")?;
        let Node::List(items) = &field.node else {
            return None;
        };
        let Node::Struct(element) = items.element else {
            return None;
        };
        Some(Items {
            table,
            wire,
            list,
            element,
            tag: last.tag,
            marks: Marks::default(),
        })
    }

    /// Appends an item, which is the object that a text says.
    ///
    /// # Errors
    /// It is not of the kind.
    pub(crate) fn write(&mut self, text: &[u8], into: &mut Message) -> Result<(), EncodeError> {
        into.message(self.tag, |message| {
            let marks = &mut self.marks;
            structure_of_text(self.table, self.wire, self.element, text, marks, message)
        })
    }

    /// Everything before the items, if these come to so many bytes together.
    ///
    /// # Errors
    /// The metadata are none of a list.
    pub(crate) fn begin(
        &self,
        gvk: &Gvk,
        metadata: &Value,
        items_bytes: u64,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut own = Message::default();
        let value = json!({ "metadata": metadata });
        Messages::new(self.table, self.wire).structure(self.list, &value, &mut own, 0)?;
        let own = own.into_bytes();
        let mut envelope = Envelope::begin(gvk);
        envelope.head(2, own.len() as u64 + items_bytes);
        envelope.raw(&own);
        Ok(envelope.into_bytes())
    }

    /// Everything behind them.
    pub(crate) fn end() -> Vec<u8> {
        Envelope::end(Message::default())
    }
}
