//! A load balancer as simple as they come: TCP connections go to the first healthy member, in a fixed order, and
//! end when the member does. Whose health a balancer would find out by asking `/readyz`, the test tells: a
//! member that comes back takes connections some time before it serves them.

use keelson_kit::check::Check;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One member: its number, where and whether it serves, and how many connections it was given.
struct Target {
    member: usize,
    server: String,
    is_healthy: AtomicBool,
    connections: AtomicUsize,
}

/// Takes connections until it is dropped.
pub struct Relay {
    address: String,
    targets: Arc<[Target]>,
    task: JoinHandle<()>,
}

impl Relay {
    /// In front of these members, the first one preferred.
    pub async fn start<const N: usize>(servers: [(usize, String); N]) -> Check<Relay> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let targets: Arc<[Target]> = servers
            .into_iter()
            .map(|(member, server)| Target {
                member,
                server,
                is_healthy: AtomicBool::new(true),
                connections: AtomicUsize::new(0),
            })
            .collect();
        Ok(Relay {
            address: listener.local_addr()?.to_string(),
            targets: targets.clone(),
            task: tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(carry(client, targets.clone()));
                }
            }),
        })
    }

    /// Where clients connect.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Tells whether a member serves.
    pub fn set_healthy(&self, member: usize, is_healthy: bool) {
        for target in self.targets.iter().filter(|one| one.member == member) {
            target.is_healthy.store(is_healthy, Ordering::Relaxed);
        }
    }

    /// How many connections there were so far.
    pub fn connections(&self) -> usize {
        let all = self.targets.iter().map(|target| &target.connections);
        all.map(|connections| connections.load(Ordering::Relaxed))
            .sum()
    }

    /// How many of them a member was given.
    pub fn connections_of(&self, member: usize) -> usize {
        let given = self.targets.iter().filter(|one| one.member == member);
        given
            .map(|one| one.connections.load(Ordering::Relaxed))
            .sum()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, targets: Arc<[Target]>) {
    for target in targets.iter() {
        if !target.is_healthy.load(Ordering::Relaxed) {
            continue;
        }
        let Ok(mut server) = TcpStream::connect(&target.server).await else {
            continue;
        };
        target.connections.fetch_add(1, Ordering::Relaxed);
        // However it ends, both sides hear of it: the sockets are dropped.
        let _ = copy_bidirectional(&mut client, &mut server).await;
        return;
    }
}
