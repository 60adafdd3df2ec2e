//! Reaching a cluster: endpoints, failing over between them, deadlines.
//!
//! A read may be asked again elsewhere. A write is sent once: if its connection breaks, nobody knows
//! whether it took effect, and asking again could do it twice. Only an endpoint that cannot even be
//! connected to is passed over for a write.

use super::error::{Error, Result};
use keelson_proto::etcdserverpb::kv_client::KvClient;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

/// Largest answer a command takes, in bytes. etcd's own client has no limit below this.
pub const LARGEST_ANSWER_BYTES: usize = i32::MAX as usize;

/// The key-value service on `channel`, for answers of any size.
pub fn kv_client(channel: Channel) -> KvClient<Channel> {
    KvClient::new(channel).max_decoding_message_size(LARGEST_ANSWER_BYTES)
}

/// Where a command sends its requests.
#[derive(Clone, Debug)]
pub struct Client {
    /// With scheme, in the order they are tried.
    pub endpoints: Vec<String>,
    /// For one whole request.
    pub timeout: Duration,
}

impl Client {
    /// Takes endpoints as people write them.
    ///
    /// # Errors
    /// An endpoint that needs TLS, or none at all.
    pub fn new(endpoints: &[String], timeout: Duration) -> Result<Client> {
        let mut normal = Vec::new();
        for endpoint in endpoints
            .iter()
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
        {
            if endpoint.starts_with("https://") || endpoint.starts_with("unixs://") {
                return Err(Error::usage(format!(
                    "cannot use {endpoint}: TLS is not built yet"
                )));
            }
            normal.push(match endpoint.contains("://") {
                true => endpoint.trim_end_matches('/').to_owned(),
                false => format!("http://{endpoint}"),
            });
        }
        match normal.is_empty() {
            true => Err(Error::usage("no endpoint is given").fix("--endpoints 127.0.0.1:2379")),
            false => Ok(Client {
                endpoints: normal,
                timeout,
            }),
        }
    }

    /// A connection to one endpoint.
    pub async fn connect(&self, endpoint: &str) -> std::result::Result<Channel, String> {
        let built = Endpoint::from_shared(endpoint.to_owned())
            .map_err(|error| format!("{endpoint} is not an endpoint: {error}"))?
            .connect_timeout(self.timeout.min(Duration::from_secs(2)))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20);
        built.connect().await.map_err(|error| cause(&error))
    }

    /// A connection to the first endpoint that takes one.
    ///
    /// # Errors
    /// None of them does.
    pub async fn any(&self) -> Result<(String, Channel)> {
        let mut reasons = Vec::new();
        for endpoint in &self.endpoints {
            match self.connect(endpoint).await {
                Ok(channel) => return Ok((endpoint.clone(), channel)),
                Err(why) => reasons.push(format!("{endpoint}: {why}")),
            }
        }
        Err(Error::failure("no endpoint can be reached")
            .why(reasons.join("\n"))
            .fix("start a cluster with `keelson dev`, or name one with --endpoints HOST:PORT,..."))
    }

    /// Asks something that may be asked again, of one endpoint after the other.
    ///
    /// # Errors
    /// The last endpoint's, put into words after "cannot `what`".
    pub async fn read<T, F, Fut>(&self, what: &str, call: F) -> Result<T>
    where
        F: Fn(Channel) -> Fut,
        Fut: Future<Output = std::result::Result<Response<T>, Status>>,
    {
        let mut last = None;
        for endpoint in &self.endpoints {
            let Ok(channel) = self.connect(endpoint).await else {
                continue;
            };
            match self.within(call(channel)).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) if is_elsewhere_better(&status) => last = Some(status),
                Err(status) => return Err(Error::from_status(&format!("cannot {what}"), &status)),
            }
        }
        match last {
            Some(status) => Err(Error::from_status(&format!("cannot {what}"), &status)),
            None => Err(self.any().await.err().unwrap_or_else(|| {
                Error::failure(format!("cannot {what}: endpoints came and went")).fix("try again")
            })),
        }
    }

    /// Asks something that must happen at most once, of the first endpoint that takes a connection.
    ///
    /// # Errors
    /// The endpoint's, put into words after "cannot `what`".
    pub async fn write<T, F, Fut>(&self, what: &str, call: F) -> Result<T>
    where
        F: FnOnce(Channel) -> Fut,
        Fut: Future<Output = std::result::Result<Response<T>, Status>>,
    {
        let (_, channel) = self.any().await?;
        match self.within(call(channel)).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(Error::from_status(&format!("cannot {what}"), &status)),
        }
    }

    /// Gives `call` until the timeout.
    pub async fn within<T>(
        &self,
        call: impl Future<Output = std::result::Result<T, Status>>,
    ) -> std::result::Result<T, Status> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(result) => result,
            Err(_) => Err(Status::deadline_exceeded(format!(
                "no answer within {:?}",
                self.timeout
            ))),
        }
    }
}

/// Another member may well answer what this one could not.
fn is_elsewhere_better(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Unknown
    )
}

/// The innermost reason: the outer ones only say "transport error".
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
