//! Takes connections and hands them to the fronts.
//!
//! One place accepts and deals the sockets out in turn. With one listener per front and the kernel
//! choosing (`SO_REUSEPORT`), the few long connections that Kubernetes and etcd clients keep can all
//! land on one front and stay there; dealt in turn, fronts differ by one connection at most when
//! they open. A hand-off costs one channel message per connection, which is nothing beside a
//! connection's life.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

/// Connections that may wait in the system while the member is busy.
const BACKLOG: i32 = 4096;
/// Pause after the system had nothing left for another connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// Connections that may wait for one front.
const MAILBOX: usize = 256;

/// A listening address could not be had.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let BindError { address, source } = self;
        write!(formatter, "cannot listen on {address}: {source}; ")?;
        let port = address.port();
        match source.kind() {
            io::ErrorKind::AddrInUse => write!(
                formatter,
                "another process has the port: `ss -ltnp 'sport = :{port}'` shows which one; stop it or listen elsewhere"
            ),
            io::ErrorKind::AddrNotAvailable => write!(
                formatter,
                "this machine does not have the address: `ip address` shows those it has"
            ),
            io::ErrorKind::PermissionDenied => write!(
                formatter,
                "port {port} needs privileges: choose one above 1023 or grant CAP_NET_BIND_SERVICE"
            ),
            _ => write!(formatter, "check the address and listen elsewhere"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Listens on `address`; port zero lets the system choose one. Fails at once if the port is taken.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || -> io::Result<TcpListener> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        // A restarted member gets its port back although old connections linger.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    listen().map_err(|source| BindError { address, source })
}

/// A connection on its way to a front. It counts against the limit until it is dropped.
pub struct Accepted {
    /// The socket, non-blocking, without delay.
    pub socket: TcpStream,
    /// Who called.
    pub peer: SocketAddr,
    /// Its place among the connections.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Where a front receives its connections.
pub type Mailbox = mpsc::Receiver<Accepted>;

/// Deals connections out to the fronts. Clone it for several listening addresses.
#[derive(Clone)]
pub struct Dealer {
    fronts: Vec<mpsc::Sender<Accepted>>,
    permits: Arc<Semaphore>,
}

impl Dealer {
    /// For so many fronts, with one mailbox for each.
    pub fn new(fronts: usize, max_connections: usize) -> (Dealer, Vec<Mailbox>) {
        let (fronts, mailboxes) = (0..fronts).map(|_| mpsc::channel(MAILBOX)).unzip();
        let permits = Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS));
        let permits = Arc::new(permits);
        (Dealer { fronts, permits }, mailboxes)
    }

    /// Accepts until `stop` turns true. Run it on one front's runtime.
    ///
    /// At the limit of connections, newcomers wait in the system's queue. When the system itself has
    /// nothing left (file descriptors, memory), accepting pauses instead of spinning.
    ///
    /// # Errors
    /// The listener cannot be used with this runtime.
    pub async fn accept(
        self,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut turn = 0;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                accepted = self.next(&listener) => accepted,
            };
            match accepted {
                Ok(Some(accepted)) => self.deal(accepted, &mut turn).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot take another connection, waiting; raise the limit of open files if this persists");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    /// The next connection; `None` if it went away before it could be taken.
    async fn next(&self, listener: &tokio::net::TcpListener) -> io::Result<Option<Accepted>> {
        let Ok(permit) = self.permits.clone().acquire_owned().await else {
            // Nobody closes the semaphore.
            return std::future::pending().await;
        };
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_exhausted(&error) => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "a connection ended before it was taken");
                return Ok(None);
            }
        };
        // Answers are small and waited for. A socket that refuses is already gone.
        let prepared = socket.set_nodelay(true).and_then(|()| socket.into_std());
        Ok(prepared.ok().map(|socket| Accepted {
            socket,
            peer,
            permit,
        }))
    }

    /// To the next front that takes it. Only if every mailbox is full does it wait for the one whose
    /// turn it is.
    async fn deal(&self, mut accepted: Accepted, turn: &mut usize) {
        for _ in 0..self.fronts.len() {
            *turn = (*turn + 1) % self.fronts.len();
            match self.fronts[*turn].try_send(accepted) {
                Ok(()) => return,
                Err(refused) => accepted = refused.into_inner(),
            }
        }
        if let Some(front) = self.fronts.get(*turn) {
            let _ = front.send(accepted).await;
        }
    }
}

/// The system has nothing left, as opposed to: this one connection failed.
fn is_exhausted(error: &io::Error) -> bool {
    let exhausted = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error
        .raw_os_error()
        .is_some_and(|code| exhausted.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn a_taken_port_is_reported_with_the_address_and_what_to_do() {
        let first = bind(local()).expect("a free port");
        let address = first.local_addr().expect("bound");
        let error = bind(address).expect_err("taken").to_string();
        let port = address.port();
        assert!(error.contains(&address.to_string()), "{error}");
        assert!(error.contains(&format!("sport = :{port}")), "{error}");
    }

    #[test]
    fn a_port_without_file_descriptors_is_told_from_a_lost_connection() {
        let error = io::Error::from_raw_os_error;
        assert!(is_exhausted(&error(libc::EMFILE)));
        assert!(!is_exhausted(&error(libc::ECONNABORTED)));
    }

    #[tokio::test]
    async fn connections_are_dealt_in_turn_and_bounded() {
        let listener = bind(local()).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (dealer, mut mailboxes) = Dealer::new(2, 3);
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(dealer.accept(listener, stopped));
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(tokio::net::TcpStream::connect(address).await);
        }
        let mut taken = Vec::new();
        for front in [1, 0, 1] {
            taken.push(mailboxes[front].recv().await.expect("a connection"));
        }
        // The fourth waits in the system until one of the three is done.
        assert!(mailboxes[0].try_recv().is_err());
        taken.pop();
        mailboxes[0].recv().await.expect("the fourth connection");
        stop.send(true).expect("accepting");
        let outcome = accepting.await.expect("no panic");
        outcome.expect("stops when told");
    }
}
