//! `keelson kv`: reading and writing keys.

use super::connect::kv_client;
use super::error::{Error, Result};
use super::output::{self, json_bytes, show, table};
use super::{Context, history, txn, watch};
use bytes::Bytes;
use keelson_proto::etcdserverpb::kv_client::KvClient;
use keelson_proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse,
};
use keelson_proto::mvccpb::KeyValue;
use serde_json::{Value, json};
use std::io::Read;
use std::process::ExitCode;

/// Commands on keys.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Show a key, or a range of keys
    Get(Get),
    /// Set a key
    Put(Put),
    /// Delete a key, or a range of keys
    Del(Del),
    /// Show changes as they happen, until Ctrl-C
    Watch(watch::Options),
    /// Read a transaction from stdin (compares, then success, then failure, blank lines between) and run it
    Txn,
    /// Show the versions of a key that are still stored
    History(history::Options),
    /// Give up the history below a revision
    Compact {
        /// Oldest revision that can still be asked for afterwards
        revision: i64,
        /// Answer only when the space is given back
        #[arg(long)]
        physical: bool,
    },
}

/// Which keys.
#[derive(clap::Args, Clone, Debug)]
pub struct Keys {
    /// The key, or where the range begins; may be empty with --prefix or --from-key
    pub key: String,
    /// Where the range ends; this key is not part of it
    pub range_end: Option<String>,
    /// All keys that begin with KEY
    #[arg(long, conflicts_with_all = ["range_end", "from_key"])]
    pub prefix: bool,
    /// All keys from KEY on
    #[arg(long, conflicts_with = "range_end")]
    pub from_key: bool,
}

impl Keys {
    /// Key and range end as they go over the wire.
    pub fn range(&self) -> (Bytes, Bytes) {
        let key = Bytes::from(self.key.clone().into_bytes());
        let all = self.key.is_empty() && (self.prefix || self.from_key);
        match (all, self.prefix, self.from_key, &self.range_end) {
            (true, ..) => (Bytes::from_static(b"\0"), Bytes::from_static(b"\0")),
            (_, true, ..) => (key.clone(), prefix_end(&key)),
            (_, _, true, _) => (key, Bytes::from_static(b"\0")),
            (.., Some(end)) => (key, Bytes::from(end.clone().into_bytes())),
            _ => (key, Bytes::new()),
        }
    }
}

/// The first key behind all keys with this prefix; one zero byte if there is none.
pub fn prefix_end(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return Bytes::from(end);
        }
    }
    Bytes::from_static(b"\0")
}

/// Arguments of `get`.
#[derive(clap::Args, Debug)]
pub struct Get {
    #[command(flatten)]
    keys: Keys,
    /// As of this revision
    #[arg(long, default_value_t = 0)]
    rev: i64,
    /// At most so many keys; 0 for all
    #[arg(long, default_value_t = 0)]
    limit: i64,
    /// Answer from one member's state, perhaps an old one, without asking a quorum
    #[arg(long)]
    serializable: bool,
    /// Leave the values out
    #[arg(long)]
    keys_only: bool,
    /// Only how many there are
    #[arg(long)]
    count_only: bool,
    /// Order of the answer
    #[arg(long, value_enum)]
    sort_by: Option<SortBy>,
    /// Largest first
    #[arg(long)]
    descending: bool,
    /// Only the value as it is, byte for byte, without a newline
    #[arg(long, conflicts_with_all = ["keys_only", "count_only"])]
    raw: bool,
}

/// What to sort by. The numbers are those of the protocol.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SortBy {
    Key = 0,
    Version = 1,
    Create = 2,
    Mod = 3,
    Value = 4,
}

/// Arguments of `put`.
#[derive(clap::Args, Debug)]
pub struct Put {
    key: String,
    /// The value; `-` reads it from stdin
    value: String,
    /// Lease to attach the key to, in hexadecimal as etcdctl prints it
    #[arg(long, value_parser = lease_id, default_value = "0")]
    lease: i64,
    /// Show what was there before
    #[arg(long)]
    prev_kv: bool,
}

/// Arguments of `del`.
#[derive(clap::Args, Debug)]
pub struct Del {
    #[command(flatten)]
    keys: Keys,
    /// Show what was there before
    #[arg(long)]
    prev_kv: bool,
}

fn lease_id(text: &str) -> std::result::Result<i64, String> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16)
        .map(|id| id as i64)
        .map_err(|_| format!("{text:?} is not a lease id in hexadecimal"))
}

/// Runs one of them.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Get(options) => get(context, &options).await?,
        Command::Put(options) => put(context, options).await?,
        Command::Del(options) => del(context, &options).await?,
        Command::Watch(options) => watch::run(context, &options).await?,
        Command::Txn => txn::run(context).await?,
        Command::History(options) => history::run(context, &options).await?,
        Command::Compact { revision, physical } => compact(context, revision, physical).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn get(context: &Context, options: &Get) -> Result<()> {
    let (key, range_end) = options.keys.range();
    let sorted = options.sort_by.is_some() || options.descending;
    let request = RangeRequest {
        key,
        range_end,
        limit: options.limit,
        revision: options.rev,
        serializable: options.serializable,
        keys_only: options.keys_only,
        count_only: options.count_only,
        sort_order: match (sorted, options.descending) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        },
        sort_target: options.sort_by.unwrap_or(SortBy::Key) as i32,
        ..RangeRequest::default()
    };
    let answer = range(context, request).await?;
    if options.raw {
        if answer.kvs.is_empty() {
            return Err(Error::failure(format!(
                "there is no key {:?}",
                options.keys.key
            )));
        }
        return write_raw(&answer.kvs);
    }
    if context.json() {
        output::json_document(&json!({
            "revision": answer.header.as_ref().map_or(0, |header| header.revision),
            "count": answer.count,
            "more": answer.more,
            "kvs": answer.kvs.iter().map(json_key_value).collect::<Vec<_>>(),
        }));
    } else if options.count_only {
        output::data(&format!("{}\n", answer.count));
    } else {
        output::data(&key_values(&answer.kvs, options.keys_only));
        if answer.more {
            eprintln!(
                "{} of {} keys; --limit cut the rest off",
                answer.kvs.len(),
                answer.count
            );
        }
    }
    Ok(())
}

