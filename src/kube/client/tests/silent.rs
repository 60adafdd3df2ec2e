//! Servers that are cut off: nothing breaks, and nothing comes.

use super::failover::{create, followed, name, next};
use super::world::{World, namespaces};
use crate::kube::client::{Client, Config, Told};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Silence is noticed after a second and a half; the rest is for a busy machine. It counts as broken after six.
const SOON: Duration = Duration::from_secs(4);

/// Stands before a server, until it says nothing any more.
struct Wire {
    address: SocketAddr,
    is_cut: watch::Sender<bool>,
}

impl Wire {
    fn before(server: SocketAddr) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let (is_cut, cut) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cut = cut.clone();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => return,
                        _ = cut.wait_for(|cut| *cut) => {}
                    }
                    // Both ends stay, and hear nothing.
                    std::future::pending::<()>().await;
                });
            }
        });
        Wire { address, is_cut }
    }

    fn cut(&self) {
        self.is_cut.send_replace(true);
    }
}

/// A client of one lane that prefers the first server, over wires.
fn wired(world: &World) -> (Arc<Client>, Vec<Wire>) {
    let addresses = world.servers.iter().map(|one| one.address);
    let wires: Vec<Wire> = addresses.clone().map(Wire::before).collect();
    let mut text = world.kubeconfig();
    for (address, wire) in addresses.zip(&wires) {
        text = text.replace(&address.to_string(), &wire.address.to_string());
    }
    let config = Config::parse(&text, Path::new("")).unwrap();
    (Arc::new(Client::new(config, 1, "test")), wires)
}

#[tokio::test]
async fn whoever_reads_does_not_wait_for_a_server_that_is_silent() {
    let world = World::new(2);
    let (client, wires) = wired(&world);
    client.get("/version").await.unwrap();
    wires[0].cut();
    let began = Instant::now();
    client.get("/version").await.unwrap();
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let began = Instant::now();
    client.get("/version").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "it stays there");
}

#[tokio::test]
async fn a_watch_of_a_server_that_falls_silent_goes_on_elsewhere() {
    let world = World::new(2);
    namespaces(&world.client(1)).await;
    let (client, wires) = wired(&world);
    let mut stream = pin!(followed(&client));
    assert_eq!(next(&mut stream).await, Told::Began);
    assert!(matches!(next(&mut stream).await, Told::Complete(_)));
    create(&world.client(1), 1).await;
    assert_eq!(name(&next(&mut stream).await), "n00001");
    wires[0].cut();
    let began = Instant::now();
    create(&world.client(1), 2).await;
    assert_eq!(name(&next(&mut stream).await), "n00002");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
