//! What a command says when it cannot do what was asked, and its exit code.

use std::fmt::Write;
use std::process::ExitCode;

/// Exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It could not be done or found out.
    Failure = 1,
    /// It was asked for in the wrong way.
    Usage = 2,
    /// `health` found something wrong.
    Unhealthy = 10,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What failed, why, and what to do next.
#[derive(Clone, Debug)]
pub struct Error {
    /// How the program ends.
    pub exit: Exit,
    /// What failed, in our words.
    pub what: String,
    /// The likely cause.
    pub why: Option<String>,
    /// What to run or change.
    pub fix: Option<String>,
}

/// What every command returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with neither cause nor advice.
    pub fn new(exit: Exit, what: impl Into<String>) -> Error {
        Error {
            exit,
            what: what.into(),
            why: None,
            fix: None,
        }
    }

    /// Something that could not be done.
    pub fn failure(what: impl Into<String>) -> Error {
        Error::new(Exit::Failure, what)
    }

    /// Something asked for in the wrong way.
    pub fn usage(what: impl Into<String>) -> Error {
        Error::new(Exit::Usage, what)
    }

    /// Adds the cause.
    pub fn why(mut self, why: impl Into<String>) -> Error {
        self.why = Some(why.into());
        self
    }

    /// Adds advice.
    pub fn fix(mut self, fix: impl Into<String>) -> Error {
        self.fix = Some(fix.into());
        self
    }

    /// An answer of the server, in its own words and with what to do about it.
    pub fn from_status(what: &str, status: &tonic::Status) -> Error {
        let error = Error::failure(what).why(format!("{} ({:?})", status.message(), status.code()));
        match advice(status) {
            Some(fix) => error.fix(fix),
            None => error,
        }
    }

    /// To stderr.
    pub fn print(&self) {
        eprint!("{}", self.text());
    }

    /// The lines [`print`](Error::print) writes.
    pub fn text(&self) -> String {
        let mut text = format!("error: {}\n", self.what);
        for (label, part) in [("why", &self.why), ("fix", &self.fix)] {
            if let Some(part) = part {
                let _ = writeln!(text, "  {label}  {}", part.replace('\n', "\n       "));
            }
        }
        text
    }
}

/// Advice by what the server said.
fn advice(status: &tonic::Status) -> Option<&'static str> {
    let message = status.message();
    let table = [
        (
            "database space exceeded",
            "free space: compact old revisions, then disarm the alarm (etcdctl alarm disarm); or raise quota-backend-bytes",
        ),
        (
            "revision has been compacted",
            "ask for a newer revision; this one is gone",
        ),
        (
            "required revision is a future revision",
            "ask for a revision that exists; see `keelson status`",
        ),
        (
            "too many requests",
            "the cluster is overloaded; try again more slowly",
        ),
        (
            "no leader",
            "an election is going on or the quorum is lost; see `keelson status`",
        ),
        (
            "timed out",
            "whether it took effect is unknown: read before trying again",
        ),
        (
            "request is too large",
            "split it, or raise max-request-bytes on every member",
        ),
        (
            "too many operations",
            "split the transaction, or raise max-txn-ops on every member",
        ),
        ("member not found", "see `keelson member list`"),
        (
            "requested lease not found",
            "it has expired or was revoked; grant a new one",
        ),
        (
            "not leader",
            "ask the leader: see `keelson status`, then --endpoints",
        ),
    ];
    let by_text = table
        .iter()
        .find(|(text, _)| message.contains(text))
        .map(|(_, fix)| *fix);
    by_text.or(match status.code() {
        tonic::Code::DeadlineExceeded => Some(
            "whether it took effect is unknown: read before trying again; --timeout waits longer",
        ),
        tonic::Code::Unimplemented => Some("this endpoint does not offer it"),
        _ => None,
    })
}
