//! Requests and their answers.

use super::acting::Acting;
use super::config::Config;
use super::failure::Failure;
use super::lane::Lane;
use super::lines::Lines;
use super::pulse::{Pulse, TOLD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

pub(super) const JSON: &str = "application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
/// An answer that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a patch is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 7396.
    Merge,
    /// As the schema of a built-in kind says.
    Strategic,
}

impl PatchKind {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            PatchKind::Merge => "application/merge-patch+json",
            PatchKind::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

/// How objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Encoding {
    /// As kubectl does
    Json,
    /// As the components of a cluster do
    Protobuf,
}

impl Encoding {
    fn media_type(self) -> &'static str {
        match self {
            Encoding::Json => JSON,
            Encoding::Protobuf => PROTOBUF,
        }
    }
}

/// See the module's essay. Lives within one runtime.
pub struct Client {
    config: Config,
    lanes: Vec<Lane>,
    next: AtomicUsize,
    agent: HeaderValue,
}

/// What is asked.
struct Asked<'a> {
    method: Method,
    path: &'a str,
    accept: Encoding,
    content_type: &'static str,
    body: Bytes,
    /// As whom, if not as oneself.
    acting: Option<Acting<'a>>,
}

impl Client {
    /// A client with so many lanes, at least one. `agent` is how it calls itself; it names its field manager.
    pub fn new(config: Config, lanes: usize, agent: &str) -> Client {
        Client {
            lanes: (0..lanes.max(1))
                .map(|lane| Lane::new(lane % config.servers.len()))
                .collect(),
            config,
            next: AtomicUsize::new(0),
            agent: HeaderValue::from_str(agent).unwrap_or(HeaderValue::from_static("keelson")),
        }
    }

    /// What is at a path: an object, or a list of them.
    ///
    /// # Errors
    /// See [`Failure`]; never [`Failure::Unknown`] unless all servers fail one after the other.
    pub async fn get(&self, path: &str) -> Result<Bytes, Failure> {
        self.ask(None, Method::GET, path, JSON, Bytes::new()).await
    }

