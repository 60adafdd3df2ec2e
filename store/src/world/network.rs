//! The way to the other members: sockets of the system, or those of a simulation.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint};

/// How members reach each other.
#[derive(Clone, Default)]
pub enum Network {
    /// By TCP.
    #[default]
    Tcp,
    /// Over somebody else's wires.
    Simulated(Arc<dyn Wires>),
}

/// What a simulated network can do for one member.
pub trait Wires: Send + Sync {
    /// Connects to an endpoint.
    fn connect(
        &self,
        endpoint: Endpoint,
    ) -> BoxFuture<'static, Result<Channel, tonic::transport::Error>>;

    /// Those who connect to this member's peer port. Called once, when the member starts.
    fn incoming(&self) -> BoxStream<'static, io::Result<Wire>>;
}

impl Network {
    /// Connects to an endpoint.
    ///
    /// # Errors
    /// Nobody answers there in time.
    pub async fn connect(&self, endpoint: Endpoint) -> Result<Channel, tonic::transport::Error> {
        match self {
            Network::Tcp => endpoint.connect().await,
            Network::Simulated(wires) => wires.connect(endpoint).await,
        }
    }
}

/// Both directions of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// One end of a simulated connection.
pub struct Wire(Pin<Box<dyn Duplex>>);

impl Wire {
    /// Over a socket of whatever kind.
    pub fn new(socket: impl Duplex + 'static) -> Wire {
        Wire(Box::pin(socket))
    }
}

impl Connected for Wire {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(context)
    }
}
