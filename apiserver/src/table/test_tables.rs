//! Tables as people see them, for tests.

use super::{IncludeObject, MetaVersion, Options, Printer};
use crate::schema::Gvk;
use serde_json::Value;

/// The time at which the tests print: 2026-06-01T12:00:00.3Z.
pub(super) const NOW_US: i64 = 1_780_315_200_300_000;

/// Options of a first answer.
pub(super) const OPTIONS: Options = Options {
    version: MetaVersion::V1,
    include: IncludeObject::Metadata,
    has_columns: true,
    now_us: NOW_US,
};

/// The kind of an object.
pub(super) fn gvk(object: &Value) -> Gvk {
    let api_version = object["apiVersion"].as_str().unwrap();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Gvk {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: object["kind"].as_str().unwrap().to_owned(),
    }
}

/// Columns and rows, each column as wide as it needs to be. Numbers, true and false are shown as JSON, so
/// that they can be told from text by what stands in front: a tilde.
pub(super) fn render(printer: &Printer, objects: &[Value]) -> String {
    let mut rows = vec![Vec::new()];
    for column in printer.columns() {
        rows[0].push(column.name.to_uppercase());
    }
    for object in objects {
        let cells = printer.cells(object, NOW_US);
        let texts = cells.iter().map(|cell| match cell {
            Value::String(text) => text.clone(),
            other => format!("~{other}"),
        });
        rows.push(texts.collect());
    }
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let lines = rows.iter().map(|row| {
        let cells = row.iter().enumerate();
        let padded = cells.map(|(at, cell)| format!("{cell:0$}", width(at)));
        padded.collect::<Vec<_>>().join("   ").trim_end().to_owned() + "\n"
    });
    lines.collect()
}

/// Objects, one a line, rendered kind by kind as they come.
pub(super) fn render_lines(lines: &str) -> String {
    let objects = lines.lines().filter(|line| line.starts_with('{'));
    let objects: Vec<Value> = objects
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let parts = objects.chunk_by(|a, b| gvk(a) == gvk(b)).map(|objects| {
        let printer = Printer::new(&gvk(&objects[0]));
        let kind = objects[0]["kind"].as_str().unwrap();
        format!("{kind}\n{}", render(&printer, objects))
    });
    parts.collect::<Vec<_>>().join("\n")
}
