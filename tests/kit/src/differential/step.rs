//! One request of a script.

use keelson_proto::etcdserverpb::compare::TargetUnion;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::*;
use std::fmt;

/// `PRESENT - 3` in a field that holds a revision means "three before the present one".
pub const PRESENT: i64 = 1 << 40;
/// How far from [`PRESENT`] a relative revision may be.
const REACH: i64 = 1 << 20;

/// One request. Revisions in it may be relative, see [`PRESENT`].
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A range.
    Range(RangeRequest),
    /// The same question, answered in chunks.
    RangeStream(RangeRequest),
    /// A put.
    Put(PutRequest),
    /// A deletion.
    Delete(DeleteRangeRequest),
    /// A transaction.
    Txn(TxnRequest),
    /// A compaction. All watches are waited for first.
    Compact(CompactionRequest),
    /// A lease with an id of our choice.
    Grant(LeaseGrantRequest),
    /// The end of a lease.
    Revoke(LeaseRevokeRequest),
    /// One renewal.
    KeepAlive(LeaseKeepAliveRequest),
    /// A question about a lease.
    TimeToLive(LeaseTimeToLiveRequest),
    /// The list of leases.
    Leases,
    /// A question about the hash; only its revisions are compared.
    HashKv(HashKvRequest),
    /// A watch on one of a few streams, which is opened when needed.
    Watch {
        /// Which stream.
        stream: usize,
        /// What to watch.
        request: WatchCreateRequest,
    },
    /// The end of a watch, after all watches were waited for.
    CancelWatch {
        /// Which stream.
        stream: usize,
        /// Which watch; there may be none of that number.
        watch_id: i64,
    },
    /// The end of a whole stream, after all watches were waited for.
    CloseStream {
        /// Which stream.
        stream: usize,
    },
    /// Waits until all watches have sent everything.
    Settle,
}

impl Step {
    /// The same with relative revisions made absolute.
    #[must_use]
    pub fn at(&self, now: i64) -> Self {
        let mut step = self.clone();
        match &mut step {
            Self::Range(request) | Self::RangeStream(request) => resolve_range(request, now),
            Self::Txn(request) => resolve_txn(request, now),
            // Revision zero can be compacted once on a fresh etcd, which nobody needs to copy.
            Self::Compact(request) => request.revision = absolute(request.revision, now).max(1),
            Self::HashKv(request) => request.revision = absolute(request.revision, now).max(0),
            // Below one they would be "now", or refused, depending on the version.
            Self::Watch { request, .. } if request.start_revision != 0 => {
                request.start_revision = absolute(request.start_revision, now).max(1);
            }
            _ => {}
        }
        step
    }
}

fn absolute(revision: i64, now: i64) -> i64 {
    if (revision - PRESENT).abs() < REACH {
        revision - PRESENT + now
    } else {
        revision
    }
}

fn resolve_range(request: &mut RangeRequest, now: i64) {
    for field in [
        &mut request.revision,
        &mut request.min_mod_revision,
        &mut request.max_mod_revision,
        &mut request.min_create_revision,
        &mut request.max_create_revision,
    ] {
        *field = absolute(*field, now);
    }
}

fn resolve_txn(request: &mut TxnRequest, now: i64) {
    for compare in &mut request.compare {
        if let Some(TargetUnion::ModRevision(revision) | TargetUnion::CreateRevision(revision)) =
            &mut compare.target_union
        {
            *revision = absolute(*revision, now);
        }
    }
    for op in request.success.iter_mut().chain(&mut request.failure) {
        match &mut op.request {
            Some(Request::RequestRange(range)) => resolve_range(range, now),
            Some(Request::RequestTxn(txn)) => resolve_txn(txn, now),
            _ => {}
        }
    }
}

/// One line; fields that have their default are left out, relative revisions are written `now-3`.
impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&relative_numbers(&without_defaults(&format!("{self:?}"))))
    }
}

fn without_defaults(debug: &str) -> String {
    let mut text = debug.to_owned();
    for default in [": 0", ": false", ": b\"\"", ": None", ": []"] {
        let mut from = 0;
        while let Some(found) = text[from..].find(default) {
            let value = from + found;
            let end = value + default.len();
            let closed = text[end..].starts_with(", ") || text[end..].starts_with(" }");
            if !closed {
                from = end;
                continue;
            }
            let name = text[..value]
                .rfind(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .map_or(0, |before| before + 1);
            let end = end + if text[end..].starts_with(", ") { 2 } else { 0 };
            text.replace_range(name..end, "");
            from = name;
        }
    }
    text.replace(",  }", " }")
        .replace("{  }", "{}")
        .replace("{ }", "{}")
}

fn relative_numbers(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        match digits.parse::<i64>() {
            Ok(number) if (number - PRESENT).abs() < REACH => {
                out.push_str(&format!("now{:+}", number - PRESENT));
            }
            _ => out.push_str(&digits),
        }
        digits.clear();
        if letter != '\0' {
            out.push(letter);
        }
    }
    out
}
