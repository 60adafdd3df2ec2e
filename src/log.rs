//! Where the program's own lines go and what they look like.
//!
//! Two forms. JSON with etcd's keys (`level`, `ts`, `caller`, `msg`, then fields) for programs that
//! read an etcd's log; plain text for people on a terminal. Never on stdout unless asked for: stdout
//! is for data.

use crate::config::load::{Personality, Settings};
use serde_json::{Map, Value, json};
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// Crates whose routine is not ours to tell. Two rooms of openraft repeat for each entry that a member is away, which
/// the store says once. Its heartbeats are heard: a host that refuses nothing and answers nothing is missed by them alone
/// while there is nothing to replicate.
const QUIET: &str = "openraft=warn,openraft::replication=error,\
    openraft::engine::handler::replication_handler=error,h2=warn,hyper=warn,hyper_util=warn,tonic=warn,tower=warn";

/// Starts logging as the settings of a member ask.
///
/// # Errors
/// A file that cannot be opened, or a filter in `KEELSON_LOG` that cannot be read.
pub fn start(settings: &Settings) -> Result<(), String> {
    let outputs = Outputs::open(settings.text("log-outputs"))?;
    let level = match settings.text("log-level") {
        level @ ("debug" | "info" | "warn") => level,
        _ => "error",
    };
    let mut filter = EnvFilter::try_new(format!("{level},{QUIET}"))
        .map_err(|error| format!("log-level: {error}"))?;
    if let Ok(directives) = std::env::var("KEELSON_LOG") {
        for directive in directives.split(',').filter(|text| !text.is_empty()) {
            let parsed = directive
                .parse()
                .map_err(|error| format!("KEELSON_LOG: {directive:?}: {error}"))?;
            filter = filter.add_directive(parsed);
        }
    }
    let json = match settings.text("log-format") {
        "json" => true,
        "console" => false,
        _ => settings.personality == Personality::Etcd || !outputs.terminal,
    };
    let colour = outputs.terminal && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(outputs);
    match json {
        true => builder.with_ansi(false).event_format(EtcdLines).init(),
        false => builder.with_ansi(colour).with_target(false).init(),
    }
    Ok(())
}

/// One line per event, as etcd writes it.
struct EtcdLines;

impl<S, N> FormatEvent<S, N> for EtcdLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let metadata = event.metadata();
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let level = match *metadata.level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG | Level::TRACE => "debug",
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        // Written piece by piece because the order of the first four keys is part of the form.
        write!(
            writer,
            r#"{{"level":"{level}","ts":"{time}","caller":{},"msg":{}"#,
            json!(caller(metadata.file(), metadata.line())),
            json!(fields.message)
        )?;
        for (name, value) in &fields.rest {
            write!(writer, ",{}:{value}", json!(name))?;
        }
        writeln!(writer, "}}")
    }
}

/// The last directory and the file, as in `raft/handle.rs:12`.
fn caller(file: Option<&str>, line: Option<u32>) -> String {
    let file = file.unwrap_or("unknown");
    let start = file
        .rmatch_indices('/')
        .nth(1)
        .map_or(0, |(position, _)| position + 1);
    format!("{}:{}", &file[start..], line.unwrap_or(0))
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => drop(self.rest.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}

/// All places a line goes to.
#[derive(Clone)]
struct Outputs {
    sinks: Arc<Mutex<Vec<Box<dyn Write + Send>>>>,
    /// A person reads along.
    terminal: bool,
}

impl Outputs {
    fn open(text: &str) -> Result<Outputs, String> {
        let mut sinks: Vec<Box<dyn Write + Send>> = Vec::new();
        let mut terminal = true;
        for name in text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            match name {
                "default" | "stderr" | "/dev/stderr" => {
                    terminal &= io::stderr().is_terminal();
                    sinks.push(Box::new(io::stderr()));
                }
                "stdout" | "/dev/stdout" => {
                    terminal &= io::stdout().is_terminal();
                    sinks.push(Box::new(io::stdout()));
                }
                path => {
                    let file = std::fs::File::options()
                        .create(true)
                        .append(true)
                        .open(path);
                    terminal = false;
                    sinks.push(Box::new(file.map_err(|error| {
                        format!("log-outputs: cannot open {path}: {error}")
                    })?));
                }
            }
        }
        Ok(Outputs {
            sinks: Arc::new(Mutex::new(sinks)),
            terminal,
        })
    }
}

impl Write for Outputs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut sinks = self
            .sinks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for sink in sinks.iter_mut() {
            // A log that cannot be written must not stop the member.
            let _ = sink.write_all(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Outputs {
    type Writer = Outputs;

    fn make_writer(&'a self) -> Outputs {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_one_directory_and_the_file() {
        assert_eq!(
            caller(Some("store/src/raft/handle.rs"), Some(12)),
            "raft/handle.rs:12"
        );
        assert_eq!(caller(Some("src/log.rs"), Some(1)), "src/log.rs:1");
        assert_eq!(caller(None, None), "unknown:0");
    }
}
