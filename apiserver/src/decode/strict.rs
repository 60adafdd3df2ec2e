//! Fields that are unknown or stand there twice.

use super::limits::MAX_STRICT;
use super::path::Path;
use crate::canonical::quote;

/// What field validation complains about, in the order in which it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strict {
    /// About lines of a YAML document.
    lines: Vec<String>,
    /// About fields.
    fields: Vec<String>,
}

impl Strict {
    /// Whether there is nothing to complain about.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.fields.is_empty()
    }

    /// One text each, as warnings have them.
    pub fn warnings(&self) -> Vec<String> {
        self.lines.iter().chain(&self.fields).cloned().collect()
    }

    /// All in one text, as the refusal of a body has it.
    pub fn message(&self) -> String {
        let mut parts = Vec::new();
        if !self.lines.is_empty() {
            parts.push(format!(
                "yaml: unmarshal errors:\n  {}",
                self.lines.join("\n  ")
            ));
        }
        parts.extend(self.fields.iter().cloned());
        format!("strict decoding error: {}", parts.join(", "))
    }

    /// A field that the type does not have.
    pub(crate) fn unknown(&mut self, path: &Path<'_>) {
        if self.has_room() {
            self.add(format!("unknown field {}", quote(&path.shown())));
        }
    }

    /// A field that the schema of a custom resource does not have.
    pub(crate) fn unknown_at(&mut self, path: &str) {
        if self.has_room() {
            self.add(format!("unknown field {}", quote(path)));
        }
    }

    /// A field that stands there twice.
    pub(crate) fn duplicate(&mut self, path: &Path<'_>) {
        if self.has_room() {
            self.add(format!("duplicate field {}", quote(&path.shown())));
        }
    }

    /// A key that stands twice in a mapping of a YAML document.
    pub(crate) fn duplicate_at(&mut self, line: usize, key: &str) {
        if self.has_room() {
            let key = quote(key);
            self.lines
                .push(format!("line {line}: key {key} already set in map"));
        }
    }

    /// Takes over what was found elsewhere.
    pub(crate) fn append(&mut self, other: Strict) {
        self.lines.extend(other.lines);
        for text in other.fields {
            if self.has_room() {
                self.add(text);
            }
        }
    }

    fn has_room(&self) -> bool {
        self.lines.len() + self.fields.len() < MAX_STRICT
    }

    fn add(&mut self, text: String) {
        if !self.fields.contains(&text) {
            self.fields.push(text);
        }
    }
}
