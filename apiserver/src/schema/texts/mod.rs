//! Texts of types and fields, for people: what `kubectl explain` prints.
//!
//! The table of facts is made by a program and has no words. These are written by hand, in our own: nothing
//! here is taken from anybody's documentation. A text says what a person at a terminal asks: the meaning, the
//! unit, what happens when it is left out, what cannot be changed or excludes another field.
//!
//! One file for each package, named after it (`io.k8s.api.apps.v1.txt`), or several with a number behind a
//! dash (`io.k8s.api.core.v1-2.txt`). One line for each text, a TAB behind the name; a line that begins with
//! `#` and an empty line say nothing:
//!
//! ```text
//! like io.k8s.api.resource.v1     first line: what is not named here is as it is there
//! Container<TAB>TEXT              a type
//! Container.image<TAB>TEXT        a field
//! ```
//!
//! `common.txt` has what is the same everywhere. `*.metadata` is for objects without a line of their own: kinds,
//! and what has metadata though it is no kind (a template). `*List` is for kinds whose names end so.
//!
//! Files lie in the program and texts are slices of them: a text costs no memory but its own bytes.

mod files;

pub(super) use files::FILES;

use super::Table;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// The file that is for all packages.
const COMMON: &str = "common";

/// A file: its name without `.txt`, and its content.
pub(super) type File = (&'static str, &'static str);

/// A file that does not fit the table. There is nothing to do but to mend the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TextError {
    /// Without `.txt`.
    file: &'static str,
    /// Counted from one.
    line: usize,
    /// What is wrong with it.
    what: String,
}

impl fmt::Display for TextError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.txt, line {}: {}", self.file, self.line, self.what)
    }
}

impl std::error::Error for TextError {}

/// What is described: package, type and field. The field is empty where the type itself is described; the
/// package is that of [`COMMON`], and the type `*`, where all objects are.
type Name<'a> = (&'a str, &'a str, &'a str);

/// A file, and a line counted from one.
type Place = (&'static str, usize);

struct Text {
    place: Place,
    text: &'static str,
}

/// All files, read.
#[derive(Default)]
struct Texts {
    by_name: HashMap<Name<'static>, Text>,
    /// Packages that are like another one, and where that is said.
    like: HashMap<&'static str, (&'static str, Place)>,
}

/// Gives the types and fields of a table their texts.
///
/// # Errors
/// With the first line that is not as the format wants it, or that names what the table does not have.
pub(super) fn describe(table: &mut Table, files: &[File]) -> Result<(), TextError> {
    let mut texts = Texts::default();
    for file in files {
        texts.read(*file)?;
    }
    let kinds: HashSet<_> = table.kinds.values().map(|id| id.0 as usize).collect();
    let mut met = HashSet::new();
    for (at, one) in table.types.iter_mut().enumerate() {
        let full = Arc::clone(&one.name);
        let (package, name) = full.rsplit_once('.').unwrap_or(("", &full));
        let is_kind = kinds.contains(&at);
        let is_object = is_kind || one.field("metadata").is_some();
        let is_list = is_kind && name.ends_with("List");
        let common = is_list.then_some((COMMON, "*List", ""));
        one.description = texts.find((package, name, ""), common, &mut met);
        for field in &mut one.fields {
            let own = (package, name, &*field.name);
            let common = is_object.then_some((COMMON, "*", &*field.name));
            field.description = texts.find(own, common, &mut met);
        }
    }
    texts.refuse_strangers(&met)
}

impl Texts {
    fn read(&mut self, (file, content): File) -> Result<(), TextError> {
        let package = package(file);
        for (index, line) in content.lines().enumerate() {
            let place = (file, index + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(other) = line.strip_prefix("like ") {
                self.like.insert(package, (other, place));
                continue;
            }
            let split = line.split_once('\t');
            let (name, text) = split.ok_or_else(|| wrong(place, "a name, a TAB, a text"))?;
            let is_proper = !text.is_empty() && text.trim() == text && !text.contains('\t');
            if !is_proper || name.ends_with('.') {
                return Err(wrong(place, &format!("{name} has no proper text")));
            }
            let (owner, field) = name.split_once('.').unwrap_or((name, ""));
            let before = self
                .by_name
                .insert((package, owner, field), Text { place, text });
            if before.is_some() {
                return Err(wrong(place, &format!("{name} is there twice")));
            }
        }
        Ok(())
    }

    /// The text of a name: its own, that of the package which its own is like, or the common one, if one is
    /// given. Empty if there is none. Notes which lines have met their names.
    fn find(
        &self,
        own: Name<'_>,
        common: Option<Name<'_>>,
        met: &mut HashSet<Place>,
    ) -> Cow<'static, str> {
        let (package, owner, field) = own;
        let mut get = |name: Name<'_>| {
            let text = self.by_name.get(&name)?;
            met.insert(text.place);
            Some(text.text)
        };
        let like = self.like.get(package);
        let found = get(own)
            .or_else(|| get((like?.0, owner, field)))
            .or_else(|| get(common?));
        Cow::Borrowed(found.unwrap_or_default())
    }

    /// A line that no name has met is a mistake in writing, or is left of an older release.
    fn refuse_strangers(&self, met: &HashSet<Place>) -> Result<(), TextError> {
        for (other, place) in self.like.values() {
            if !self.by_name.keys().any(|(package, ..)| package == other) {
                return Err(wrong(*place, &format!("there are no texts of {other}")));
            }
        }
        let strangers = self
            .by_name
            .iter()
            .filter(|(_, text)| !met.contains(&text.place));
        match strangers.min_by_key(|(_, text)| text.place) {
            None => Ok(()),
            Some(((package, owner, field), text)) => {
                let what = format!("{package} has no {owner} {field}");
                Err(wrong(text.place, what.trim_end()))
            }
        }
    }
}

fn wrong((file, line): Place, what: &str) -> TextError {
    TextError {
        file,
        line,
        what: what.to_owned(),
    }
}

/// The package that a file is about: its name without the number behind the last dash.
fn package(file: &'static str) -> &'static str {
    match file.rsplit_once('-') {
        Some((package, number)) if number.bytes().all(|b| b.is_ascii_digit()) => package,
        _ => file,
    }
}

#[cfg(test)]
mod tests;
