//! Certificates of clients.

use super::authority::{Authority, Certificate, PkiError, subject};
use crate::identity::MASTERS;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose};

/// A client that shows a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The name of the user.
    pub user: String,
    /// The group it is in besides those that everybody is in; empty for none. One, because a name as
    /// it is written here holds each kind of part once.
    pub group: String,
}

impl Client {
    /// The operator: may do everything, whatever the policy says.
    pub fn admin() -> Client {
        Client {
            user: "kubernetes-admin".to_owned(),
            group: MASTERS.to_owned(),
        }
    }

    /// Issues its certificate. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn issue(&self, authority: &Authority, now: i64) -> Result<Certificate, PkiError> {
        let mut params = CertificateParams::default();
        let groups: Vec<String> = Some(self.group.clone())
            .filter(|group| !group.is_empty())
            .into_iter()
            .collect();
        params.distinguished_name = subject(&self.user, &groups);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        authority.issue(params, now)
    }
}
