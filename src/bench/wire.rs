//! gRPC over HTTP/2 with nothing in between: a request is one encoded frame, an answer is bytes.

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Uri, Version};
use prost::Message;
use tokio::net::TcpStream;

/// Bytes in front of every gRPC message: a flag and the length.
const PREFIX_BYTES: usize = 5;

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure(pub String);

impl From<h2::Error> for Failure {
    fn from(error: h2::Error) -> Failure {
        Failure(format!("connection: {error}"))
    }
}

/// One HTTP/2 connection; a cheap clone. Its driver runs on the runtime that opened it.
#[derive(Clone)]
pub struct Connection {
    requests: SendRequest<Bytes>,
    authority: String,
}

/// A method to call, made once per client.
#[derive(Clone)]
pub struct Call {
    uri: Uri,
    headers: HeaderMap,
}

/// A message with its gRPC prefix.
pub fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut buffer = BytesMut::with_capacity(PREFIX_BYTES + length);
    buffer.put_u8(0);
    buffer.put_u32(length as u32);
    message
        .encode(&mut buffer)
        .expect("the buffer grows as needed");
    buffer.freeze()
}

/// Reads a message.
pub fn decode<M: Message + Default>(body: Bytes) -> Result<M, Failure> {
    M::decode(body).map_err(|error| Failure(format!("cannot decode the answer: {error}")))
}

impl Connection {
    /// Connects to `http://host:port`.
    pub async fn open(endpoint: &str) -> Result<Connection, Failure> {
        let failed = |what: &str| Failure(format!("cannot connect to {endpoint}: {what}"));
        let authority = endpoint
            .strip_prefix("http://")
            .ok_or_else(|| failed("not http"))?
            .to_owned();
        let socket = TcpStream::connect(&authority)
            .await
            .map_err(|error| failed(&error.to_string()))?;
        socket
            .set_nodelay(true)
            .map_err(|error| failed(&error.to_string()))?;
        let (requests, driver) = h2::client::Builder::new()
            .initial_window_size(8 << 20)
            .initial_connection_window_size(64 << 20)
            .max_send_buffer_size(8 << 20)
            .handshake(socket)
            .await?;
        tokio::spawn(driver);
        Ok(Connection {
            requests,
            authority,
        })
    }

    /// Prepares calls of `/package.Service/Method`.
    pub fn call(&self, path: &str) -> Result<Call, Failure> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.authority.as_str());
        let uri = uri
            .path_and_query(path)
            .build()
            .map_err(|error| Failure(error.to_string()))?;
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert("te", http::HeaderValue::from_static("trailers"));
        headers.insert(
            "content-type",
            http::HeaderValue::from_static("application/grpc"),
        );
        Ok(Call { uri, headers })
    }

    async fn begin(
        &self,
        call: &Call,
    ) -> Result<(h2::client::ResponseFuture, SendStream<Bytes>), Failure> {
        let mut requests = self.requests.clone().ready().await?;
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = call.uri.clone();
        *request.headers_mut() = call.headers.clone();
        Ok(requests.send_request(request, false)?)
    }

    /// Sends one frame, returns the one message of the answer without its prefix.
    pub async fn unary(&self, call: &Call, frame: Bytes) -> Result<Bytes, Failure> {
        let (response, mut send) = self.begin(call).await?;
        send.send_data(frame, true)?;
        let (head, mut body) = response.await?.into_parts();
        let mut answer = Bytes::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            if answer.is_empty() {
                answer = chunk;
            } else {
                let mut joined =
                    BytesMut::with_capacity(announced(&answer).max(answer.len() + chunk.len()));
                joined.extend_from_slice(&answer);
                joined.extend_from_slice(&chunk);
                answer = rest(&mut body, joined).await?;
            }
        }
        let trailers = body.trailers().await?;
        check(trailers.as_ref().unwrap_or(&head.headers))?;
        match answer.len() >= PREFIX_BYTES {
            true => Ok(answer.slice(PREFIX_BYTES..)),
            false => Err(Failure("the answer is empty".to_owned())),
        }
    }

    /// Sends one frame and only counts the bytes of the answer: for answers too large to keep.
    pub async fn measure(&self, call: &Call, frame: Bytes) -> Result<usize, Failure> {
        let (response, mut send) = self.begin(call).await?;
        send.send_data(frame, true)?;
        let (head, mut body) = response.await?.into_parts();
        let mut length = 0;
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            length += chunk.len();
        }
        let trailers = body.trailers().await?;
        check(trailers.as_ref().unwrap_or(&head.headers))?;
        Ok(length)
    }

    /// Opens a stream in both directions. `first` is sent at once, because a server may not answer
    /// the call itself before it has seen a message.
    pub async fn stream(
        &self,
        call: &Call,
        first: Bytes,
    ) -> Result<(SendStream<Bytes>, Receiver), Failure> {
        let (response, mut send) = self.begin(call).await?;
        send.send_data(first, false)?;
        let (head, body) = response.await?.into_parts();
        if head.headers.contains_key("grpc-status") {
            check(&head.headers)?;
        }
        Ok((
            send,
            Receiver {
                body,
                buffer: BytesMut::new(),
            },
        ))
    }
}

/// Length of the whole message, as its prefix says.
fn announced(start: &[u8]) -> usize {
    match start.get(1..PREFIX_BYTES) {
        Some(length) => {
            PREFIX_BYTES
                + length
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        }
        None => 0,
    }
}

/// Everything up to the end of the body, behind what is already `joined`.
async fn rest(body: &mut RecvStream, mut joined: BytesMut) -> Result<Bytes, Failure> {
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        joined.extend_from_slice(&chunk);
    }
    Ok(joined.freeze())
}

fn check(trailers: &HeaderMap) -> Result<(), Failure> {
    match trailers.get("grpc-status").map(http::HeaderValue::as_bytes) {
        Some(b"0") => Ok(()),
        Some(code) => {
            let message = trailers
                .get("grpc-message")
                .map_or(&b""[..], http::HeaderValue::as_bytes);
            Err(Failure(format!(
                "status {}: {}",
                String::from_utf8_lossy(code),
                String::from_utf8_lossy(message)
            )))
        }
        None => Err(Failure("the answer has no status".to_owned())),
    }
}

/// The answers of a stream.
pub struct Receiver {
    body: RecvStream,
    buffer: BytesMut,
}

impl Receiver {
    /// The next message without its prefix.
    pub async fn next(&mut self) -> Result<Bytes, Failure> {
        loop {
            let whole = announced(&self.buffer);
            if whole > 0 && self.buffer.len() >= whole {
                let message = self.buffer.split_to(whole).freeze();
                return Ok(message.slice(PREFIX_BYTES..));
            }
            match self.body.data().await {
                Some(chunk) => {
                    let chunk = chunk?;
                    self.body.flow_control().release_capacity(chunk.len())?;
                    self.buffer.extend_from_slice(&chunk);
                }
                None => {
                    if let Some(trailers) = self.body.trailers().await? {
                        check(&trailers)?;
                    }
                    return Err(Failure("the server ended the stream".to_owned()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_proto::etcdserverpb::PutRequest;

    #[test]
    fn a_frame_announces_its_length() {
        let put = PutRequest {
            key: "k".into(),
            value: "v".into(),
            ..PutRequest::default()
        };
        let framed = frame(&put);
        assert_eq!(announced(&framed), framed.len());
        assert_eq!(decode::<PutRequest>(framed.slice(PREFIX_BYTES..)), Ok(put));
        assert_eq!(announced(b"\0\0"), 0);
    }
}
