//! The object of a write, and whether anybody may have changed it.

use serde_json::Value;
use std::ops::{Deref, DerefMut};

/// What a write is about. Read it as the `Option` that it is; whoever takes hold of it to change it leaves a
/// mark, by which the registry knows that it has to look at its form again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    object: Option<Value>,
    is_touched: bool,
}

impl Subject {
    /// Whether somebody held it for writing since it was put here.
    pub fn is_touched(&self) -> bool {
        self.is_touched
    }
}

impl From<Option<Value>> for Subject {
    fn from(object: Option<Value>) -> Subject {
        Subject {
            object,
            is_touched: false,
        }
    }
}

impl From<Value> for Subject {
    fn from(object: Value) -> Subject {
        Some(object).into()
    }
}

impl Deref for Subject {
    type Target = Option<Value>;

    fn deref(&self) -> &Option<Value> {
        &self.object
    }
}

impl DerefMut for Subject {
    fn deref_mut(&mut self) -> &mut Option<Value> {
        self.is_touched = true;
        &mut self.object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_leaves_no_mark_and_a_hand_does() {
        let mut subject = Subject::from(Value::from(1));
        assert_eq!(subject.as_ref(), Some(&Value::from(1)));
        assert!(!subject.is_touched());
        if let Some(object) = subject.as_mut() {
            *object = Value::from(2);
        }
        assert!(subject.is_touched());
        assert!(!Subject::from(subject.take()).is_touched());
    }
}
