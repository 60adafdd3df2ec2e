//! Certificates that clients show.

use super::token::Refused;
use crate::identity::{AUTHENTICATED, User};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The attribute of a subject that is the uid.
const UID: &str = "1.3.6.1.4.1.57683.2";
/// The key of what names the credential, in audit lines and reviews.
pub(super) const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";

/// A text without a certificate of an authority in it.
#[derive(Debug)]
pub struct UnknownAuthority(String);

impl fmt::Display for UnknownAuthority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "authority of clients: {}", self.0)
    }
}

impl std::error::Error for UnknownAuthority {}

/// A client that has proved to hold a certificate of the authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// Who it is.
    pub user: User,
    /// When the certificate ends, in seconds since 1970. Connections may live longer.
    pub until: i64,
}

/// Whose certificates make users.
#[derive(Clone, Debug)]
pub struct ClientAuthority {
    verifier: Arc<dyn ClientCertVerifier>,
}

impl ClientAuthority {
    /// Certificates of these authorities, as PEM. `provider` is what the server's TLS uses.
    ///
    /// # Errors
    /// If there is none in the text.
    pub fn new(
        pem: &str,
        provider: Arc<CryptoProvider>,
    ) -> Result<ClientAuthority, UnknownAuthority> {
        let unknown = |why: &dyn fmt::Display| UnknownAuthority(why.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|why| unknown(&why))?;
            roots.add(certificate).map_err(|why| unknown(&why))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = builder.allow_unauthenticated().build();
        Ok(ClientAuthority {
            verifier: verifier.map_err(|why| unknown(&why))?,
        })
    }

    /// For TLS: asks for a certificate and takes any, if the client holds its key. Who shows a bad one is
    /// answered with 401, which says more than a connection that breaks.
    pub fn for_tls(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::new(TakesAny(self.verifier.clone()))
    }

    /// The user that a certificate stands for, which the client holds the key of.
    ///
    /// # Errors
    /// If it is not the authority's, not for clients, does not hold now, or names nobody.
    pub fn identify(&self, chain: &[CertificateDer<'_>], now_s: i64) -> Result<Certified, Refused> {
        let Some((own, others)) = chain.split_first() else {
            return Err(Refused::because("no certificate"));
        };
        let now = Duration::from_secs(u64::try_from(now_s).unwrap_or_default());
        self.verifier
            .verify_client_cert(own, others, UnixTime::since_unix_epoch(now))
            .map_err(|why| Refused::because(format!("x509: {why}")))?;
        let parsed = X509Certificate::from_der(own);
        let (_, certificate) = parsed.map_err(|why| Refused::because(format!("x509: {why}")))?;
        Ok(Certified {
            user: user(&certificate, own)?,
            until: certificate.validity().not_after.timestamp(),
        })
    }
}

fn user(certificate: &X509Certificate<'_>, der: &[u8]) -> Result<User, Refused> {
    let subject = certificate.subject();
    let names = subject.iter_common_name();
    // Of several names the last counts, as for everybody who reads certificates like Go does.
    let name = names.filter_map(|one| one.as_str().ok()).last();
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Refused::because("x509: the subject has no common name"))?;
    let groups = subject.iter_organization();
    let groups = groups.filter_map(|one| one.as_str().ok());
    let mut user = User::new(name, groups);
    if !user.is_in(AUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    let mut uids = subject.iter_attributes();
    if let Some(uid) = uids.find(|one| one.attr_type().to_id_string() == UID) {
        let uid = uid.as_str().unwrap_or_default();
        user.uid = uid.to_owned();
    }
    let mut id = "X509SHA256=".to_owned();
    for byte in Sha256::digest(der) {
        // Writing to a String does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    user.extra.insert(CREDENTIAL.to_owned(), vec![id]);
    Ok(user)
}

#[derive(Debug)]
struct TakesAny(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for TakesAny {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
