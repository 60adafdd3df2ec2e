use super::super::identity::{ANSWER, PATIENCE, StartError, become_member};
use super::super::test_member::{eventually, options};
use super::played::put;
use super::*;
use crate::wal::{Entry, LogId, Options, Payload, Wal};
use socket2::{Domain, Socket, Type};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use tokio::time::Instant;

fn port() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("set");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).expect("a free port");
    socket
}

fn address(port: &Socket) -> SocketAddr {
    let address = port.local_addr().expect("bound");
    address.as_socket().expect("of the internet")
}

/// Two members of a group of four: they hear each other and can agree on nothing, so that nobody's
/// name is ever published.
struct Half {
    urls: Vec<(&'static str, String)>,
    /// Bound and not listening: the ports stay theirs, and nobody is there.
    ports: Vec<Socket>,
}

impl Half {
    fn new() -> Half {
        let ports: Vec<Socket> = (0..4).map(|_| port()).collect();
        let urls = ["a", "b", "c", "d"].into_iter().zip(&ports);
        Half {
            urls: urls
                .map(|(name, port)| (name, format!("http://{}", address(port))))
                .collect(),
            ports,
        }
    }

    fn start(&self, which: usize, directory: &Path) -> Node {
        let name = self.urls[which].0;
        let mut options = options(name, &directory.join(name), &self.urls);
        let listener = TcpListener::bind(address(&self.ports[which]));
        options.peer_listeners = vec![listener.expect("its own port")];
        Node::start(options).expect("a founder starts")
    }

    /// What a fresh data directory of `which` is told.
    fn comes_back_new(&self, which: usize) -> Result<(), StartError> {
        let name = self.urls[which].0;
        let bootstrap = options(name, Path::new(""), &self.urls).bootstrap;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let asked = runtime.block_on(become_member(name, &bootstrap, &crate::world::Network::Tcp));
        asked.map(|_| ())
    }
}

fn refused(outcome: &Result<(), StartError>) -> bool {
    matches!(outcome, Err(StartError::Data(text)) if text.contains("has run before"))
}

#[test]
fn a_member_that_was_heard_does_not_come_back_as_new_though_its_name_was_never_published() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let half = Half::new();
    let b = half.start(1, directory.path());
    assert!(half.comes_back_new(0).is_ok(), "nobody has heard of a");
    let a = half.start(0, directory.path());
    let met = |node: &Node| node.handle().inner().caller.met.members();
    eventually("each has heard the other", || {
        met(&a).len() == 1 && met(&b).len() == 1
    });
    assert!(!b.handle().inner().members.has_run());
    a.stop();
    assert!(refused(&half.comes_back_new(0)), "b has heard a");
    b.stop();
    // What b has heard outlives its process.
    let b = half.start(1, directory.path());
    assert!(refused(&half.comes_back_new(0)), "b had heard a");
    b.stop();
}

#[test]
fn founders_that_start_together_do_not_wait_for_each_other() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let half = Half::new();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let a = scope.spawn(|| half.start(0, directory.path()));
        let b = scope.spawn(|| half.start(1, directory.path()));
        for node in [a, b] {
            node.join().expect("started").stop();
        }
    });
    // Each would wait until the other answers otherwise.
    assert!(begin.elapsed() < PATIENCE / 2, "{:?}", begin.elapsed());
}

#[test]
fn silence_is_not_taken_for_ignorance() {
    let half = Half::new();
    // It listens, as the system does for a process that hangs; nobody accepts.
    let listener = TcpListener::bind(address(&half.ports[1])).expect("its own port");
    let hangs = std::thread::spawn(move || {
        // One question is left without an answer, the next is refused: the process is gone.
        let (question, _) = listener.accept().expect("a question");
        std::thread::park_timeout(ANSWER / 2);
        drop((question, listener));
    });
    let begin = Instant::now();
    assert!(half.comes_back_new(0).is_ok(), "then nobody is there");
    assert!(begin.elapsed() >= ANSWER / 2, "it was waited for");
    hangs.join().expect("gone");
}

/// A leader writes entries that nobody confirms; a later one of the same term puts others in their place, which are
/// committed, applied and durable in the state when the power fails, before they are in the log.
#[test]
fn a_log_that_ends_with_what_the_state_knows_to_be_replaced_is_gone_on_with() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let data = directory.path().join("a");
    let url = "http://127.0.0.1:1".to_owned();
    let start = || {
        let mut options = options("a", &data, &[("a", url.clone())]);
        options.in_memory = false;
        options.schedule.in_memory = false;
        let listener = TcpListener::bind("127.0.0.1:0");
        options.peer_listeners = vec![listener.expect("a free port")];
        Node::start(options)
    };
    let revision_of = |node: &Node| node.handle().store().revision();
    let node = start().expect("a founder starts");
    for key in ["x", "y", "z"] {
        put(&node, key).join().expect("no panic");
    }
    let (revision, applied) = (revision_of(&node), node.probe().look().committed);
    let applied = applied.expect("puts are committed");
    node.stop();
    let (wal, _) = Wal::open(
        crate::world::World::default().disk,
        data.join("wal"),
        Options::default(),
    )
    .expect("a log");
    let first = wal.log_id_at(0);
    wal.truncate_after(first).expect("cut");
    let earlier = |index| Entry {
        log_id: LogId {
            node_id: applied.node_id - 1,
            index,
            ..applied
        },
        payload: Payload::Blank,
    };
    let (sender, written) = std::sync::mpsc::channel();
    let done = Box::new(move |outcome| drop(sender.send(outcome)));
    wal.append((1..applied.index + 5).map(earlier).collect(), done);
    written.recv().expect("an answer").expect("written");
    drop(wal);
    let node = start().expect("it starts again");
    assert_eq!(revision_of(&node), revision);
    eventually("it leads again", || node.handle().leads());
    put(&node, "after").join().expect("no panic");
    assert_eq!(revision_of(&node), revision + 1);
    node.stop();
}
