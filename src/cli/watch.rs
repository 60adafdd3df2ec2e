//! `keelson kv watch`: changes as they happen, and the stream under it that `history` uses, too.

use super::Context;
use super::connect::{Client, LARGEST_ANSWER_BYTES};
use super::error::{Error, Result};
use super::kv::{Keys, json_key_value};
use super::output::{self, show};
use keelson_proto::etcdserverpb::watch_client::WatchClient;
use keelson_proto::etcdserverpb::watch_request::RequestUnion;
use keelson_proto::etcdserverpb::{
    WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use keelson_proto::mvccpb::{Event, event::EventType};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Arguments of `watch`.
#[derive(clap::Args, Debug)]
pub struct Options {
    #[command(flatten)]
    keys: Keys,
    /// Begin with this revision instead of now
    #[arg(long, default_value_t = 0)]
    rev: i64,
    /// Also show what was there before
    #[arg(long)]
    prev_kv: bool,
    /// Stop after so many events
    #[arg(long)]
    count: Option<u64>,
}

/// One watch on one stream.
pub struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
}

impl Stream {
    /// Opens a stream at the first endpoint that takes one and asks for `create`.
    pub async fn open(client: &Client, create: WatchCreateRequest) -> Result<Stream> {
        let (_, channel) = client.any().await?;
        let (requests, receiver) = mpsc::channel(4);
        let request = WatchRequest {
            request_union: Some(RequestUnion::CreateRequest(create)),
        };
        let _ = requests.send(request).await;
        let mut watch = WatchClient::new(channel).max_decoding_message_size(LARGEST_ANSWER_BYTES);
        let answers = client
            .within(watch.watch(ReceiverStream::new(receiver)))
            .await
            .map_err(|status| Error::from_status("cannot watch", &status))?
            .into_inner();
        Ok(Stream { requests, answers })
    }

    /// Asks how far the watch has come.
    pub async fn ask_progress(&self) {
        let request = RequestUnion::ProgressRequest(WatchProgressRequest {});
        let _ = self
            .requests
            .send(WatchRequest {
                request_union: Some(request),
            })
            .await;
    }

    /// The next response; `None` when the server closed the stream.
    pub async fn next(&mut self) -> std::result::Result<Option<WatchResponse>, Status> {
        self.answers.message().await
    }
}

/// Watches until Ctrl-C. A broken stream is opened again where it broke off.
pub async fn run(context: &Context, options: &Options) -> Result<()> {
    let client = context.client()?;
    let (key, range_end) = options.keys.range();
    let mut create = WatchCreateRequest {
        key,
        range_end,
        start_revision: options.rev,
        prev_kv: options.prev_kv,
        ..WatchCreateRequest::default()
    };
    let mut left = options.count.unwrap_or(u64::MAX);
    let mut stream = Stream::open(&client, create.clone()).await?;
    while left > 0 {
        let response = tokio::select! {
            response = stream.next() => response,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        let response = match response {
            Ok(Some(response)) => response,
            broken => {
                let why = broken.err().map_or("closed by the server".to_owned(), |s| {
                    s.message().to_owned()
                });
                eprintln!("watch stream broke ({why}); opening it again");
                stream = reopen(&client, &create).await?;
                continue;
            }
        };
        if response.canceled {
            return Err(canceled(&response));
        }
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        if create.start_revision == 0 || !response.events.is_empty() {
            create.start_revision = revision + 1;
        }
        for event in response
            .events
            .iter()
            .take(usize::try_from(left).unwrap_or(usize::MAX))
        {
            print(context, event);
            left -= 1;
        }
    }
    Ok(())
}

/// Tries for a minute: longer than any election.
async fn reopen(client: &Client, create: &WatchCreateRequest) -> Result<Stream> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        match Stream::open(client, create.clone()).await {
            Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            Ok(stream) => return Ok(stream),
        }
    }
}

/// Why the server ended a watch.
pub fn canceled(response: &WatchResponse) -> Error {
    match response.compact_revision {
        0 => Error::failure("the server ended the watch").why(response.cancel_reason.clone()),
        oldest => Error::failure("the history asked for is gone")
            .why(format!(
                "everything below revision {oldest} has been compacted"
            ))
            .fix(format!("--rev {oldest}")),
    }
}

fn print(context: &Context, event: &Event) {
    match context.json() {
        true => output::json_line(&json_event(event)),
        false => {
            let Some(kv) = &event.kv else { return };
            let before = event.prev_kv.as_ref();
            let before = before.map_or(String::new(), |kv| format!("  before {}", show(&kv.value)));
            output::data(&match event.r#type() {
                EventType::Put => {
                    format!(
                        "PUT     {}  {}  {}{before}\n",
                        kv.mod_revision,
                        show(&kv.key),
                        show(&kv.value)
                    )
                }
                EventType::Delete => {
                    format!("DELETE  {}  {}{before}\n", kv.mod_revision, show(&kv.key))
                }
            });
        }
    }
}

/// One event for programs.
pub fn json_event(event: &Event) -> Value {
    json!({
        "type": event.r#type().as_str_name(),
        "kv": event.kv.as_ref().map(json_key_value),
        "prev_kv": event.prev_kv.as_ref().map(json_key_value),
    })
}
