//! An object in the form in which it is stored: what the schema does not know is gone, nulls that may not
//! be are gone, defaults are there.

use super::schema::Schema;
use crate::decode::limits::MAX_BODY;
use crate::decode::{Error, Strict};
use serde_json::{Map, Value};

/// What every object has, whatever its schema says.
const HEAD: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Bytes of defaults that one object may get. A list of empty objects is short, and each may have a long
/// default.
const DEFAULTED_MAX: usize = MAX_BODY;

/// Brings an object into form. What is unknown is listed, and dropped.
///
/// # Errors
/// If it would get too much.
pub(super) fn form(schema: &Schema, object: &mut Value, strict: &mut Strict) -> Result<(), Error> {
    let mut walk = Walk {
        strict,
        room: DEFAULTED_MAX,
        is_full: false,
    };
    if let Value::Object(members) = object {
        walk.members(schema, members, "", true);
    }
    match walk.is_full {
        false => Ok(()),
        true => Err(Error::TooLarge {
            limit: DEFAULTED_MAX,
        }),
    }
}

struct Walk<'s> {
    strict: &'s mut Strict,
    /// Bytes of defaults that may still be set.
    room: usize,
    is_full: bool,
}

impl Walk<'_> {
    fn value(&mut self, schema: &Schema, value: &mut Value, at: &str) {
        match value {
            Value::Object(members) => self.members(schema, members, at, schema.is_embedded),
            Value::Array(elements) => {
                let Some(items) = &schema.items else { return };
                for (index, element) in elements.iter_mut().enumerate() {
                    if element.is_null() && !items.is_nullable {
                        *element = self.default(items).unwrap_or(Value::Null);
                    }
                    self.value(items, element, &format!("{at}[{index}]"));
                }
            }
            _ => {}
        }
    }

    fn members(
        &mut self,
        schema: &Schema,
        members: &mut Map<String, Value>,
        at: &str,
        has_head: bool,
    ) {
        let is_head = |name: &str| has_head && HEAD.contains(&name);
        members.retain(|name, value| {
            if is_head(name) {
                return true;
            }
            let path = path(at, name);
            let Some(below) = schema.below(name) else {
                if !schema.keeps_unknown {
                    self.strict.unknown_at(&path);
                }
                return schema.keeps_unknown;
            };
            if value.is_null() && !below.is_nullable {
                let Some(default) = self.default(below) else {
                    return false;
                };
                *value = default;
            }
            self.value(below, value, &path);
            true
        });
        for (name, below) in &schema.properties {
            if is_head(name) || members.contains_key(name) {
                continue;
            }
            if let Some(mut value) = self.default(below) {
                self.value(below, &mut value, &path(at, name));
                members.insert(name.clone(), value);
            }
        }
    }

    /// A copy of the default, as long as there is room.
    fn default(&mut self, schema: &Schema) -> Option<Value> {
        let default = schema.default.as_ref()?;
        match self.room.checked_sub(schema.default_bytes) {
            Some(room) => {
                self.room = room;
                Some(default.clone())
            }
            None => {
                self.is_full = true;
                None
            }
        }
    }
}

fn path(at: &str, name: &str) -> String {
    match at {
        "" => name.to_owned(),
        at => format!("{at}.{name}"),
    }
}
