//! Tables from printers and objects.

use super::partial::partial;
use super::printer::Printer;
use super::value::{at, list, text};
use serde_json::{Map, Value, json};
use std::fmt;
use std::str::FromStr;

/// The version of `meta.k8s.io` that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetaVersion {
    /// What clients of today ask for.
    #[default]
    V1,
    /// What clients before 1.15 ask for. The same shapes.
    V1beta1,
}

impl MetaVersion {
    /// As objects say it.
    pub fn api_version(self) -> &'static str {
        match self {
            MetaVersion::V1 => "meta.k8s.io/v1",
            MetaVersion::V1beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// What of each object stands beside its cells: the parameter `includeObject`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata, so that clients can select rows.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

/// `includeObject` has another value. Its text is the message of the refusal (400 BadRequest).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidIncludeObject(String);

impl fmt::Display for InvalidIncludeObject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = Value::from(self.0.as_str());
        write!(
            out,
            "Unable to convert to Table as requested: includeObject: Invalid value: {value}: must be \
             'Metadata', 'Object', 'None', or empty"
        )
    }
}

impl std::error::Error for InvalidIncludeObject {}

impl FromStr for IncludeObject {
    type Err = InvalidIncludeObject;

    fn from_str(text: &str) -> Result<IncludeObject, InvalidIncludeObject> {
        match text {
            "None" => Ok(IncludeObject::None),
            "" | "Metadata" => Ok(IncludeObject::Metadata),
            "Object" => Ok(IncludeObject::Object),
            _ => Err(InvalidIncludeObject(text.to_owned())),
        }
    }
}

/// How a table is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Of which version it is.
    pub version: MetaVersion,
    /// What of each object it holds.
    pub include: IncludeObject,
    /// Whether it tells its columns. In a watch only the first event does.
    pub has_columns: bool,
    /// The time of the day, in microseconds since 1970.
    pub now_us: i64,
}

impl Printer {
    /// The table of one object: one row.
    pub fn table(&self, object: &Value, options: &Options) -> Value {
        let mut metadata = Map::new();
        keep(&mut metadata, object, "resourceVersion");
        self.build(metadata, &[object], options)
    }

    /// The table of a list: a row for each of `items`, and the metadata of the list.
    pub fn table_of_list(&self, objects: &Value, options: &Options) -> Value {
        let mut items: Vec<&Value> = list(objects, "items").iter().collect();
        if let Some(order) = self.order() {
            items.sort_by(|a, b| order(a, b));
        }
        self.build(list_metadata(objects), &items, options)
    }

    fn build(&self, metadata: Map<String, Value>, items: &[&Value], options: &Options) -> Value {
        let columns = options.has_columns.then(|| {
            let columns = self.columns().iter();
            columns.map(|column| column.to_json()).collect::<Vec<_>>()
        });
        let rows = items.iter().map(|item| self.row(item, options));
        json!({
            "kind": "Table",
            "apiVersion": options.version.api_version(),
            "metadata": metadata,
            "columnDefinitions": columns,
            "rows": rows.collect::<Vec<_>>(),
        })
    }

    fn row(&self, item: &Value, options: &Options) -> Value {
        let mut row = Map::new();
        row.insert("cells".to_owned(), self.cells(item, options.now_us).into());
        if let Some(conditions) = self.conditions(item) {
            row.insert("conditions".to_owned(), conditions);
        }
        row.insert("object".to_owned(), self.object(item, options));
        Value::Object(row)
    }

    fn object(&self, item: &Value, options: &Options) -> Value {
        match options.include {
            // The client has to learn that it has seen everything, whatever else it wants to see.
            IncludeObject::None if !ends_initial_events(item) => Value::Null,
            IncludeObject::None | IncludeObject::Metadata => partial(item, options.version),
            IncludeObject::Object => self.whole(item),
        }
    }

    /// The object with its kind, which objects in lists may lack.
    fn whole(&self, item: &Value) -> Value {
        let mut whole = item.clone();
        if let Value::Object(fields) = &mut whole {
            let api_version = match self.gvk.group.as_str() {
                "" => self.gvk.version.clone(),
                group => format!("{group}/{}", self.gvk.version),
            };
            let names = [("apiVersion", &api_version), ("kind", &self.gvk.kind)];
            for (field, value) in names {
                fields.entry(field).or_insert_with(|| value.as_str().into());
            }
        }
        whole
    }
}

/// Whether this is the bookmark behind the initial events of a watch.
fn ends_initial_events(item: &Value) -> bool {
    let annotations = at(item, "metadata.annotations").unwrap_or(&Value::Null);
    let mark = annotations.get("k8s.io/initial-events-end");
    mark.is_some_and(|mark| mark == "true")
}

/// What the metadata of a list has in common with that of a table.
pub(super) fn list_metadata(objects: &Value) -> Map<String, Value> {
    let mut metadata = Map::new();
    for field in ["resourceVersion", "continue", "remainingItemCount"] {
        keep(&mut metadata, objects, field);
    }
    metadata
}

fn keep(metadata: &mut Map<String, Value>, from: &Value, field: &str) {
    let path = format!("metadata.{field}");
    let is_empty_text =
        at(from, &path).is_some_and(Value::is_string) && text(from, &path).is_empty();
    if let Some(value) = at(from, &path).filter(|_| !is_empty_text) {
        metadata.insert(field.to_owned(), value.clone());
    }
}
