//! Who may come without saying who it is.

/// Which requests are taken from [`anonymous`](super::User::anonymous) users; all others are answered
/// with 401. What such a user may do is decided by the policy like everybody's rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// None.
    Refused,
    /// Those for exactly these paths.
    Paths(Vec<String>),
    /// All.
    Taken,
}

impl Anonymous {
    /// Requests that ask whether a server lives and what it is: no more than a prober or a client that
    /// looks for a cluster needs.
    pub fn health_and_version() -> Anonymous {
        let paths = ["/healthz", "/livez", "/readyz", "/version"];
        Anonymous::Paths(paths.map(str::to_owned).to_vec())
    }

    /// Whether a request for `path` is taken.
    pub fn takes(&self, path: &str) -> bool {
        match self {
            Anonymous::Refused => false,
            Anonymous::Paths(paths) => paths.iter().any(|one| one == path),
            Anonymous::Taken => true,
        }
    }
}
