//! Reading rows from their text.
//!
//! One line per resource, words separated by single spaces; a line that begins with `#` and an empty line
//! say nothing. Four words come first: group and version (`apps/v1`, or `v1` for the core group), plural,
//! kind, `namespaced` or `cluster`. Then, in any order:
//!
//! ```text
//! short:po,pod                   short names
//! category:all                   categories
//! verbs:create,get               else all eight
//! key:services/specs             place in the store, else the plural
//! stored:autoscaling/v2          version in which it is stored, else its own
//! conditional                    an update must carry a resourceVersion
//! create-on-update               an update may create
//! select:a.b,c=d.e               labels of field selectors, with their paths if they differ
//! sub:status, sub:scale          subresources that are the same for all
//! sub:NAME/KIND:verbs            others; KIND may have its group and version before it
//! ```

use super::types::{Resource, Scope, SelectableField, Subresource, Verb};
use crate::schema::Gvk;
use std::fmt;

/// A text that is no table of resources. There is nothing to do but to mend the text.
#[derive(Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for LoadError {}

/// Reads rows from their text.
///
/// # Errors
/// With the first line that is not as the format wants it.
pub fn load(text: &str) -> Result<Vec<Resource>, LoadError> {
    let lines = text.lines().enumerate();
    let rows = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    rows.map(|(index, line)| {
        row(line).map_err(|what| LoadError {
            line: index + 1,
            what,
        })
    })
    .collect()
}

fn row(line: &str) -> Result<Resource, String> {
    let mut words = line.split(' ');
    let mut next = |what: &str| words.next().ok_or(format!("a resource has {what}"));
    let (api_version, plural) = (next("a version")?, next("a plural")?);
    let (kind, scope) = (next("a kind")?, next("a scope")?);
    let gvk = gvk(api_version, kind);
    let mut row = Resource {
        stored: gvk.clone(),
        gvk,
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        scope: match scope {
            "namespaced" => Scope::Namespaced,
            "cluster" => Scope::Cluster,
            other => return Err(format!("{other} is no scope")),
        },
        verbs: Verb::ALL.to_vec(),
        subresources: Vec::new(),
        key: plural.to_owned(),
        updates_unconditionally: true,
        creates_on_update: false,
        selectable: Vec::new(),
        custom: None,
    };
    for word in words {
        add(&mut row, word)?;
    }
    row.subresources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(row)
}

fn add(row: &mut Resource, word: &str) -> Result<(), String> {
    match word.split_once(':').unwrap_or((word, "")) {
        ("conditional", "") => row.updates_unconditionally = false,
        ("create-on-update", "") => row.creates_on_update = true,
        (_, "") => return Err(format!("a resource has no {word}")),
        ("short", names) => row.short_names = list(names),
        ("category", names) => row.categories = list(names),
        ("verbs", names) => row.verbs = verbs(names)?,
        ("key", key) => row.key = key.to_owned(),
        ("stored", api_version) => row.stored = gvk(api_version, &row.gvk.kind),
        ("select", fields) => row.selectable = fields.split(',').map(selectable).collect(),
        ("sub", sub) => {
            let sub = subresource(row, sub)?;
            if row.subresource(&sub.name).is_some() {
                return Err(format!("{} is there twice", sub.name));
            }
            row.subresources.push(sub);
        }
        _ => return Err(format!("a resource has no {word}")),
    }
    Ok(())
}

fn gvk(api_version: &str, kind: &str) -> Gvk {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Gvk {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
    }
}

