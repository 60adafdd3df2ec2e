//! What the server shows, and what it asks of clients.

use crate::authenticate::ClientAuthority;
use crate::pki::Certificate;
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A certificate or an authority that cannot be used.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TLS: {}", self.0)
    }
}

impl std::error::Error for TlsError {}

fn error(why: impl fmt::Display) -> TlsError {
    TlsError(why.to_string())
}

/// TLS of a server.
pub struct Tls {
    acceptor: TlsAcceptor,
    shown: Arc<Shown>,
    clients: ClientAuthority,
}

impl Tls {
    /// `certificate` is the server's own; clients may show one of the authorities of `clients`, as PEM.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub fn new(certificate: &Certificate, clients: &str) -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let clients = ClientAuthority::new(clients, provider.clone()).map_err(error)?;
        let shown = Arc::new(Shown {
            key: RwLock::new(read(certificate, &provider)?),
            provider: provider.clone(),
        });
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(error)?;
        let mut config = config
            .with_client_cert_verifier(clients.for_tls())
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            shown,
            clients,
        })
    }

    /// Shows another certificate to clients that connect from now on.
    ///
    /// # Errors
    /// If it cannot be read; then nothing has changed.
    pub fn renew(&self, certificate: &Certificate) -> Result<(), TlsError> {
        let key = read(certificate, &self.shown.provider)?;
        *self.shown.key.write() = key;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    pub(super) fn clients(&self) -> &ClientAuthority {
        &self.clients
    }
}

fn read(
    certificate: &Certificate,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(certificate.certificate.as_bytes());
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(error)?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).map_err(error)?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(error)?;
    Ok(Arc::new(key))
}

/// The certificate that is shown now.
struct Shown {
    key: RwLock<Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.read().clone())
    }
}
