//! A server on this machine, and clients of it, over real TLS.

use crate::authenticate::{
    Authenticator, KeySet, Objects, Place, ServiceTokens, SigningKey, StaticTokens,
};
use crate::authorize::{Authorizer, Masters, NodeAuthorizer, Policy, Union, bootstrap};
use crate::http::{Audit, Check, KeptGraph, Limits, Options, Server, Tls};
use crate::identity::{Anonymous, User};
use crate::meter::Export;
use crate::pki::{self, Authority};
use crate::registry::{Clock, Registry};
use crate::resource::builtin;
use crate::status::Failure;
use crate::storage::Future;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Nothing here takes longer, on any machine.
pub const LONG: Duration = Duration::from_secs(30);
pub const ISSUER: &str = "https://kubernetes.default.svc";

pub struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        i64::try_from(now.as_micros()).unwrap()
    }
}

pub fn now() -> i64 {
    SystemClock.now_us() / 1_000_000
}

/// Place, namespace and name.
type Where = (String, String, String);

/// Objects that tokens are bound to.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<BTreeMap<Where, Value>>>);

impl Shelf {
    pub fn put(&self, place: Place, namespace: &str, name: &str, mut object: Value) {
        object["metadata"]["name"] = name.into();
        let key = (
            place.resource().to_owned(),
            namespace.to_owned(),
            name.to_owned(),
        );
        self.0.lock().insert(key, object);
    }

    pub fn remove(&self, place: Place, namespace: &str, name: &str) {
        let key = (
            place.resource().to_owned(),
            namespace.to_owned(),
            name.to_owned(),
        );
        self.0.lock().remove(&key).unwrap();
    }
}

impl Objects for Shelf {
    fn find<'a>(
        &'a self,
        place: Place,
        namespace: &'a str,
        name: &'a str,
        _is_latest: bool,
    ) -> Future<'a, Result<Option<Value>, Failure>> {
        let key = (
            place.resource().to_owned(),
            namespace.to_owned(),
            name.to_owned(),
        );
        let found = self.0.lock().get(&key).cloned();
        Box::pin(async move { Ok(found) })
    }
}

/// What was written to the audit log.
#[derive(Clone, Default)]
pub struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    pub fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// How a world differs from the usual one.
pub struct Plan {
    pub limits: Limits,
    pub checks: Vec<Check>,
    pub exports: Vec<Export>,
    pub policy: Vec<Value>,
    pub registry: Arc<Registry>,
    /// Nothing, unless somebody keeps it.
    pub graph: KeptGraph,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            limits: Limits::default(),
            checks: Vec::new(),
            exports: Vec::new(),
            policy: Vec::new(),
            registry: super::registry(),
            graph: KeptGraph::default(),
        }
    }
}

