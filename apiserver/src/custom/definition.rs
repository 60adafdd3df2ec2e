//! A definition as a whole.

use super::pattern::Pattern;
use super::schema::Schema;
use super::{check, form, names, table};
use crate::decode::conform::conform;
use crate::decode::{self, Strict};
use crate::resource::{Resource, Scope, SelectableField, Subresource, Verb};
use crate::schema::{Gvk, Table, TypeId};
use crate::status::FieldError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the objects of a custom kind look like, in all its versions.
#[derive(Debug)]
pub struct Custom {
    /// Its spec as it is stored: two are the same if this is.
    spec: Value,
    versions: BTreeMap<String, Version>,
    table: Table,
    /// What every object has.
    envelope: TypeId,
}

#[derive(Debug)]
struct Version {
    schema: Schema,
    /// As it was written, for documents.
    text: Value,
    columns: Vec<Value>,
    scale: Option<Scale>,
    has_status: bool,
    is_deprecated: bool,
    /// Instead of the usual one; empty: none.
    warning: String,
}

/// Where an object has its number of replicas, as JSON pointers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// How many there shall be.
    pub spec: String,
    /// How many there are.
    pub status: String,
    /// Which they are: a selector as text. Empty if nothing says so.
    pub selector: String,
}

impl PartialEq for Custom {
    fn eq(&self, other: &Custom) -> bool {
        self.spec == other.spec
    }
}

impl Eq for Custom {}

impl Custom {
    fn of(definition: &Value) -> Custom {
        let spec = &definition["spec"];
        let versions: BTreeMap<String, Version> = list(spec, "versions")
            .iter()
            .map(|version| (text(version, "name"), Version::of(version)))
            .collect();
        let (group, kind) = (text(spec, "group"), text(&spec["names"], "kind"));
        let kinds = versions.iter().map(|(name, version)| {
            let gvk = Gvk {
                group: group.clone(),
                version: name.clone(),
                kind: kind.clone(),
            };
            (gvk, &version.schema)
        });
        let (table, envelope) = table::of(kinds);
        Custom {
            spec: spec.clone(),
            table,
            envelope,
            versions,
        }
    }

    /// The shapes of its versions, for server-side apply.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The schema of a version as it was written. Null if there is none.
    pub(crate) fn schema_text(&self, version: &str) -> &Value {
        let found = self.versions.get(version);
        found.map_or(&Value::Null, |version| &version.text)
    }

    /// What is said to whoever uses a version, if it is deprecated.
    pub(crate) fn deprecation(&self, gvk: &Gvk) -> Option<String> {
        let version = self.versions.get(&gvk.version)?;
        let Gvk {
            group,
            version: name,
            kind,
        } = gvk;
        let usual = || format!("{group}/{name} {kind} is deprecated");
        version
            .is_deprecated
            .then(|| match version.warning.is_empty() {
                true => usual(),
                false => version.warning.clone(),
            })
    }

    /// The columns that a version has besides the name.
    pub(crate) fn columns(&self, version: &str) -> &[Value] {
        let found = self.versions.get(version);
        found.map_or(&[], |version| version.columns.as_slice())
    }

    /// Where objects of a version have their number of replicas.
    pub(crate) fn scale(&self, version: &str) -> Option<&Scale> {
        self.versions.get(version)?.scale.as_ref()
    }

    /// Brings an object of a version into the form in which it is stored. Returns what is unknown in it,
    /// which it has no more.
    ///
    /// # Errors
    /// If its metadata is none, or it nests too deeply.
    pub(crate) fn form(&self, version: &str, object: &mut Value) -> Result<Strict, decode::Error> {
        let mut strict = conform(&self.table, self.envelope, object)?;
        if let Some(version) = self.versions.get(version) {
            form::form(&version.schema, object, &mut strict)?;
        }
        Ok(strict)
    }

    /// What is wrong with an object of a version; `old` is what it was.
    pub(crate) fn check(
        &self,
        version: &str,
        object: &Value,
        old: Option<&Value>,
    ) -> Vec<FieldError> {
        let found = self.versions.get(version);
        found.map_or_else(Vec::new, |version| {
            check::check(&version.schema, object, old)
        })
    }
}

impl Version {
    fn of(version: &Value) -> Version {
        let schema = &version["schema"]["openAPIV3Schema"];
        let scale = version.pointer("/subresources/scale");
        Version {
            schema: Schema::parse(schema),
            text: schema.clone(),
            columns: list(version, "additionalPrinterColumns").to_vec(),
            scale: scale.map(|scale| Scale {
                spec: pointer(&text(scale, "specReplicasPath")),
                status: pointer(&text(scale, "statusReplicasPath")),
                selector: pointer(&text(scale, "labelSelectorPath")),
            }),
            has_status: version.pointer("/subresources/status").is_some(),
            is_deprecated: version["deprecated"] == true,
            warning: text(version, "deprecationWarning"),
        }
    }
}