fn write_raw(kvs: &[KeyValue]) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let written = kvs
        .iter()
        .try_for_each(|kv| out.write_all(&kv.value))
        .and_then(|()| out.flush());
    written.map_err(|error| Error::failure("cannot write to stdout").why(error.to_string()))
}

/// One Range, failing over.
pub async fn range(context: &Context, request: RangeRequest) -> Result<RangeResponse> {
    let call = |channel| {
        let request = request.clone();
        async move { kv_client(channel).range(request).await }
    };
    context.client()?.read("read", call).await
}

/// Rows for people.
pub fn key_values(kvs: &[KeyValue], keys_only: bool) -> String {
    let mut headings = vec!["KEY", "MOD", "CREATE", "VERSION", "LEASE", "VALUE"];
    if keys_only {
        headings.pop();
    }
    let rows: Vec<Vec<String>> = kvs
        .iter()
        .map(|kv| {
            vec![
                show(&kv.key),
                kv.mod_revision.to_string(),
                kv.create_revision.to_string(),
                kv.version.to_string(),
                if kv.lease == 0 {
                    "-".to_owned()
                } else {
                    format!("{:x}", kv.lease)
                },
                show(&kv.value),
            ]
        })
        .collect();
    table(&headings, &rows)
}

/// One record for programs.
pub fn json_key_value(kv: &KeyValue) -> Value {
    json!({
        "key": json_bytes(&kv.key),
        "value": json_bytes(&kv.value),
        "create_revision": kv.create_revision,
        "mod_revision": kv.mod_revision,
        "version": kv.version,
        "lease": format!("{:x}", kv.lease),
    })
}

async fn put(context: &Context, options: Put) -> Result<()> {
    let value = match options.value.as_str() {
        "-" => {
            let mut value = Vec::new();
            std::io::stdin()
                .read_to_end(&mut value)
                .map_err(|error| Error::failure("cannot read stdin").why(error.to_string()))?;
            value
        }
        _ => options.value.into_bytes(),
    };
    let request = PutRequest {
        key: Bytes::from(options.key.into_bytes()),
        value: Bytes::from(value),
        lease: options.lease,
        prev_kv: options.prev_kv,
        ..PutRequest::default()
    };
    let call = |channel| async move { KvClient::new(channel).put(request).await };
    let answer = context.client()?.write("write", call).await?;
    let revision = answer.header.map_or(0, |header| header.revision);
    if context.json() {
        let before = answer.prev_kv.as_ref().map(json_key_value);
        output::json_document(&json!({"revision": revision, "prev_kv": before}));
    } else {
        output::data(&format!("revision {revision}\n"));
        if let Some(before) = answer.prev_kv {
            output::data(&key_values(&[before], false));
        }
    }
    Ok(())
}

async fn del(context: &Context, options: &Del) -> Result<()> {
    let (key, range_end) = options.keys.range();
    let request = DeleteRangeRequest {
        key,
        range_end,
        prev_kv: options.prev_kv,
    };
    let call = |channel| async move { kv_client(channel).delete_range(request).await };
    let answer = context.client()?.write("delete", call).await?;
    let revision = answer.header.map_or(0, |header| header.revision);
    if context.json() {
        output::json_document(&json!({
            "revision": revision,
            "deleted": answer.deleted,
            "prev_kvs": answer.prev_kvs.iter().map(json_key_value).collect::<Vec<_>>(),
        }));
    } else {
        output::data(&format!(
            "deleted {}  revision {revision}\n",
            answer.deleted
        ));
        if options.prev_kv {
            output::data(&key_values(&answer.prev_kvs, false));
        }
    }
    Ok(())
}

async fn compact(context: &Context, revision: i64, physical: bool) -> Result<()> {
    let request = CompactionRequest { revision, physical };
    let call = |channel| async move { KvClient::new(channel).compact(request).await };
    context.client()?.write("compact", call).await?;
    match context.json() {
        true => output::json_document(&json!({"compact_revision": revision})),
        false => output::data(&format!("compacted below revision {revision}\n")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        assert_eq!(prefix_end(b"ab"), Bytes::from_static(b"ac"));
        assert_eq!(prefix_end(b"a\xff"), Bytes::from_static(b"b"));
        assert_eq!(prefix_end(b"\xff\xff"), Bytes::from_static(b"\0"));
    }

    #[test]
    fn an_empty_prefix_is_everything() {
        let keys = Keys {
            key: String::new(),
            range_end: None,
            prefix: true,
            from_key: false,
        };
        assert_eq!(
            keys.range(),
            (Bytes::from_static(b"\0"), Bytes::from_static(b"\0"))
        );
    }

    #[test]
    fn a_lease_is_written_in_hexadecimal() {
        assert_eq!(lease_id("7f"), Ok(127));
        assert_eq!(lease_id("ffffffffffffffff"), Ok(-1));
        assert!(lease_id("xyz").is_err());
    }
}
