//! `keelson kv history`: the versions of a key that compaction has left.

use super::Context;
use super::connect::Client;
use super::error::{Error, Result};
use super::kv::{json_key_value, range};
use super::output::{self, show, table};
use super::watch::{Stream, canceled};
use bytes::Bytes;
use keelson_proto::etcdserverpb::{RangeRequest, WatchCreateRequest};
use keelson_proto::mvccpb::{Event, KeyValue, event::EventType};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Arguments of `history`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The key
    key: String,
    /// Only the newest so many
    #[arg(long)]
    limit: Option<usize>,
}

/// How often a server that has not caught up yet is asked how far it is.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// Reads the present, then replays the key's history up to it through a watch.
pub async fn run(context: &Context, options: &Options) -> Result<()> {
    let client = context.client()?;
    let key = Bytes::from(options.key.clone().into_bytes());
    let get = RangeRequest {
        key: key.clone(),
        ..RangeRequest::default()
    };
    let present = range(context, get.clone()).await?;
    let until = present.header.as_ref().map_or(0, |header| header.revision);
    let newest = present.kvs.first().map(|kv| kv.mod_revision);

    let mut start_revision = 1;
    let mut events = loop {
        match replay(&client, &key, start_revision, until, newest).await? {
            Replay::Compacted(oldest) if oldest > start_revision => start_revision = oldest,
            Replay::Compacted(_) => {
                return Err(Error::failure(
                    "the history moves away faster than it can be read",
                ));
            }
            Replay::Events(events) => break events,
        }
    };
    // The version that was current at the compaction is still there, though its event is not.
    if start_revision > 1 {
        let at_start = range(
            context,
            RangeRequest {
                revision: start_revision,
                ..get
            },
        )
        .await?;
        let older = at_start
            .kvs
            .into_iter()
            .find(|kv| kv.mod_revision < start_revision);
        if let Some(kv) = older {
            events.insert(
                0,
                Event {
                    kv: Some(kv),
                    ..Event::default()
                },
            );
        }
    }
    if let Some(limit) = options.limit {
        events.drain(..events.len().saturating_sub(limit));
    }
    print(context, &events, start_revision, until);
    Ok(())
}

enum Replay {
    Events(Vec<Event>),
    /// Ask again from here.
    Compacted(i64),
}

/// All events of `key` between two revisions. The end is reached when the newest version has come, or
/// when the server says that it has caught up: a deleted key has no newest version to wait for.
async fn replay(
    client: &Client,
    key: &Bytes,
    start_revision: i64,
    until: i64,
    newest: Option<i64>,
) -> Result<Replay> {
    let mut events: Vec<Event> = Vec::new();
    if start_revision > until {
        return Ok(Replay::Events(events));
    }
    let create = WatchCreateRequest {
        key: key.clone(),
        start_revision,
        ..WatchCreateRequest::default()
    };
    let mut stream = Stream::open(client, create).await?;
    let deadline = Instant::now() + client.timeout;
    loop {
        let response = match tokio::time::timeout(PROGRESS_PAUSE, stream.next()).await {
            Ok(Ok(Some(response))) => response,
            Ok(Ok(None)) => {
                return Err(Error::failure("the server closed the watch").fix("try again"));
            }
            Ok(Err(status)) => return Err(Error::from_status("cannot read the history", &status)),
            Err(_) if Instant::now() > deadline => {
                return Err(
                    Error::failure("the server did not send the history in time")
                        .fix("--timeout waits longer"),
                );
            }
            Err(_) => {
                stream.ask_progress().await;
                continue;
            }
        };
        if response.canceled {
            return match response.compact_revision {
                0 => Err(canceled(&response)),
                oldest => Ok(Replay::Compacted(oldest)),
            };
        }
        let is_progress = response.events.is_empty() && !response.created && !response.fragment;
        let reached = response.header.as_ref().map_or(0, |header| header.revision);
        let revision = |event: &Event| event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
        events.extend(
            response
                .events
                .into_iter()
                .filter(|event| revision(event) <= until),
        );
        let has_newest = newest.is_some() && events.last().map(revision) == newest;
        if has_newest || (is_progress && reached >= until) {
            return Ok(Replay::Events(events));
        }
    }
}

fn print(context: &Context, events: &[Event], start_revision: i64, until: i64) {
    let kvs = || {
        events
            .iter()
            .filter_map(|event| Some((event, event.kv.as_ref()?)))
    };
    if context.json() {
        let versions: Vec<_> = kvs()
            .map(|(event, kv)| json!({"type": event.r#type().as_str_name(), "kv": json_key_value(kv)}))
            .collect();
        output::json_document(&json!({
            "oldest_revision": start_revision,
            "revision": until,
            "versions": versions,
        }));
        return;
    }
    let row = |event: &Event, kv: &KeyValue| match event.r#type() {
        EventType::Put => {
            vec![
                kv.mod_revision.to_string(),
                "put".into(),
                kv.version.to_string(),
                show(&kv.value),
            ]
        }
        EventType::Delete => vec![kv.mod_revision.to_string(), "delete".into(), "-".into()],
    };
    let rows: Vec<Vec<String>> = kvs().map(|(event, kv)| row(event, kv)).collect();
    output::data(&table(&["REVISION", "CHANGE", "VERSION", "VALUE"], &rows));
    if start_revision > 1 {
        eprintln!("older versions were compacted away below revision {start_revision}");
    }
}
