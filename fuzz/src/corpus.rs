//! Inputs as files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// An input and where it is from, for people.
#[derive(Clone, Debug)]
pub struct Named {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The directory of a target's checked-in inputs, as seen from the package whose tests run. Asked when they run:
/// several checkouts may share what is compiled.
pub fn directory(target: &str) -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
    let root = package
        .ancestors()
        .find(|above| above.join("fuzz/corpus").is_dir())
        .unwrap_or(&package);
    root.join("fuzz/corpus").join(target)
}

/// The files of a directory, by name; none if it is not there.
pub fn read(directory: &Path) -> Vec<Named> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<Named> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let bytes = fs::read(entry.path()).ok()?;
            (!name.starts_with('.')).then_some(Named { name, bytes })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Writes an input under a name that tells what it is and what is in it.
///
/// # Errors
/// What the system says.
pub fn write(directory: &Path, what: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let path = directory.join(format!("{what}{:016x}", hash(bytes)));
    fs::write(&path, bytes)?;
    Ok(path)
}

/// FNV-1a: enough to tell files apart.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
