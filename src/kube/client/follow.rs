//! All objects of a resource and what becomes of them, without an end: a list, and then a watch that goes on
//! where it was whenever it is interrupted, on whichever server.

use super::failure::Failure;
use super::lines::Lines;
use super::path::query;
use super::request::{Client, Encoding};
use futures::Stream;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Objects per page of a list.
const PAGE: &str = "500";
/// Pauses after failures: so long, twice as long each time, up to the second.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// What was asked for is not kept any more.
const GONE: u16 = 410;

/// What an object is read as. It is read of bookmarks, too, which have only kind and metadata.
pub trait Seen: DeserializeOwned + Send {
    /// Its `resourceVersion`.
    fn resource_version(&self) -> &str;
}

impl Seen for Value {
    fn resource_version(&self) -> &str {
        self["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
    }
}

/// What is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told<T> {
    /// All objects follow, and then `Complete`. Comes again if it is not known what happened meanwhile.
    Began,
    /// It is there, and is like this.
    Here(T),
    /// It is gone; this is how it was at the end.
    Gone(T),
    /// That were all objects as of this `resourceVersion`.
    Complete(String),
}

/// Follows what is at a path, narrowed by `fields` of a query, such as selectors.
pub fn follow<T: Seen>(
    client: Arc<Client>,
    path: String,
    fields: Vec<(&'static str, String)>,
) -> impl Stream<Item = Told<T>> + Send {
    let following = Following {
        client,
        path,
        fields,
        step: Step::List(String::new()),
        version: String::new(),
        waiting: VecDeque::new(),
        pause: PAUSE,
    };
    futures::stream::unfold(following, |mut following| async move {
        let told = following.next().await;
        Some((told, following))
    })
}

enum Step {
    /// The page behind this token is asked for.
    List(String),
    /// A watch is opened.
    Watch,
    /// Its lines are read.
    Read(Lines),
}

struct Following<T> {
    client: Arc<Client>,
    path: String,
    fields: Vec<(&'static str, String)>,
    step: Step,
    /// Everything up to it has been told.
    version: String,
    waiting: VecDeque<Told<T>>,
    pause: Duration,
}

#[derive(Deserialize)]
struct Page<T> {
    metadata: PageMeta,
    items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    resource_version: String,
    #[serde(default)]
    r#continue: String,
}

#[derive(Deserialize)]
struct Line<T> {
    r#type: String,
    object: T,
}

impl<T: Seen> Following<T> {
    async fn next(&mut self) -> Told<T> {
        loop {
            if let Some(told) = self.waiting.pop_front() {
                return told;
            }
            let stepped = match &mut self.step {
                Step::List(_) => self.list().await,
                Step::Watch => self.watch().await,
                Step::Read(_) => self.read().await,
            };
            match stepped {
                Ok(()) => self.pause = PAUSE,
                Err(failure) => self.recover(&failure).await,
            }
        }
    }

    async fn list(&mut self) -> Result<(), Failure> {
        let Step::List(token) = &self.step else {
            return Ok(());
        };
        let is_first = token.is_empty();
        let mut more = vec![("limit", PAGE)];
        if !is_first {
            more.push(("continue", token));
        }
        let bytes = self.client.get(&self.url(&more)).await?;
        let page: Page<T> = read(&bytes)?;
        if is_first {
            self.waiting.push_back(Told::Began);
        }
        self.waiting.extend(page.items.into_iter().map(Told::Here));
        self.version = page.metadata.resource_version;
        self.step = match page.metadata.r#continue {
            token if !token.is_empty() => Step::List(token),
            _ => {
                self.waiting.push_back(Told::Complete(self.version.clone()));
                Step::Watch
            }
        };
        Ok(())
    }

    async fn watch(&mut self) -> Result<(), Failure> {
        let more = [
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", self.version.as_str()),
        ];
        let (body, pulse) = self.client.open(&self.url(&more), Encoding::Json).await?;
        self.step = Step::Read(Lines::new(body, Some(pulse)));
        Ok(())
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let Step::Read(lines) = &mut self.step else {
            return Ok(());
        };
        let Some(line) = lines.next().await? else {
            // Its time was over, or the server stops and should not be asked again and again.
            self.step = Step::Watch;
            tokio::time::sleep(PAUSE).await;
            return Ok(());
        };
        let line: Line<T> = match serde_json::from_slice::<Line<T>>(&line) {
            Ok(line) if line.r#type != "ERROR" => line,
            _ => return Err(error(&line)),
        };
        self.version.clear();
        self.version.push_str(line.object.resource_version());
        match line.r#type.as_str() {
            "ADDED" | "MODIFIED" => self.waiting.push_back(Told::Here(line.object)),
            "DELETED" => self.waiting.push_back(Told::Gone(line.object)),
            _ => {}
        }
        Ok(())
    }

    /// Decides how to go on, and waits a while.
    async fn recover(&mut self, failure: &Failure) {
        tracing::debug!(path = self.path, %failure, "following is interrupted");
        self.step = match (&self.step, failure.code()) {
            (_, GONE) | (Step::List(_), _) => Step::List(String::new()),
            _ => Step::Watch,
        };
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }

    fn url(&self, more: &[(&str, &str)]) -> String {
        let own = self
            .fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let fields: Vec<(&str, &str)> = own.chain(more.iter().copied()).collect();
        format!("{}{}", self.path, query(&fields))
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::Unknown(error.to_string()))
}

/// What a line says that is no event.
fn error(line: &[u8]) -> Failure {
    match read::<Line<Value>>(line) {
        Ok(line) if line.r#type == "ERROR" => Failure::of(200, line.object.to_string().as_bytes()),
        // An object that cannot be read: all of them are looked at anew.
        _ => Failure::Status {
            code: GONE,
            reason: String::new(),
            message: "an event cannot be read".to_owned(),
        },
    }
}
