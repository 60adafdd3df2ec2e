//! Certificates of servers.

use super::authority::{Authority, Certificate, PkiError, subject};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Under which names and addresses a server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// DNS names, besides those that every server of a cluster has.
    pub names: Vec<String>,
    /// Addresses, besides those of this machine to itself. Name the address of the Service `kubernetes`.
    pub addresses: Vec<IpAddr>,
}

/// What pods and the machine itself call every server.
const NAMES: [&str; 5] = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
];

impl Server {
    /// Issues its certificate. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If a name cannot be one, or no key can be made.
    pub fn issue(&self, authority: &Authority, now: i64) -> Result<Certificate, PkiError> {
        let names = NAMES
            .into_iter()
            .chain(self.names.iter().map(String::as_str));
        let names: BTreeSet<&str> = names.collect();
        let own = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        let addresses: BTreeSet<IpAddr> = own.iter().chain(&self.addresses).copied().collect();
        let names = names.into_iter().map(str::to_owned);
        let addresses = addresses.iter().map(ToString::to_string);
        let alternatives: Vec<String> = names.chain(addresses).collect();
        let mut params = CertificateParams::new(alternatives).map_err(PkiError::new)?;
        params.distinguished_name = subject("kube-apiserver", &[]);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        authority.issue(params, now)
    }
}
