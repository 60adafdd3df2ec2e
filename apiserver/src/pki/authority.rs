//! The authority of a cluster.

use super::validity::{AUTHORITY_SECONDS, ISSUED_SECONDS, Validity, moment};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::fmt;

/// Something with a key or a certificate went wrong. There is nothing to try again with the same input.
#[derive(Debug)]
pub struct PkiError(String);

impl PkiError {
    /// With the cause's text.
    pub(super) fn new(why: impl fmt::Display) -> PkiError {
        PkiError(why.to_string())
    }

    /// The same, with what was being done in front.
    pub(super) fn during(what: impl fmt::Display, why: impl fmt::Display) -> PkiError {
        PkiError(format!("{what}: {why}"))
    }
}

impl fmt::Display for PkiError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for PkiError {}

/// A certificate and its private key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// The key, PKCS #8.
    pub key: String,
}

impl fmt::Debug for Certificate {
    /// Without the key.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificate = &self.certificate;
        out.debug_struct("Certificate")
            .field("certificate", certificate)
            .finish_non_exhaustive()
    }
}

/// Who issues the certificates of a cluster. Whoever holds it can be anybody: keep it as a secret.
pub struct Authority {
    own: Certificate,
    validity: Validity,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn generate(now: i64) -> Result<Authority, PkiError> {
        let mut params = CertificateParams::default();
        let validity = Validity::starting(now, AUTHORITY_SECONDS);
        set_validity(&mut params, validity)?;
        params.distinguished_name = subject("kubernetes", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
        ];
        let key = KeyPair::generate().map_err(PkiError::new)?;
        let certificate = params.self_signed(&key).map_err(PkiError::new)?;
        Authority::read(Certificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// An authority that was made before, by this program or by another.
    ///
    /// # Errors
    /// If the texts cannot be read, or do not belong together.
    pub fn read(own: Certificate) -> Result<Authority, PkiError> {
        let key = KeyPair::from_pem(&own.key).map_err(PkiError::new)?;
        let key_of = super::files::public_key(&own.certificate)?;
        if key_of != key.public_key_raw() {
            return Err(PkiError::new(
                "the key of the authority does not belong to its certificate",
            ));
        }
        Ok(Authority {
            validity: Validity::of_pem(&own.certificate)?,
            issuer: Issuer::from_ca_cert_pem(&own.certificate, key).map_err(PkiError::new)?,
            own,
        })
    }

    /// Its certificate and key.
    pub fn own(&self) -> &Certificate {
        &self.own
    }

    /// Its certificate as PEM, for those who trust it.
    pub fn certificate(&self) -> &str {
        &self.own.certificate
    }

    /// From when until when it holds.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Issues a certificate with a new key. It holds for a year, or as long as the authority.
    pub(super) fn issue(
        &self,
        mut params: CertificateParams,
        now: i64,
    ) -> Result<Certificate, PkiError> {
        let validity = Validity::starting(now, ISSUED_SECONDS).within(self.validity);
        set_validity(&mut params, validity)?;
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(PkiError::new)?;
        let issued = params
            .signed_by(&key, &self.issuer)
            .map_err(PkiError::new)?;
        Ok(Certificate {
            certificate: issued.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn set_validity(params: &mut CertificateParams, validity: Validity) -> Result<(), PkiError> {
    params.not_before = moment(validity.from)?;
    params.not_after = moment(validity.until)?;
    Ok(())
}

/// A name with organizations.
pub(super) fn subject(name: &str, organizations: &[String]) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    if let [organization] = organizations {
        subject.push(DnType::OrganizationName, organization.as_str());
    }
    subject.push(DnType::CommonName, name);
    subject
}
