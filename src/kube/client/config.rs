//! What a kubeconfig says: the servers of a cluster, whom to trust, who one is.

use keelson_apiserver::canonical::decode_base64;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// The port if a server's URL has none.
const HTTPS_PORT: u16 = 443;

/// How to reach a cluster.
#[derive(Clone)]
pub struct Config {
    pub(super) servers: Vec<Server>,
    pub(super) tls: Arc<ClientConfig>,
    /// Shown with each request, if there is one.
    pub(super) token: Option<String>,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    /// What its certificate must be for.
    pub(super) name: ServerName<'static>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// One sentence.
    pub fn read(path: &Path) -> Result<Config, String> {
        let failed = |why: String| format!("{}: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let beside = path.parent().unwrap_or(Path::new(""));
        Config::parse(&text, beside).map_err(failed)
    }

    /// Reads the text of a file in the directory `beside`. The cluster is that of the current context. Its
    /// servers are those of all contexts with the same user and authority: one cluster of the file stands
    /// for one server.
    ///
    /// # Errors
    /// One sentence.
    pub fn parse(text: &str, beside: &Path) -> Result<Config, String> {
        let file: Value = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
        let current = file["current-context"].as_str().unwrap_or_default();
        let context = named(&file, "context", current)?;
        let name_of =
            |context: &Value, field: &str| context[field].as_str().unwrap_or_default().to_owned();
        let user_name = name_of(context, "user");
        let first = named(&file, "cluster", &name_of(context, "cluster"))?;
        let authority = pem(first, "certificate-authority", beside)?
            .ok_or("the cluster has no certificate-authority")?;
        let mut servers = vec![server(first)?];
        for other in file["contexts"].as_array().into_iter().flatten() {
            let other = &other["context"];
            let Ok(cluster) = named(&file, "cluster", &name_of(other, "cluster")) else {
                continue;
            };
            let is_same = name_of(other, "user") == user_name
                && pem(cluster, "certificate-authority", beside)
                    .is_ok_and(|other| other.is_some_and(|other| other == authority));
            if is_same
                && let Ok(server) = server(cluster)
                && !servers.contains(&server)
            {
                servers.push(server);
            }
        }
        let user = named(&file, "user", &user_name)?;
        Ok(Config {
            servers,
            tls: Arc::new(tls(&authority, user, beside)?),
            token: user["token"].as_str().map(str::to_owned),
        })
    }

    /// The same servers, tried in turn from this one on; numbers beyond the last begin anew.
    pub fn beginning_at(&self, server: usize) -> Config {
        let mut config = self.clone();
        config.servers.rotate_left(server % self.servers.len());
        config
    }

    /// Where the servers are.
    pub fn urls(&self) -> Vec<String> {
        let url = |server: &Server| match server.host.contains(':') {
            true => format!("https://[{}]:{}", server.host, server.port),
            false => format!("https://{}:{}", server.host, server.port),
        };
        self.servers.iter().map(url).collect()
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }
}

/// The entry of that name in one of the lists of the file.
fn named<'a>(file: &'a Value, what: &str, name: &str) -> Result<&'a Value, String> {
    let all = file[format!("{what}s").as_str()].as_array();
    let found = all.into_iter().flatten().find(|one| one["name"] == name);
    found
        .map(|one| &one[what])
        .ok_or_else(|| format!("there is no {what} called {name:?}"))
}

/// What a field holds, be it in the file or in another one.
fn pem(entry: &Value, field: &str, beside: &Path) -> Result<Option<Vec<u8>>, String> {
    if let Some(data) = entry[format!("{field}-data").as_str()].as_str() {
        let bytes = decode_base64(data).map_err(|error| format!("{field}-data: {error:?}"))?;
        return Ok(Some(bytes));
    }
    let Some(path) = entry[field].as_str() else {
        return Ok(None);
    };
    let bytes = std::fs::read(beside.join(path)).map_err(|error| format!("{path}: {error}"))?;
    Ok(Some(bytes))
}

fn server(cluster: &Value) -> Result<Server, String> {
    let url = cluster["server"].as_str().unwrap_or_default();
    let wrong = || format!("{url:?} is no https://HOST:PORT");
    let uri: http::Uri = url.parse().map_err(|_| wrong())?;
    if uri.scheme_str() != Some("https") || uri.path() != "/" {
        return Err(wrong());
    }
    let host = uri.host().ok_or_else(wrong)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = cluster["tls-server-name"].as_str().unwrap_or(bare);
    Ok(Server {
        host: bare.to_owned(),
        port: uri.port_u16().unwrap_or(HTTPS_PORT),
        name: ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?,
    })
}

fn tls(authority: &[u8], user: &Value, beside: &Path) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        let certificate = certificate.map_err(|error| format!("certificate-authority: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("certificate-authority: {error}"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let shown = pem(user, "client-certificate", beside)?;
    let key = pem(user, "client-key", beside)?;
    let mut config = match (shown, key) {
        (Some(shown), Some(key)) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&shown).collect();
            let chain = chain.map_err(|error| format!("client-certificate: {error}"))?;
            let key = PrivateKeyDer::from_pem_slice(&key);
            let key = key.map_err(|error| format!("client-key: {error}"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("client-certificate: {error}"))?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
