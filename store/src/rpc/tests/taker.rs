//! A client that takes an answer frame by frame, and only when told to.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use prost::Message;
use std::net::SocketAddr;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{Service, ServiceExt};

/// What a stream of such a client may have under way: next to nothing.
const WINDOW_BYTES: u32 = 64 * 1024;

/// One call.
pub struct Taker {
    body: Body,
    /// Bytes that it took.
    pub taken: usize,
    trailers: HeaderMap,
}

/// A connection on which one stream may stall and the others not notice.
pub async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let endpoint = endpoint
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(64 * WINDOW_BYTES);
    endpoint.connect().await.expect("it serves")
}

impl Taker {
    /// Calls the method and takes nothing yet.
    pub async fn call(channel: &Channel, path: &str, message: &impl Message) -> Taker {
        let mut framed = BytesMut::new();
        framed.put_u8(0);
        framed.put_u32(message.encoded_len() as u32);
        framed.extend_from_slice(&message.encode_to_vec());
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::new(Full::new(framed.freeze())))
            .expect("a request");
        let mut channel = channel.clone();
        let channel = channel.ready().await.expect("connected");
        let answer = channel.call(request).await.expect("an answer begins");
        Taker {
            // A refusal has its status there.
            trailers: answer.headers().clone(),
            body: answer.into_body(),
            taken: 0,
        }
    }

    /// Takes one frame. False once there is none.
    pub async fn take(&mut self) -> bool {
        let Some(frame) = self.body.frame().await else {
            return false;
        };
        let frame = frame.expect("the connection holds");
        self.taken += frame.data_ref().map_or(0, Bytes::len);
        if let Ok(trailers) = frame.into_trailers() {
            self.trailers = trailers;
        }
        true
    }

    /// Takes all that is left and returns how it ended.
    pub async fn end(&mut self) -> Status {
        while self.take().await {}
        Status::from_header_map(&self.trailers).expect("a status")
    }
}
