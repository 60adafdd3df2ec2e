//! One user's connection for many requests.

use super::world::{Answer, Client, LONG};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Method;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;

/// Over HTTP/2. Copies share the connection.
#[derive(Clone)]
pub struct Lane {
    client: Client,
    sender: SendRequest<Full<Bytes>>,
}

impl Lane {
    pub async fn open(client: Client) -> Lane {
        let io = TokioIo::new(client.connect("h2").await);
        let (sender, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let lane = Lane { client, sender };
        // A connection that never asked anything is closed after a while; some wait for their turn.
        lane.ask(&Method::GET, "/version", &[], "").await;
        lane
    }

    /// The answer; of a stream that does not end by itself, its head.
    pub async fn ask(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let uri = format!("https://kubernetes{path}");
        let request = self.client.request(method, &uri, headers, body.into());
        let mut sender = self.sender.clone();
        let asking = async {
            let response = sender.send_request(request).await.unwrap();
            let (head, body) = response.into_parts();
            // Only watches that have begun have no length.
            let is_stream = head.status == 200 && path.contains("watch");
            let bytes = match is_stream {
                true => Bytes::new(),
                false => body.collect().await.unwrap().to_bytes(),
            };
            Answer {
                code: head.status.as_u16(),
                headers: head.headers,
                bytes,
            }
        };
        let answer = timeout(LONG, asking).await;
        answer.unwrap_or_else(|_| panic!("no answer in time: {method} {path}"))
    }
}
