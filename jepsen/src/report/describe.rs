//! Requests and answers in a few words.

use crate::history::{
    Blob, Call, Comparison, KeyRange, KeyValue, KvCall, KvReply, LeaseCall, LeaseReply, Operation,
    Operator, Outcome, OutsideCall, Reply, Target,
};

/// Longer texts are cut.
const LONG: usize = 160;

fn cut(text: String) -> String {
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn value(value: &Blob) -> String {
    let text = value.to_string();
    match text.char_indices().nth(24) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn range(range: &KeyRange) -> String {
    match (&*range.end, range.key.is_empty() || *range.key == [0]) {
        ([], _) => range.key.to_string(),
        ([0], true) => "everything".to_owned(),
        ([0], false) => format!("{}…", range.key),
        _ if KeyRange::prefix(range.key.clone()) == *range => format!("{}*", range.key),
        _ => format!("[{}, {})", range.key, range.end),
    }
}

fn comparison(one: &Comparison) -> String {
    let operator = match one.operator {
        Operator::Equal => "=",
        Operator::NotEqual => "≠",
        Operator::Greater => ">",
        Operator::Less => "<",
    };
    let (what, wanted) = match &one.target {
        Target::Version(wanted) => ("version", wanted.to_string()),
        Target::Create(wanted) => ("create", wanted.to_string()),
        Target::Mod(wanted) => ("mod", wanted.to_string()),
        Target::Lease(wanted) => ("lease", wanted.to_string()),
        Target::Value(wanted) => ("value", value(wanted)),
    };
    format!("{what}({}) {operator} {wanted}", range(&one.range))
}

fn all<T>(items: &[T], one: impl Fn(&T) -> String, between: &str) -> String {
    items.iter().map(one).collect::<Vec<_>>().join(between)
}

fn kv(call: &KvCall) -> String {
    match call {
        KvCall::Range(read) => {
            let mut text = match read.range.is_one() {
                true => format!("get {}", range(&read.range)),
                false => format!("list {}", range(&read.range)),
            };
            if read.revision > 0 {
                text.push_str(&format!(" at {}", read.revision));
            }
            if read.limit > 0 {
                text.push_str(&format!(" limit {}", read.limit));
            }
            if read.serializable {
                text.push_str(" (may be old)");
            }
            text
        }
        KvCall::Put(put) if put.lease != 0 => {
            format!(
                "put {} = {} lease {}",
                put.key,
                value(&put.value),
                put.lease
            )
        }
        KvCall::Put(put) => format!("put {} = {}", put.key, value(&put.value)),
        KvCall::Delete(delete) => format!("delete {}", range(&delete.range)),
        KvCall::Txn(txn) if txn.compare.is_empty() => {
            format!("all of {{{}}}", all(&txn.success, kv, "; "))
        }
        KvCall::Txn(txn) => format!(
            "if {} then {{{}}} else {{{}}}",
            all(&txn.compare, comparison, " and "),
            all(&txn.success, kv, "; "),
            all(&txn.failure, kv, "; ")
        ),
    }
}

/// A request.
pub fn call(call: &Call) -> String {
    cut(match call {
        Call::Kv(call) => kv(call),
        Call::Compact { revision, .. } => format!("compact to {revision}"),
        Call::Lease(lease) => match lease {
            LeaseCall::Grant { id, ttl } => format!("grant lease {id} for {ttl} s"),
            LeaseCall::Revoke { id } => format!("revoke lease {id}"),
            LeaseCall::KeepAlive { id } => format!("keep lease {id} alive"),
            LeaseCall::TimeToLive { id, .. } => format!("ask for lease {id}"),
            LeaseCall::List => "list leases".to_owned(),
        },
        Call::Outside(OutsideCall::Add { set, element, .. }) => format!("add {element} to {set}"),
        Call::Outside(OutsideCall::Read { set }) => format!("read {set}"),
        Call::Member(member) => format!("{member:?}"),
        Call::Lock(lock) => format!("{lock:?}"),
        Call::Admin(admin) => format!("{admin:?}"),
        Call::Http(http) => format!("{} {}", http.method, http.path),
    })
}

fn version(kv: &KeyValue) -> String {
    format!(
        "{} = {} (mod {}, version {})",
        kv.key,
        value(&kv.value),
        kv.mod_revision,
        kv.version
    )
}

fn kv_reply(reply: &KvReply) -> String {
    match reply {
        KvReply::Range(range) if range.kvs.is_empty() => format!("count {}", range.count),
        KvReply::Range(range) => all(&range.kvs, version, ", "),
        KvReply::Put(put) => match &put.prev {
            Some(prev) => format!("done, before: {}", version(prev)),
            None => "done".to_owned(),
        },
        KvReply::Delete(delete) => format!("{} deleted", delete.deleted),
        KvReply::Txn(txn) => {
            let branch = if txn.succeeded { "then" } else { "else" };
            format!("{branch} {{{}}}", all(&txn.replies, kv_reply, "; "))
        }
    }
}

/// How an operation ended.
pub fn outcome(operation: &Operation) -> String {
    cut(match &operation.outcome {
        Outcome::Failed { code, text } => format!("refused: {code} {text}"),
        Outcome::Unknown { code, text } => format!("unknown: {code} {text}"),
        Outcome::Ok(Reply::Kv { header, reply }) => {
            format!("revision {}: {}", header.revision, kv_reply(reply))
        }
        Outcome::Ok(Reply::Lease { header, reply }) => match reply {
            LeaseReply::Granted { id, ttl } => format!("lease {id} lives {ttl} s"),
            LeaseReply::KeptAlive { ttl } => format!("lives {ttl} s"),
            LeaseReply::Revoked => format!("revision {}: revoked", header.revision),
            LeaseReply::TimeToLive { ttl, keys, .. } => {
                format!("{ttl} s left, keys {}", all(keys, Blob::to_string, ", "))
            }
            LeaseReply::List { ids } => format!("{ids:?}"),
        },
        Outcome::Ok(Reply::Compact { header }) => format!("revision {}: done", header.revision),
        Outcome::Ok(Reply::Outside { accepted, elements }) => match elements.is_empty() {
            true if *accepted => "taken".to_owned(),
            true => "not taken".to_owned(),
            false => format!("{elements:?}"),
        },
        Outcome::Ok(Reply::Http(reply)) => format!("{} at {}", reply.code, reply.version()),
        Outcome::Ok(reply) => format!("{reply:?}"),
    })
}
