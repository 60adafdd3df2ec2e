//! The stream of a watch, event by event.

use crate::check::{Check, Failure, same};
use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// An event that must come is waited for this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    pub kind: String,
    /// What it is about.
    pub object: Value,
}

impl Event {
    /// The object's name.
    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The object's resourceVersion; 0 if it has none.
    pub fn version(&self) -> u64 {
        version(&self.object)
    }

    /// `ADDED x`.
    pub fn short(&self) -> String {
        format!("{} {}", self.kind, self.name())
    }
}

/// An object's resourceVersion as the number it is; 0 if it has none.
pub fn version(object: &Value) -> u64 {
    let version = object["metadata"]["resourceVersion"].as_str();
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}

/// The events of a watch, in the order they came. The watch ends with this value.
pub struct Watch {
    path: String,
    body: Incoming,
    read: BytesMut,
    has_ended: bool,
}

impl Watch {
    pub(super) fn new(path: &str, body: Incoming) -> Watch {
        let path = path.to_owned();
        let (read, has_ended) = (BytesMut::new(), false);
        Watch {
            path,
            body,
            read,
            has_ended,
        }
    }

    /// The next event; `None` when the server ended the stream cleanly.
    ///
    /// # Errors
    /// When nothing comes, or the stream breaks.
    pub async fn next(&mut self) -> Check<Option<Event>> {
        let late = format!("{}: no event within {PATIENCE:?}", self.path);
        match timeout(PATIENCE, self.read()).await {
            Ok(event) => event,
            Err(_) => Err(Failure::new(late)),
        }
    }

    /// The next event, which must come.
    ///
    /// # Errors
    /// When the stream ends instead.
    pub async fn event(&mut self) -> Check<Event> {
        let ended = Failure::new(format!("{}: the stream ended", self.path));
        self.next().await?.ok_or(ended)
    }

    /// The next event, which must be this one, as [`Event::short`] writes it.
    ///
    /// # Errors
    /// When it is another.
    pub async fn expect(&mut self, short: &str) -> Check<Event> {
        let event = self.event().await?;
        same(&self.path, event.short().as_str(), short)?;
        Ok(event)
    }

    /// All events up to and with the first that `is_last`.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn until(&mut self, is_last: impl Fn(&Event) -> bool) -> Check<Vec<Event>> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await?;
            let ends = is_last(&event);
            events.push(event);
            if ends {
                return Ok(events);
            }
        }
    }

    /// All events up to the clean end of the stream.
    ///
    /// # Errors
    /// When it breaks.
    pub async fn rest(&mut self) -> Check<Vec<Event>> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await? {
            events.push(event);
        }
        Ok(events)
    }

    async fn read(&mut self) -> Check<Option<Event>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end + 1);
                let mut event: Value = serde_json::from_slice(&line)?;
                let kind = event["type"].as_str().unwrap_or_default().to_owned();
                let object = event["object"].take();
                return Ok(Some(Event { kind, object }));
            }
            if self.has_ended {
                return match self.read.is_empty() {
                    true => Ok(None),
                    false => Err(Failure::new(format!("{}: half an event", self.path))),
                };
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
                None => self.has_ended = true,
            }
        }
    }
}
