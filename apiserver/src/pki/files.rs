//! PEM files.

use super::authority::{Authority, Certificate, PkiError};
use super::validity::Validity;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Writes a file that only its owner may read: whole, or not at all.
///
/// # Errors
/// As the file system says.
pub fn write_private(path: &Path, text: &str) -> Result<(), PkiError> {
    write(path, text).map_err(|why| PkiError::during(path.display(), why))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{:016x}", rand::random::<u64>()));
    let beside = PathBuf::from(beside);
    let written = write_new(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written?;
    File::open(directory)?.sync_all()
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Reads `NAME.crt` and `NAME.key` of a directory. `None` if one of them is not there.
///
/// # Errors
/// As the file system says.
pub fn read_certificate(directory: &Path, name: &str) -> Result<Option<Certificate>, PkiError> {
    let read = |ending: &str| {
        let path = directory.join(format!("{name}.{ending}"));
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(PkiError::during(path.display(), error)),
        }
    };
    let (certificate, key) = (read("crt")?, read("key")?);
    Ok(certificate
        .zip(key)
        .map(|(certificate, key)| Certificate { certificate, key }))
}

/// Writes `NAME.crt` and `NAME.key`, the key first: what is found with both is whole.
fn write_certificate(
    directory: &Path,
    name: &str,
    certificate: &Certificate,
) -> Result<(), PkiError> {
    let path = |ending: &str| directory.join(format!("{name}.{ending}"));
    write_private(&path("key"), &certificate.key)?;
    write_private(&path("crt"), &certificate.certificate)
}

/// The authority that lies in a directory (`ca.crt`, `ca.key`); made if there is none. Two that make one
/// at the same moment would make two: the caller sees to that only one does.
///
/// # Errors
/// If it cannot be read or written. One that is there and cannot be read is never replaced.
pub fn ensure_authority(directory: &Path, now: i64) -> Result<Authority, PkiError> {
    if let Some(found) = read_certificate(directory, "ca")? {
        return Authority::read(found);
    }
    if directory.join("ca.crt").exists() {
        return Err(PkiError::new(format!(
            "{} holds ca.crt without ca.key",
            directory.display()
        )));
    }
    fs::create_dir_all(directory).map_err(|why| PkiError::during(directory.display(), why))?;
    let authority = Authority::generate(now)?;
    write_certificate(directory, "ca", authority.own())?;
    Ok(authority)
}

/// The certificate that lies in a directory under a name, if it need not be renewed and `keeps` it; else
/// what `issue` makes, which then lies there.
///
/// # Errors
/// If it cannot be issued, read or written.
pub fn ensure_certificate(
    directory: &Path,
    name: &str,
    now: i64,
    keeps: impl Fn(&Certificate) -> bool,
    issue: impl FnOnce() -> Result<Certificate, PkiError>,
) -> Result<Certificate, PkiError> {
    if let Some(found) = read_certificate(directory, name)? {
        let is_fresh = Validity::of_pem(&found.certificate).is_ok_and(|one| !one.is_due(now));
        if is_fresh && keeps(&found) {
            return Ok(found);
        }
    }
    let issued = issue()?;
    write_certificate(directory, name, &issued)?;
    Ok(issued)
}

/// The public key of the first certificate of a PEM text.
pub(super) fn public_key(pem: &str) -> Result<Vec<u8>, PkiError> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(PkiError::new)?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(PkiError::new)?;
    Ok(certificate.public_key().subject_public_key.data.to_vec())
}
