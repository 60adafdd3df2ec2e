//! Several API servers over one store in memory, each on a thread of its own so that it can die at once.

use crate::kube::client::{Client, Config, Resource};
use crate::kube::clock::{SystemClock, SystemRandom};
use keelson_apiserver::admission::{Chain, Stored};
use keelson_apiserver::authenticate::{Authenticator, StaticTokens};
use keelson_apiserver::authorize::{Authorizer, Masters, NodeAuthorizer, Union, bootstrap};
use keelson_apiserver::http::{KeptGraph, Limits, Options, Server, Tls};
use keelson_apiserver::identity::Anonymous;
use keelson_apiserver::pki::{self, Authority, Kubeconfig};
use keelson_apiserver::registry::{Clock, Registry};
use keelson_apiserver::resource::builtin;
use keelson_apiserver::storage::{Kv, MemoryKv};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Nothing here takes longer, on any machine.
pub const LONG: Duration = Duration::from_secs(60);

pub const CONFIG_MAPS: Resource = Resource {
    group: "",
    version: "v1",
    plural: "configmaps",
};

pub fn now() -> i64 {
    SystemClock.now_us() / 1_000_000
}

/// A server. Dies with this value.
pub struct Served {
    pub address: SocketAddr,
    kill: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Ends it as if its process had been killed: connections break, nothing is said.
    pub fn kill(&mut self) {
        if let Some(kill) = self.kill.take() {
            let _ = kill.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.kill();
    }
}

pub struct World {
    pub kv: Arc<MemoryKv>,
    pub registry: Arc<Registry>,
    pub authority: Authority,
    pub servers: Vec<Served>,
}

impl World {
    pub fn new(servers: usize) -> World {
        let kv = Arc::new(MemoryKv::new());
        let store: Arc<dyn Kv> = kv.clone();
        let chain = Chain::standard(Arc::new(Stored::new(store.clone())), Arc::new(rand::random));
        let registry = Registry::new(store, Arc::new(SystemClock), Arc::new(SystemRandom))
            .with_admission(Arc::new(chain));
        let mut world = World {
            kv,
            registry: Arc::new(registry),
            authority: Authority::generate(now()).unwrap(),
            servers: Vec::new(),
        };
        for _ in 0..servers {
            let served = world.serve(TcpListener::bind("127.0.0.1:0").unwrap());
            world.servers.push(served);
        }
        world
    }

    fn serve(&self, listener: TcpListener) -> Served {
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let certificate = pki::Server::default()
            .issue(&self.authority, now())
            .unwrap();
        let tls = Tls::new(&certificate, self.authority.certificate()).unwrap();
        let options = Options {
            registry: self.registry.clone(),
            clock: Arc::new(SystemClock),
            catalog: Arc::new(builtin().clone()),
            authenticator: Authenticator::new(
                StaticTokens::default(),
                None,
                Anonymous::health_and_version(),
            ),
            authorizer: authorizer(),
            audit: None,
            checks: Vec::new(),
            exports: Vec::new(),
            limits: Limits::default(),
            address: address.to_string(),
        };
        let (kill, killed) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::new(options, tls);
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = server.serve(listener, std::future::pending()) => {}
                    _ = killed => {}
                }
            });
            // All its connections end with the runtime.
        });
        Served {
            address,
            kill: Some(kill),
            thread: Some(thread),
        }
    }

    /// Starts a server that was killed again, where it was.
    pub fn start_again(&mut self, server: usize) {
        let address = self.servers[server].address;
        self.servers[server].kill();
        self.servers[server] = self.serve(TcpListener::bind(address).unwrap());
    }

    /// What kubectl would be given.
    pub fn kubeconfig(&self) -> String {
        let servers = self.servers.iter();
        let config = Kubeconfig {
            name: "test".to_owned(),
            servers: servers
                .map(|one| format!("https://{}", one.address))
                .collect(),
            authority: self.authority.certificate().to_owned(),
            user: "admin".to_owned(),
            client: pki::Client::admin().issue(&self.authority, now()).unwrap(),
        };
        config.to_yaml()
    }

    /// The operator.
    pub fn client(&self, lanes: usize) -> Arc<Client> {
        let config = Config::parse(&self.kubeconfig(), Path::new("")).unwrap();
        assert_eq!(config.servers(), self.servers.len());
        Arc::new(Client::new(config, lanes, "test"))
    }
}

pub fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": name}})
}

/// Namespaces that requests need.
pub async fn namespaces(client: &Client) {
    let namespaces = Resource {
        group: "",
        version: "v1",
        plural: "namespaces",
    };
    for name in ["default", "kube-node-lease"] {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        client
            .create(&namespaces.path("", "", ""), namespace.to_string().into())
            .await
            .unwrap();
    }
}

/// The operator, and nodes, whose Pods nobody follows here.
fn authorizer() -> Arc<dyn Authorizer> {
    let nodes = NodeAuthorizer::new(KeptGraph::default(), bootstrap::node_rules());
    let all: Vec<Box<dyn Authorizer>> = vec![Box::new(Masters), Box::new(nodes)];
    Arc::new(Union::new(all))
}
