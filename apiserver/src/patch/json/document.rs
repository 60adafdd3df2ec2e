//! The document that a JSON patch works on, and the paths into it.

use super::{MAX_COPIED_BYTES, MAX_WORK, PatchError};
use crate::patch::MAX_DEPTH;
use serde_json::Value;
use std::borrow::Cow;
use std::io::{self, Write};

/// An object while operations are carried out on it.
pub(super) struct Document {
    value: Value,
    /// Bytes that may still be copied.
    copies_left: usize,
    /// Values that may still be touched.
    work_left: usize,
}

/// Counts what is written, and refuses more than is left.
struct Counter {
    left: usize,
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left.checked_sub(bytes.len()) {
            Some(left) => self.left = left,
            None => return Err(io::ErrorKind::StorageFull.into()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fails(text: String) -> PatchError {
    PatchError::DoesNotApply(text)
}

fn missing(path: &str) -> PatchError {
    fails(format!("doc is missing path: \"{path}\": missing value"))
}

/// The parts of a path, from the outside; none for the whole document.
fn parts(path: &str) -> Result<Vec<Cow<'_, str>>, PatchError> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let rest = path.strip_prefix('/').ok_or_else(|| missing(path))?;
    // What lies deeper is not there, so the rest of an endless path need not be looked at.
    if rest.matches('/').take(MAX_DEPTH + 1).count() > MAX_DEPTH {
        return Err(missing(path));
    }
    let unescape = |part| match str::contains(part, '~') {
        true => Cow::Owned(part.replace("~1", "/").replace("~0", "~")),
        false => Cow::Borrowed(part),
    };
    Ok(rest.split('/').map(unescape).collect())
}

/// Where in a list of `length` elements `part` points. Negative numbers count from the end.
fn index(part: &str, length: usize) -> Result<usize, PatchError> {
    let number: i64 = part
        .parse()
        .map_err(|_| fails(format!("value was not a proper array index: '{part}'")))?;
    let at = match number < 0 {
        true => usize::try_from(number.unsigned_abs())
            .ok()
            .and_then(|back| length.checked_sub(back)),
        false => usize::try_from(number).ok().filter(|at| *at < length),
    };
    at.ok_or_else(|| {
        fails(format!(
            "Unable to access invalid index: {number}: invalid index referenced"
        ))
    })
}

impl Document {
    pub(super) fn new(value: Value) -> Document {
        Document {
            value,
            copies_left: MAX_COPIED_BYTES,
            work_left: MAX_WORK,
        }
    }

    pub(super) fn into_value(self) -> Value {
        self.value
    }

    /// Accounts for so many values.
    fn spend(&mut self, work: usize) -> Result<(), PatchError> {
        let left = self.work_left.checked_sub(work);
        self.work_left =
            left.ok_or_else(|| fails(format!("the operations touch more than {MAX_WORK} values")))?;
        Ok(())
    }

    /// Accounts for a value that is put in place, `depth` parts below the top.
    fn admit(&mut self, value: &Value, depth: usize) -> Result<(), PatchError> {
        let deeper = depth + 1;
        match value {
            Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => Err(PatchError::too_deep()),
            Value::Array(items) => {
                self.spend(items.len())?;
                items.iter().try_for_each(|item| self.admit(item, deeper))
            }
            Value::Object(fields) => {
                self.spend(fields.len())?;
                fields.values().try_for_each(|v| self.admit(v, deeper))
            }
            _ => Ok(()),
        }
    }

    /// What contains the last part of the path.
    fn parent(&mut self, parts: &[Cow<'_, str>], path: &str) -> Result<&mut Value, PatchError> {
        let mut here = &mut self.value;
        for part in parts {
            here = match here {
                Value::Object(fields) => fields.get_mut(part.as_ref()),
                Value::Array(items) => {
                    let at = index(part, items.len())?;
                    items.get_mut(at)
                }
                _ => None,
            }
            .ok_or_else(|| missing(path))?;
        }
        Ok(here)
    }

    /// What is at a path; `None` if only its last member is absent.
    fn find(&mut self, path: &str) -> Result<Option<&mut Value>, PatchError> {
        let parts = parts(path)?;
        let Some((last, before)) = parts.split_last() else {
            return Ok(Some(&mut self.value));
        };
        match self.parent(before, path)? {
            Value::Object(fields) => Ok(fields.get_mut(last.as_ref())),
            Value::Array(items) => {
                let at = index(last, items.len())?;
                Ok(items.get_mut(at))
            }
            _ => Err(missing(path)),
        }
    }

    /// Puts a value in place: a member is set, an element is inserted.
    pub(super) fn add(&mut self, path: &str, value: Value) -> Result<(), PatchError> {
        let parts = parts(path)?;
        self.admit(&value, parts.len())?;
        let Some((last, before)) = parts.split_last() else {
            self.value = value;
            return Ok(());
        };
        match self.parent(before, path)? {
            Value::Object(fields) => {
                fields.insert(last.as_ref().to_owned(), value);
            }
            Value::Array(items) if last == "-" => items.push(value),
            Value::Array(items) => {
                // One more than there are: behind the last is a place, too.
                let at = index(last, items.len() + 1)?;
                let moved = items.len() - at;
                items.insert(at, value);
                self.spend(moved)?;
            }
            _ => return Err(missing(path)),
        }
        Ok(())
    }

    /// Replaces what is there.
    pub(super) fn replace(&mut self, path: &str, value: Value) -> Result<(), PatchError> {
        self.admit(&value, parts(path)?.len())?;
        *self.find(path)?.ok_or_else(|| missing(path))? = value;
        Ok(())
    }

    /// Takes out what is there.
    pub(super) fn remove(&mut self, path: &str) -> Result<Value, PatchError> {
        let parts = parts(path)?;
        let (last, before) = parts.split_last().ok_or_else(|| missing(path))?;
        match self.parent(before, path)? {
            Value::Object(fields) => fields.remove(last.as_ref()).ok_or_else(|| {
                fails(format!(
                    "error in remove for path: '{path}': Unable to remove nonexistent key: {last}: missing value"
                ))
            }),
            Value::Array(items) => {
                let at = index(last, items.len())?;
                let removed = items.remove(at);
                let moved = items.len() - at;
                self.spend(moved)?;
                Ok(removed)
            }
            _ => Err(missing(path)),
        }
    }

    /// A copy of what is there.
    pub(super) fn copy(&mut self, from: &str) -> Result<Value, PatchError> {
        let mut counter = Counter {
            left: self.copies_left,
        };
        let value = self.find(from)?.ok_or_else(|| missing(from))?;
        if serde_json::to_writer(&mut counter, value).is_err() {
            return Err(fails(format!(
                "Unable to complete the copy, the accumulated size increase of copy exceeds the limit {MAX_COPIED_BYTES}"
            )));
        }
        let copy = value.clone();
        self.copies_left = counter.left;
        Ok(copy)
    }

    /// Fails unless this is there.
    pub(super) fn test(&mut self, path: &str, wanted: &Value) -> Result<(), PatchError> {
        let found = self.find(path)?;
        match found.as_deref().unwrap_or(&Value::Null) == wanted {
            true => Ok(()),
            false => Err(fails(format!("testing value {path} failed: test failed"))),
        }
    }
}
