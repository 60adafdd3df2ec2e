//! The program `keelson`: one binary that is a member, a development cluster, a client and a load
//! generator.
//!
//! * [`config`] is what a member is told, [`run`] runs it.
//! * [`dev`] runs a whole cluster as child processes.
//! * [`cli`] is every other command, [`bench`] the load generator.
//! * [`kube`] puts the Kubernetes half onto the member, if [`run`] is told to.
//!
//! What may enter: putting parts together, and talking to people. What never happens here: a
//! decision about data; that is the store's.

mod bench;
mod cli;
mod config;
mod dev;
mod kube;
mod log;
mod process;
mod run;
mod version;

use config::Personality;
use std::path::Path;
use std::process::ExitCode;

/// A Kubernetes object is some hundred small pieces of memory, which are made and given back together again and
/// again. See `docs/performance.md`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    #[cfg(feature = "faults")]
    keelson_store::faults::panics::end_with_panics();
    #[cfg(feature = "faults")]
    if let Err(why) = keelson_store::faults::start() {
        eprintln!("{why}");
        return cli::error::Exit::Usage.into();
    }
    let program = arguments.first().map(Path::new).and_then(Path::file_name);
    if program.is_some_and(|name| name == "etcd") {
        return run::server(Personality::Etcd, &arguments[1..]);
    }
    // These two take etcd's flags, which are not spelled like everybody else's.
    match arguments.get(1).map(String::as_str) {
        Some("server") => run::server(Personality::Keelson, &arguments[2..]),
        Some("etcd") => run::server(Personality::Etcd, &arguments[2..]),
        Some("--version" | "-V" | "version") => {
            cli::output::data(&version::keelson_line());
            ExitCode::SUCCESS
        }
        _ => cli::run(),
    }
}
