//! The URLs a member listens on and tells others.

use std::fmt;
use std::net::IpAddr;

/// How to reach the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS over TCP.
    Https,
    /// A socket in the file system.
    Unix,
    /// TLS over a socket in the file system.
    Unixs,
}

/// `http://10.0.0.1:2380` or `unix:///run/keelson.sock`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// What stands before `://`.
    pub scheme: Scheme,
    /// Host name or address without brackets; for a socket in the file system its path.
    pub host: String,
    /// Zero for a socket in the file system, and where the system shall choose.
    pub port: u16,
}

impl Url {
    /// Reads one URL.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Url, String> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or_else(|| {
            format!("{text:?} has no scheme; a URL looks like http://127.0.0.1:2379")
        })?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "unix" => Scheme::Unix,
            "unixs" => Scheme::Unixs,
            other => {
                return Err(format!(
                    "URL scheme must be http, https, unix, or unixs, not {other:?}: {text}"
                ));
            }
        };
        if rest.is_empty() {
            return Err(format!("{text:?} names no host"));
        }
        if matches!(scheme, Scheme::Unix | Scheme::Unixs) {
            return Ok(Url {
                scheme,
                host: rest.to_owned(),
                port: 0,
            });
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('/') {
            return Err(format!("URL must not contain a path: {text}"));
        }
        let (host, port) = authority
            .rsplit_once(':')
            .ok_or_else(|| format!("URL address does not have the form \"host:port\": {text}"))?;
        let port = port
            .parse()
            .map_err(|_| format!("{port:?} is not a port number in {text}"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(format!("URL names no host: {text}"));
        }
        if host.contains(':') && host.parse::<IpAddr>().is_err() {
            return Err(format!("{host:?} is not a host name or address in {text}"));
        }
        Ok(Url {
            scheme,
            host: host.to_owned(),
            port,
        })
    }

    /// This end can be bound: an address, `localhost`, or a path.
    pub fn can_be_bound(&self) -> bool {
        self.is_local_socket() || self.host == "localhost" || self.host.parse::<IpAddr>().is_ok()
    }

    /// It stands for every address of the machine, so nobody else could use it to reach us.
    pub fn is_unspecified(&self) -> bool {
        self.host
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_unspecified())
    }

    /// A path instead of host and port.
    pub fn is_local_socket(&self) -> bool {
        matches!(self.scheme, Scheme::Unix | Scheme::Unixs)
    }

    /// Needs TLS.
    pub fn is_secure(&self) -> bool {
        matches!(self.scheme, Scheme::Https | Scheme::Unixs)
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Http => write!(f, "http://{}", self.authority()),
            Scheme::Https => write!(f, "https://{}", self.authority()),
            Scheme::Unix => write!(f, "unix://{}", self.host),
            Scheme::Unixs => write!(f, "unixs://{}", self.host),
        }
    }
}
