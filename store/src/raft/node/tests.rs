use super::super::identity::{StartError, become_member};
use super::super::test_member::{eventually, options};
use super::*;
use std::net::TcpListener;
use std::path::Path;

/// Two members of a group of four: they hear each other and can agree on nothing, so that nobody's
/// name is ever published.
struct Half {
    urls: Vec<(&'static str, String)>,
    sockets: Vec<TcpListener>,
}

impl Half {
    fn new() -> Half {
        let names = ["a", "b", "c", "d"];
        let sockets = names.map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let urls = names.iter().zip(&sockets).map(|(name, socket)| {
            let address = socket.local_addr().expect("bound");
            (*name, format!("http://{address}"))
        });
        Half {
            urls: urls.collect(),
            sockets: sockets.into_iter().take(2).collect(),
        }
    }

    fn start(&self, which: usize, directory: &Path) -> Node {
        let name = self.urls[which].0;
        let socket = self.sockets[which].try_clone().expect("another handle");
        let mut options = options(name, &directory.join(name), &self.urls);
        options.peer_listeners = vec![socket];
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
        let asked = runtime.block_on(become_member(name, &bootstrap));
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
