//! Connections to the API servers of one cluster: whom to trust, who one is, one connection per member.

use crate::check::{Check, Failure, some};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
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
    roots: RootCertStore,
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
        let own = pem("client-certificate-data")?;
        let operator = showing(&roots, &own, &pem("client-key-data")?)?;
        let stranger = trusting(&roots)?.with_no_client_auth();
        Ok(Config {
            servers: servers.collect(),
            operator: Arc::new(with_http2(operator)),
            stranger: Arc::new(with_http2(stranger)),
            roots,
        })
    }

    /// With a certificate and its key, both PEM.
    pub(super) fn showing(&self, certificate: &[u8], key: &[u8]) -> Check<Arc<ClientConfig>> {
        let config = showing(&self.roots, certificate, key)?;
        Ok(Arc::new(with_http2(config)))
    }
}

fn trusting(roots: &RootCertStore) -> Check<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots.clone()))
}

fn showing(roots: &RootCertStore, certificate: &[u8], key: &[u8]) -> Check<ClientConfig> {
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let own = certificates(certificate)?;
    Ok(trusting(roots)?.with_client_auth_cert(own, key)?)
}

fn with_http2(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
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