fn list(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn verbs(names: &str) -> Result<Vec<Verb>, String> {
    let verb = |name: &str| Verb::ALL.into_iter().find(|verb| verb.name() == name);
    let verbs = names
        .split(',')
        .map(|name| verb(name).ok_or_else(|| format!("{name} is no verb")));
    let verbs = verbs.collect::<Result<Vec<_>, _>>()?;
    match verbs.is_sorted_by(|a, b| a < b) {
        true => Ok(verbs),
        false => Err(format!("{names} are not in order")),
    }
}

fn selectable(word: &str) -> SelectableField {
    let (label, path) = word.split_once('=').unwrap_or((word, word));
    SelectableField {
        label: label.to_owned(),
        path: path.to_owned(),
    }
}

fn subresource(row: &Resource, word: &str) -> Result<Subresource, String> {
    let standard = |gvk| Subresource {
        name: word.to_owned(),
        gvk,
        verbs: vec![Verb::Get, Verb::Patch, Verb::Update],
    };
    match word {
        "status" => return Ok(standard(row.gvk.clone())),
        "scale" => return Ok(standard(gvk("autoscaling/v1", "Scale"))),
        _ => {}
    }
    let parts = word.split_once(':');
    let parts = parts.and_then(|(path, verbs)| Some((path.split_once('/')?, verbs)));
    let Some(((name, kind), names)) = parts else {
        return Err(format!("{word} is no subresource"));
    };
    let gvk = match kind.rsplit_once('/') {
        Some((api_version, kind)) => gvk(api_version, kind),
        None => Gvk {
            kind: kind.to_owned(),
            ..row.gvk.clone()
        },
    };
    Ok(Subresource {
        name: name.to_owned(),
        gvk,
        verbs: verbs(names)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Resource {
        load(line).unwrap().remove(0)
    }

    #[test]
    fn a_bare_row_has_all_verbs_and_lies_under_its_plural() {
        let row = one("# a comment\n\napps/v1 daemonSets DaemonSet namespaced");
        assert_eq!((row.gvk.group.as_str(), &*row.gvk.version), ("apps", "v1"));
        assert_eq!((&*row.singular, &*row.key), ("daemonset", "daemonSets"));
        assert_eq!(row.verbs, Verb::ALL);
        assert_eq!(row.stored, row.gvk);
        assert!(row.updates_unconditionally && !row.creates_on_update);
        assert_eq!(row.scope, Scope::Namespaced);
    }

    #[test]
    fn every_word_of_the_format_is_understood() {
        let row = one(
            "v1 as A cluster short:a,b category:all verbs:get,watch key:x/y stored:g/v2 conditional \
             create-on-update select:a.b,c=d.e sub:status sub:scale sub:do/g/v3/Doing:create sub:by/B:get",
        );
        assert_eq!(row.short_names, ["a", "b"]);
        assert_eq!(row.categories, ["all"]);
        assert!(row.can(Verb::Watch) && !row.can(Verb::List));
        assert_eq!((&*row.key, row.stored), ("x/y", gvk("g/v2", "A")));
        assert!(!row.updates_unconditionally && row.creates_on_update);
        let names: Vec<_> = row.subresources.iter().map(|sub| &*sub.name).collect();
        assert_eq!(names, ["by", "do", "scale", "status"]);
        assert_eq!(row.subresources[0].gvk, gvk("v1", "B"));
        assert_eq!(row.subresources[1].gvk, gvk("g/v3", "Doing"));
        assert_eq!(row.subresources[1].verbs, [Verb::Create]);
        assert_eq!(row.subresources[2].gvk, gvk("autoscaling/v1", "Scale"));
    }

    #[test]
    fn a_selector_may_name_what_the_row_says_and_the_name() {
        let row = one("v1 as A cluster select:a.b,c=d.e");
        assert_eq!(row.selectable_path("a.b"), Some("a.b"));
        assert_eq!(row.selectable_path("c"), Some("d.e"));
        assert_eq!(row.selectable_path("d.e"), None);
        assert_eq!(row.selectable_path("metadata.name"), Some("metadata.name"));
        assert_eq!(row.selectable_path("metadata.namespace"), None);
        let row = one("v1 as A namespaced");
        let namespace = "metadata.namespace";
        assert_eq!(row.selectable_path(namespace), Some(namespace));
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        for (words, what) in [
            ("v1 as A", "a resource has a scope"),
            ("v1 as A global", "global is no scope"),
            ("v1 as A cluster huge", "a resource has no huge"),
            ("v1 as A cluster short:", "a resource has no short:"),
            (
                "v1 as A cluster conditional:x",
                "a resource has no conditional:x",
            ),
            ("v1 as A cluster verbs:fly", "fly is no verb"),
            (
                "v1 as A cluster verbs:list,get",
                "list,get are not in order",
            ),
            ("v1 as A cluster verbs:get,get", "get,get are not in order"),
            ("v1 as A cluster sub:log", "log is no subresource"),
            ("v1 as A cluster sub:log:get", "log:get is no subresource"),
            ("v1 as A cluster sub:log/A:fly", "fly is no verb"),
            (
                "v1 as A cluster sub:status sub:status",
                "status is there twice",
            ),
        ] {
            let error = load(&format!("\n{words}")).unwrap_err();
            let what = what.to_owned();
            assert_eq!(error, LoadError { line: 2, what }, "{words}");
        }
    }
}
