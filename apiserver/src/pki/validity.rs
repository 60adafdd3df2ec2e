//! From when until when a certificate holds.

use super::PkiError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long the authority of a cluster holds: ten years, as kubeadm has it. All its certificates end
/// with it.
pub(super) const AUTHORITY_SECONDS: i64 = 3_650 * 86_400;
/// How long what it issues holds: a year.
pub(super) const ISSUED_SECONDS: i64 = 365 * 86_400;
/// A certificate holds from a little before it was made, because clocks differ.
const CLOCK_SKEW_SECONDS: i64 = 300;

/// A span of time, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second at which it holds.
    pub from: i64,
    /// The last second at which it holds.
    pub until: i64,
}

impl Validity {
    /// What is made now and holds so long.
    pub(super) fn starting(now: i64, seconds: i64) -> Validity {
        Validity {
            from: now.saturating_sub(CLOCK_SKEW_SECONDS),
            until: now.saturating_add(seconds),
        }
    }

    /// That of the first certificate of a PEM text.
    ///
    /// # Errors
    /// If there is none that can be read.
    pub fn of_pem(pem: &str) -> Result<Validity, PkiError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(PkiError::new)?;
        Validity::of_der(&der)
    }

    /// That of a certificate.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_der(der: &[u8]) -> Result<Validity, PkiError> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(PkiError::new)?;
        let validity = certificate.validity();
        Ok(Validity {
            from: validity.not_before.timestamp(),
            until: validity.not_after.timestamp(),
        })
    }

    /// Whether it holds.
    pub fn holds(&self, now: i64) -> bool {
        (self.from..=self.until).contains(&now)
    }

    /// Whether it should be renewed: two thirds of its time are over, or it does not hold.
    pub fn is_due(&self, now: i64) -> bool {
        let length = self.until.saturating_sub(self.from);
        now >= self.from.saturating_add(length / 3 * 2) || now < self.from
    }

    /// It ends no later than another.
    pub(super) fn within(self, other: Validity) -> Validity {
        Validity {
            until: self.until.min(other.until),
            ..self
        }
    }
}

/// A moment as certificates are made with it.
pub(super) fn moment(seconds: i64) -> Result<OffsetDateTime, PkiError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(PkiError::new)
}
