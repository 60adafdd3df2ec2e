//! Field selectors: `metadata.name=x,status.phase!=Running`.

use super::InvalidSelector;
use crate::status::text::quote;
use std::fmt;
use std::str::FromStr;

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

/// One condition on one field. A field that is absent counts as empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldTerm {
    /// The field's path.
    pub field: String,
    /// The value to compare with.
    pub value: String,
    /// Whether it must be equal, or must not.
    pub is_equal: bool,
}

/// Conditions on fields, all of which must be met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldSelector {
    terms: Vec<FieldTerm>,
}

impl FieldSelector {
    /// Selects everything.
    pub fn everything() -> FieldSelector {
        FieldSelector::default()
    }

    /// Selects the object of a name.
    pub fn name(name: &str) -> FieldSelector {
        let (field, value) = (NAME.to_owned(), name.to_owned());
        FieldSelector {
            terms: vec![FieldTerm {
                field,
                value,
                is_equal: true,
            }],
        }
    }

    /// Whether it selects everything.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// Its conditions.
    pub fn terms(&self) -> &[FieldTerm] {
        &self.terms
    }

    /// The value that a field must have, if one is named.
    pub fn exact(&self, field: &str) -> Option<&str> {
        let terms = self.terms.iter();
        let mut equal = terms.filter(|term| term.is_equal && term.field == field);
        equal.next().map(|term| term.value.as_str())
    }

    /// The name that an object must have, if one is named.
    pub fn exact_name(&self) -> Option<&str> {
        self.exact(NAME)
    }

    /// Whether the fields of an object meet all conditions. `field` gives the value of a field, empty or
    /// `None` if it is absent.
    pub fn matches<'v>(&self, field: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.terms.iter().all(|term| {
            let found = field(&term.field).unwrap_or_default();
            (found == term.value) == term.is_equal
        })
    }

    /// The same on fields that a kind offers: `metadata.name`, `metadata.namespace` unless it has no
    /// namespace, and `fields`. An alias, a pair of names, is replaced by what it stands for.
    ///
    /// # Errors
    /// If it names another field.
    pub fn restricted(
        mut self,
        is_namespaced: bool,
        fields: &[&str],
        aliases: &[(&str, &str)],
    ) -> Result<FieldSelector, InvalidSelector> {
        for term in &mut self.terms {
            let alias = aliases.iter().find(|(alias, _)| *alias == term.field);
            if let Some((_, meant)) = alias {
                term.field = (*meant).to_owned();
            }
            let field = term.field.as_str();
            let is_offered =
                field == NAME || (field == NAMESPACE && is_namespaced) || fields.contains(&field);
            if !is_offered {
                return Err(InvalidSelector(match fields.is_empty() {
                    true => format!(
                        "{} is not a known field selector: only \"{NAME}\", \"{NAMESPACE}\"",
                        quote(field)
                    ),
                    false => format!("field label not supported: {field}"),
                }));
            }
        }
        Ok(self)
    }
}

/// The terms between commas that are not escaped.
fn split(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ',' => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

/// Field, whether it must be equal, and value as written.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let (field, value) = term.split_once('=')?;
    if let Some(field) = field.strip_suffix('!') {
        return Some((field, false, value));
    }
    Some((field, true, value.strip_prefix('=').unwrap_or(value)))
}

/// A value without its escapes: backslash, comma and equals sign have one, and need one.
fn unescape(text: &str) -> Result<String, InvalidSelector> {
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(c @ ('\\' | ',' | '=')) => value.push(c),
                other => {
                    let escaped: String = other.into_iter().collect();
                    return Err(InvalidSelector(format!(
                        "invalid field selector: invalid escape sequence: \\{escaped}"
                    )));
                }
            },
            ',' | '=' => {
                let code = u32::from(c);
                return Err(InvalidSelector(format!(
                    "invalid field selector: unescaped character in value: {code}"
                )));
            }
            c => value.push(c),
        }
    }
    Ok(value)
}

impl FromStr for FieldSelector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<FieldSelector, InvalidSelector> {
        let mut parts = split(text);
        // Of several that nobody understands, the first in this order is named, as Kubernetes does.
        parts.sort_unstable();
        let mut terms = Vec::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let (field, is_equal, value) = split_term(part).ok_or_else(|| {
                let text = format!("invalid selector: '{text}'; can't understand '{part}'");
                InvalidSelector(text)
            })?;
            terms.push(FieldTerm {
                field: field.to_owned(),
                value: unescape(value)?,
                is_equal,
            });
        }
        // In one order, however they were written: `=` and `==` say the same.
        terms.sort_by_cached_key(FieldTerm::to_string);
        Ok(FieldSelector { terms })
    }
}

/// The canonical text.
impl fmt::Display for FieldTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = if self.is_equal { "=" } else { "!=" };
        write!(f, "{}{operator}", self.field)?;
        for c in self.value.chars() {
            if matches!(c, '\\' | ',' | '=') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

/// The canonical text.
impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{term}")?;
        }
        Ok(())
    }
}