pub struct World {
    pub address: SocketAddr,
    pub authority: Authority,
    pub server: Arc<Server>,
    pub shelf: Shelf,
    pub paper: Paper,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl World {
    /// What a server is made of, and what tests see of it.
    pub fn options(plan: Plan) -> (Options, Shelf, Paper) {
        let shelf = Shelf::default();
        let keys = KeySet::new(SigningKey::generate().unwrap());
        let mut tokens = StaticTokens::default();
        tokens.insert("jane-token", User::new("jane", ["devs"]));
        tokens.insert("bob-token", User::new("bob", [""; 0]));
        let service = ServiceTokens::new(keys, ISSUER, Vec::new(), Arc::new(shelf.clone()));
        let authenticator =
            Authenticator::new(tokens, Some(service), Anonymous::health_and_version());
        let policy = bootstrap::objects().iter();
        let policy = Policy::from_objects(policy.chain(&plan.policy)).unwrap();
        let nodes = NodeAuthorizer::new(plan.graph, bootstrap::node_rules());
        let authorizers: Vec<Box<dyn Authorizer>> =
            vec![Box::new(Masters), Box::new(nodes), Box::new(policy)];
        let paper = Paper::default();
        let options = Options {
            registry: plan.registry,
            clock: Arc::new(SystemClock),
            catalog: Arc::new(builtin().clone()),
            authenticator,
            authorizer: Arc::new(Union::new(authorizers)),
            audit: Some(Audit::new(paper.clone()).unwrap()),
            checks: plan.checks,
            exports: plan.exports,
            limits: plan.limits,
            address: "here:6443".to_owned(),
        };
        (options, shelf, paper)
    }

    pub async fn new(plan: Plan) -> World {
        World::of(World::options(plan)).await
    }

    /// A server that is made of these.
    pub async fn of((options, shelf, paper): (Options, Shelf, Paper)) -> World {
        let authority = Authority::generate(now()).unwrap();
        let certificate = pki::Server::default().issue(&authority, now()).unwrap();
        let tls = Tls::new(&certificate, authority.certificate()).unwrap();
        let server = Arc::new(Server::new(options, tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        World {
            address: listener.local_addr().unwrap(),
            authority,
            shelf,
            paper,
            stop: Some(stop),
            serving: tokio::spawn({
                let server = server.clone();
                async move { server.serve(listener, async { drop(stopped.await) }).await }
            }),
            server,
        }
    }

    /// The operator, over HTTP/1.
    pub fn admin(&self) -> Client {
        let shown = pki::Client::admin().issue(&self.authority, now()).unwrap();
        self.client(Some(&shown))
    }

    /// Somebody with a certificate, or nobody.
    pub fn client(&self, shown: Option<&pki::Certificate>) -> Client {
        let mut roots = RootCertStore::empty();
        let own = self.authority.certificate().as_bytes();
        roots
            .add(CertificateDer::from_pem_slice(own).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(shown) => {
                let chain = CertificateDer::from_pem_slice(shown.certificate.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes());
                let pair = (vec![chain.unwrap()], key.unwrap());
                config.with_client_auth_cert(pair.0, pair.1).unwrap()
            }
        };
        Client {
            address: self.address,
            config,
            token: None,
        }
    }

    /// Somebody with a token.
    pub fn bearer(&self, token: &str) -> Client {
        Client {
            token: Some(token.to_owned()),
            ..self.client(None)
        }
    }

    /// Tells the server to stop, and does not wait for it.
    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has stopped.
    pub async fn stopped(self) {
        timeout(LONG, self.serving).await.unwrap().unwrap();
    }
}

#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    config: ClientConfig,
    token: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Code, reason and message of a Status.
    pub fn failure(&self) -> (u16, String, String) {
        let status = self.json();
        assert_eq!(status["kind"], "Status", "{status}");
        assert_eq!(status["code"], self.code);
        let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
        (self.code, text("reason"), text("message"))
    }
}

impl Client {
    pub async fn connect(&self, protocol: &str) -> TlsStream<TcpStream> {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        // A request is two small writes, and the second one would wait for the first one's acknowledgement.
        stream.set_nodelay(true).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("kubernetes").unwrap();
        connector.connect(name, stream).await.unwrap()
    }

    pub fn request(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "kubernetes");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.body(Full::new(body)).unwrap()
    }

    /// One request on a connection of its own.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let request = self.request(&method, path, headers, body.into());
        let io = TokioIo::new(self.connect("http/1.1").await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let response = timeout(LONG, sender.send_request(request))
            .await
            .unwrap()
            .unwrap();
        answer(response).await
    }

    /// A GET over HTTP/2.
    pub async fn get_http2(&self, path: &str) -> Answer {
        let path = format!("https://kubernetes{path}");
        let request = self.request(&Method::GET, &path, &[], Bytes::new());
        let io = TokioIo::new(self.connect("h2").await);
        let executor = TokioExecutor::new();
        let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
            .await
            .unwrap();
        tokio::spawn(connection);
        let response = timeout(LONG, sender.send_request(request))
            .await
            .unwrap()
            .unwrap();
        answer(response).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, "").await
    }

    pub async fn post(&self, path: &str, object: &Value) -> Answer {
        self.send(Method::POST, path, &[], object.to_string()).await
    }
}

async fn answer(response: hyper::Response<hyper::body::Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let bytes = timeout(LONG, body.collect())
        .await
        .unwrap()
        .unwrap()
        .to_bytes();
    Answer {
        code: head.status.as_u16(),
        headers: head.headers,
        bytes,
    }
}

/// Waits until something is true.
pub async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let waiting = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}: not in time"));
}

/// A role for everything that is named, bound to a user.
pub fn allow(user: &str, verbs: &[&str], groups: &[&str], resources: &[&str]) -> Vec<Value> {
    let name = format!("test-{user}");
    vec![
        json!({"kind": "ClusterRole", "metadata": {"name": name}, "rules": [
            {"verbs": verbs, "apiGroups": groups, "resources": resources},
        ]}),
        json!({"kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": crate::authorize::RBAC, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "User", "name": user, "apiGroup": crate::authorize::RBAC}]}),
    ]
}
