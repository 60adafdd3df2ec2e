//! Connections to the API servers of one cluster: whom to trust, who one is, one connection per member.

use crate::check::{Check, Failure, some};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

type Sender = SendRequest<Full<Bytes>>;

/// What a kubeconfig says, as far as `keelson dev` writes it: all members, one authority, one operator.
#[derive(Clone)]
pub(super) struct Config {
    /// `host:port` of each member.
    pub(super) servers: Vec<String>,
    /// With the operator's certificate.
    pub(super) operator: Arc<ClientConfig>,
    /// Without a certificate: for tokens, and for nobody.
    pub(super) stranger: Arc<ClientConfig>,
}

impl Config {
    pub(super) fn read(path: &Path) -> Check<Config> {
        let text = std::fs::read_to_string(path)?;
        let field = |name: &str| {
            let mut lines = text.lines().map(|line| line.trim_start_matches([' ', '-']));
            let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            some(name, found.map(str::to_owned))
        };
        let pem = |name: &str| -> Check<Vec<u8>> { Ok(STANDARD.decode(field(name)?)?) };
        let servers = text.lines().filter_map(|line| {
            let server = line.trim().strip_prefix("server: https://");
            server.map(str::to_owned)
        });
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&pem("certificate-authority-data")?)? {
            roots.add(certificate)?;
        }
        let builder = || {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = ClientConfig::builder_with_provider(provider);
            let builder = builder.with_safe_default_protocol_versions();
            builder.map(|builder| builder.with_root_certificates(roots.clone()))
        };
        let own = certificates(&pem("client-certificate-data")?)?;
        let key = PrivateKeyDer::from_pem_slice(&pem("client-key-data")?)?;
        let mut operator = builder()?.with_client_auth_cert(own, key)?;
        let mut stranger = builder()?.with_no_client_auth();
        for config in [&mut operator, &mut stranger] {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        Ok(Config {
            servers: servers.collect(),
            operator: Arc::new(operator),
            stranger: Arc::new(stranger),
        })
    }
}

fn certificates(pem: &[u8]) -> Check<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    Ok(all?)
}

/// A connection that is made when it is needed, and again when it broke.
pub(super) struct Line {
    server: String,
    tls: Arc<ClientConfig>,
    sender: Mutex<Option<Sender>>,
}

impl Line {
    pub(super) fn new(server: &str, tls: &Arc<ClientConfig>) -> Line {
        Line {
            server: server.to_owned(),
            tls: tls.clone(),
            sender: Mutex::new(None),
        }
    }

    /// Something to send a request by.
    pub(super) async fn sender(&self) -> Check<Sender> {
        let mut place = self.sender.lock().await;
        if let Some(sender) = place.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let sender = Box::pin(self.open()).await?;
        *place = Some(sender.clone());
        Ok(sender)
    }

    /// Its task ends with the last sender and the last answer.
    async fn open(&self) -> Check<Sender> {
        let stream = TcpStream::connect(&self.server).await?;
        stream.set_nodelay(true)?;
        let host = self.server.rsplit_once(':').map_or("", |(host, _)| host);
        let name = ServerName::try_from(host.to_owned())?;
        let connector = TlsConnector::from(self.tls.clone());
        let stream = connector.connect(name, stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(Failure::new("the server does not speak HTTP/2"));
        }
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
