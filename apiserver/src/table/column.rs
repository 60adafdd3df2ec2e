//! Columns.

use serde_json::{Value, json};
use std::borrow::Cow;

/// What a client is told of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// As it is shown; clients print it in capitals.
    pub name: Cow<'static, str>,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: Cow<'static, str>,
    /// A hint such as `name`, which marks the column that names the object; empty if there is none.
    pub format: Cow<'static, str>,
    /// For people.
    pub description: Cow<'static, str>,
    /// 0: always shown; greater: with `-o wide` only.
    pub priority: i32,
}

impl Column {
    /// A column, in the order in which it is sent.
    pub(super) const fn new(
        name: &'static str,
        kind: &'static str,
        format: &'static str,
        description: &'static str,
        priority: i32,
    ) -> Column {
        Column {
            name: Cow::Borrowed(name),
            kind: Cow::Borrowed(kind),
            format: Cow::Borrowed(format),
            description: Cow::Borrowed(description),
            priority,
        }
    }

    /// A column of text.
    pub(super) const fn text(name: &'static str, description: &'static str) -> Column {
        Column::new(name, "string", "", description, 0)
    }

    /// A column of names.
    pub(super) const fn named(name: &'static str, description: &'static str) -> Column {
        Column::new(name, "string", "name", description, 0)
    }

    /// A column of whole numbers.
    pub(super) const fn integer(name: &'static str, description: &'static str) -> Column {
        Column::new(name, "integer", "", description, 0)
    }

    /// A column of true and false.
    pub(super) const fn boolean(name: &'static str, description: &'static str) -> Column {
        Column::new(name, "boolean", "", description, 0)
    }

    /// A column of times.
    pub(super) const fn date(name: &'static str, description: &'static str) -> Column {
        Column::new(name, "date", "", description, 0)
    }

    /// A column of text that `-o wide` shows.
    pub(super) const fn wide(name: &'static str, description: &'static str) -> Column {
        Column::new(name, "string", "", description, 1)
    }

    /// As it is sent.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }
}

/// The first column of nearly every kind.
pub(super) const NAME: Column =
    Column::named("Name", "What the object is called, unique among its like");
/// Ends the narrow columns of most kinds.
pub(super) const AGE: Column = Column::text("Age", "How long ago the object was created");
/// Instead of an age, where a kind has no columns of its own.
pub(super) const CREATED_AT: Column = Column::date("Created At", "When the object was created");
/// Names of the containers of a pod template.
pub(super) const CONTAINERS: Column = Column::wide("Containers", "Containers of the template");
/// Images of the containers of a pod template.
pub(super) const IMAGES: Column = Column::wide("Images", "Images of the template's containers");
/// Which pods belong to the object.
pub(super) const SELECTOR: Column = Column::wide("Selector", "Labels of the pods that belong here");