/// Whether a value is sound by a schema as it was written, and has nothing that is unknown there.
pub(crate) fn fits_schema(schema: &Value, value: &Value) -> bool {
    let schema = Schema::parse(schema);
    let (mut formed, mut strict) = (serde_json::json!({"default": value}), Strict::default());
    let whole = Schema {
        properties: BTreeMap::from([("default".to_owned(), schema)]),
        ..Schema::default()
    };
    let is_formed = form::form(&whole, &mut formed, &mut strict).is_ok();
    is_formed && strict.is_empty() && check::check(&whole, &formed, None).is_empty()
}

/// Why a pattern of a schema cannot be read; `None`: it can.
pub(crate) fn pattern_fault(pattern: &str) -> Option<String> {
    Pattern::parse(pattern).err()
}

/// The rows of a definition: one for each version that is served, none if it is not established.
pub fn rows(definition: &Value) -> Vec<Resource> {
    resources(definition).0
}

/// The same, and the row of the version in which objects are stored, whether that is served or not.
pub(super) fn resources(definition: &Value) -> (Vec<Resource>, Option<Resource>) {
    let versions = list(&definition["spec"], "versions");
    let is = |version: &Value, what: &str| version[what].as_bool().unwrap_or(false);
    let stored = versions.iter().find(|version| is(version, "storage"));
    let Some(stored) = stored.filter(|_| names::is_established(definition)) else {
        return (Vec::new(), None);
    };
    let custom = Arc::new(Custom::of(definition));
    let name = text(stored, "name");
    let row = |version: &Value| row(definition, &custom, version, &name);
    let served = versions.iter().filter(|version| is(version, "served"));
    (served.map(row).collect(), Some(row(stored)))
}

fn row(definition: &Value, custom: &Arc<Custom>, version: &Value, stored: &str) -> Resource {
    let (spec, names) = (&definition["spec"], &definition["status"]["acceptedNames"]);
    let group = text(spec, "group");
    let gvk = Gvk {
        group: group.clone(),
        version: text(version, "name"),
        kind: text(names, "kind"),
    };
    let plural = text(names, "plural");
    let texts = |name: &str| {
        let texts = list(names, name).iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let selectable = list(version, "selectableFields").iter().map(|field| {
        let path = text(field, "jsonPath").trim_start_matches('.').to_owned();
        SelectableField {
            label: path.clone(),
            path,
        }
    });
    Resource {
        singular: text(names, "singular"),
        short_names: texts("shortNames"),
        categories: texts("categories"),
        scope: match text(spec, "scope").as_str() {
            "Namespaced" => Scope::Namespaced,
            _ => Scope::Cluster,
        },
        verbs: verbs(definition),
        subresources: subresources(custom, &gvk),
        key: format!("{group}/{plural}"),
        stored: Gvk {
            version: stored.to_owned(),
            ..gvk.clone()
        },
        updates_unconditionally: false,
        creates_on_update: false,
        selectable: selectable.collect(),
        custom: Some(custom.clone()),
        gvk,
        plural,
    }
}

/// Nothing new comes while the definition goes.
fn verbs(definition: &Value) -> Vec<Verb> {
    let is_going = names::has_condition(definition, "Terminating");
    let mut verbs = Verb::ALL.to_vec();
    verbs.retain(|verb| !is_going || *verb != Verb::Create);
    verbs
}

fn subresources(custom: &Custom, gvk: &Gvk) -> Vec<Subresource> {
    let verbs = vec![Verb::Get, Verb::Patch, Verb::Update];
    let version = custom.versions.get(&gvk.version);
    let mut subresources = Vec::new();
    if version.is_some_and(|version| version.scale.is_some()) {
        subresources.push(Subresource {
            name: "scale".to_owned(),
            gvk: Gvk {
                group: "autoscaling".to_owned(),
                version: "v1".to_owned(),
                kind: "Scale".to_owned(),
            },
            verbs: verbs.clone(),
        });
    }
    if version.is_some_and(|version| version.has_status) {
        subresources.push(Subresource {
            name: "status".to_owned(),
            gvk: gvk.clone(),
            verbs,
        });
    }
    subresources
}

/// `.spec.replicas` as a JSON pointer; nothing stays nothing.
fn pointer(path: &str) -> String {
    path.replace('.', "/")
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let list = value.get(name).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
