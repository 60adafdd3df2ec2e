//! Which version this is, to people and to programs that believe they talk to etcd.

/// Our own version.
pub const KEELSON: &str = env!("CARGO_PKG_VERSION");
/// The etcd release whose API is served, as the store reports it everywhere else.
pub use keelson_store::rpc::version::SERVER as ETCD;

/// The lines tools read from `etcd --version`. What stands behind a colon may say who we are.
pub fn etcd_lines() -> String {
    format!(
        "etcd Version: {ETCD}\nGit SHA: keelson-{KEELSON}\nGo Version: none (Rust)\nGo OS/Arch: {}/{}\n",
        std::env::consts::OS,
        match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    )
}

/// The line of `keelson --version`.
pub fn keelson_line() -> String {
    format!("keelson {KEELSON} (serves the API of etcd {ETCD})\n")
}