    /// How many bytes of what is at a path come. For answers too large to keep; asked only once.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn measure(&self, path: &str, encoding: Encoding) -> Result<usize, Failure> {
        let (mut body, _) = self.open(path, encoding).await?;
        let mut length = 0;
        loop {
            match timeout(PATIENCE, body.frame()).await {
                Err(_) => return Err(late()),
                Ok(None) => return Ok(length),
                Ok(Some(Err(error))) => return Err(Failure::Unknown(error.to_string())),
                Ok(Some(Ok(frame))) => length += frame.data_ref().map_or(0, Bytes::len),
            }
        }
    }

    /// Opens a watch, of which the path has all that it needs, and hands out its lines as they are.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn lines(&self, path: &str) -> Result<Lines, Failure> {
        let (body, _) = self.open(path, Encoding::Json).await?;
        Ok(Lines::new(body, None))
    }

    /// Makes an object, at the path of all of them.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn create(&self, path: &str, object: Bytes) -> Result<Bytes, Failure> {
        self.ask(None, Method::POST, path, JSON, object).await
    }

    /// Makes an object that is written in this way, and is answered in the same.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn create_in(
        &self,
        path: &str,
        encoding: Encoding,
        object: Bytes,
    ) -> Result<Bytes, Failure> {
        let asked = Asked {
            method: Method::POST,
            path,
            accept: encoding,
            content_type: encoding.media_type(),
            body: object,
            acting: None,
        };
        self.answer(&asked).await
    }

    /// Replaces an object.
    ///
    /// # Errors
    /// See [`Failure`].
    #[cfg_attr(not(test), expect(dead_code, reason = "no command needs it yet"))]
    pub async fn update(&self, path: &str, object: Bytes) -> Result<Bytes, Failure> {
        self.ask(None, Method::PUT, path, JSON, object).await
    }

    /// Changes an object.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn patch(&self, path: &str, kind: PatchKind, patch: Bytes) -> Result<Bytes, Failure> {
        self.ask(None, Method::PATCH, path, kind.media_type(), patch)
            .await
    }

    /// Deletes an object. `options` may be empty.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn delete(&self, path: &str, options: Bytes) -> Result<Bytes, Failure> {
        self.ask(None, Method::DELETE, path, JSON, options).await
    }

    /// Opens a stream, such as a watch. Returns it with the pulse of its connection.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(super) async fn open(
        &self,
        path: &str,
        accept: Encoding,
    ) -> Result<(Incoming, Pulse), Failure> {
        let asked = Asked {
            method: Method::GET,
            path,
            accept,
            content_type: JSON,
            body: Bytes::new(),
            acting: None,
        };
        let sent = timeout(PATIENCE, self.send(&asked, false)).await;
        let (response, pulse) = sent.map_err(|_| late())??;
        let code = response.status().as_u16();
        match code {
            200 => Ok((response.into_body(), pulse)),
            _ => Err(Failure::of(code, &collect(response.into_body()).await?)),
        }
    }

    pub(super) async fn ask(
        &self,
        acting: Option<Acting<'_>>,
        method: Method,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        let asked = Asked {
            method,
            path,
            accept: Encoding::Json,
            content_type,
            body,
            acting,
        };
        self.answer(&asked).await
    }

    async fn answer(&self, asked: &Asked<'_>) -> Result<Bytes, Failure> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            // Reading twice does no harm. The last server is given its time: perhaps all are slow.
            let is_again = asked.method == Method::GET && attempts <= self.config.servers.len();
            let whole = async {
                let (response, pulse) = self.send(asked, is_again).await?;
                let code = response.status().as_u16();
                let body = unless_silent(collect(response.into_body()), &pulse, is_again).await?;
                match code {
                    200..=299 => Ok(body),
                    _ => Err(Failure::of(code, &body)),
                }
            };
            let answer = timeout(PATIENCE, whole)
                .await
                .unwrap_or_else(|_| Err(late()));
            match answer {
                Err(Failure::Unknown(_)) if is_again => {}
                answer => return answer,
            }
        }
    }

    /// Sends it, over another connection if the first breaks before it is sent. Whoever `is_impatient` does
    /// not wait for a server of which nothing is heard.
    async fn send(
        &self,
        asked: &Asked<'_>,
        is_impatient: bool,
    ) -> Result<(Response<Incoming>, Pulse), Failure> {
        let lane = self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        let lane = &self.lanes[lane];
        let mut request = self.request(asked)?;
        let mut last = String::new();
        for _ in 0..=self.config.servers.len() {
            let connection = lane.connection(&self.config).await;
            let mut connection = connection.map_err(Failure::Unreachable)?;
            let sent = connection.sender.try_send_request(request);
            let sent = async { Ok(sent.await) };
            match unless_silent(sent, &connection.pulse, is_impatient).await? {
                Ok(response) => return Ok((response, connection.pulse)),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => {
                        last = failed.error().to_string();
                        request = unsent;
                    }
                    None => return Err(Failure::Unknown(failed.into_error().to_string())),
                },
            }
        }
        Err(Failure::Unreachable(last))
    }

    fn request(&self, asked: &Asked<'_>) -> Result<Request<Full<Bytes>>, Failure> {
        // Which server is asked is decided later; none looks at the name.
        let mut request = Request::builder()
            .method(&asked.method)
            .uri(format!("https://kubernetes{}", asked.path))
            .header(
                header::ACCEPT,
                HeaderValue::from_static(asked.accept.media_type()),
            )
            .header(header::USER_AGENT, &self.agent);
        if !asked.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, asked.content_type);
        }
        if let Some(token) = &self.config.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(acting) = asked.acting {
            request = request
                .header("impersonate-user", acting.user)
                .header("impersonate-group", acting.group);
        }
        let request = request.body(Full::new(asked.body.clone()));
        request.map_err(|error| Failure::Unreachable(error.to_string()))
    }
}

/// What comes of it, or that nothing is heard of the server.
async fn unless_silent<T>(
    coming: impl Future<Output = Result<T, Failure>>,
    pulse: &Pulse,
    is_impatient: bool,
) -> Result<T, Failure> {
    if !is_impatient {
        return coming.await;
    }
    tokio::select! {
        came = coming => came,
        () = pulse.silence() => Err(Failure::Unknown(TOLD.to_owned())),
    }
}

async fn collect(body: Incoming) -> Result<Bytes, Failure> {
    let collected = body.collect().await;
    let collected = collected.map_err(|error| Failure::Unknown(error.to_string()))?;
    Ok(collected.to_bytes())
}

fn late() -> Failure {
    Failure::Unknown(format!("there is no answer after {PATIENCE:?}"))
}
