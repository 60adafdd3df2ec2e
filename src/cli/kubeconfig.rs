//! `keelson kubeconfig`: what kubectl needs, made from what the cluster keeps.

use super::Context;
use super::connect::{Client, kv_client};
use super::error::{Error, Exit, Result};
use super::{output, status};
use crate::kube::clock::SystemClock;
use crate::kube::serve::SERVERS_PREFIX;
use crate::kube::shared_secrets::{AUTHORITY_KEY, read_authority};
use keelson_apiserver::pki;
use keelson_apiserver::registry::Clock;
use keelson_proto::etcdserverpb::RangeRequest;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `kubeconfig`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Data directory of a `keelson dev` cluster, instead of --endpoints
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Merge it into the file that kubectl reads ($KUBECONFIG or ~/.kube/config) instead of printing it
    #[arg(long)]
    merge: bool,
    /// What the cluster is called in it
    #[arg(long, value_name = "NAME", default_value = "keelson")]
    name: String,
}

/// Prints one, or merges it.
pub async fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    let (client, _) = status::target(context, options.data_dir.as_ref())?;
    let config = make(&client, &options.name).await?;
    if !options.merge {
        output::data(&config.to_yaml());
        return Ok(ExitCode::SUCCESS);
    }
    let path = destination()?;
    let existing = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(cannot("read", &path, error)),
    };
    let merged = config.merge_into(&existing);
    let merged = merged.map_err(|error| cannot("merge into", &path, error))?;
    write(&path, &merged)?;
    eprintln!("{} has the context {}", path.display(), options.name);
    Ok(ExitCode::SUCCESS)
}

/// Asks the cluster for its authority and its servers, and issues an administrator's certificate.
pub async fn make(client: &Client, name: &str) -> Result<pki::Kubeconfig> {
    let stored = values(client, AUTHORITY_KEY.to_owned(), Vec::new()).await?;
    let Some(authority) = stored.first() else {
        return Err(
            Error::new(Exit::Failure, "this cluster does not serve Kubernetes")
                .why("it has no authority for certificates")
                .fix(
                    "start its members with --listen-kubernetes-url, or `keelson dev --kubernetes`",
                ),
        );
    };
    let broken = |why: String| Error::failure("the cluster's authority cannot be used").why(why);
    let authority = read_authority(authority).map_err(broken)?;
    let mut end = SERVERS_PREFIX.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    let servers = values(client, SERVERS_PREFIX.to_owned(), end).await?;
    if servers.is_empty() {
        return Err(
            Error::new(Exit::Failure, "no member serves Kubernetes at present")
                .why("none has noted the address of its server, which each does as it starts")
                .fix("ask again in a moment"),
        );
    }
    let now_s = SystemClock.now_us().div_euclid(1_000_000);
    let issued = pki::Client::admin().issue(&authority, now_s);
    Ok(pki::Kubeconfig {
        name: name.to_owned(),
        servers,
        authority: authority.certificate().to_owned(),
        user: "admin".to_owned(),
        client: issued.map_err(|error| broken(error.to_string()))?,
    })
}

/// The values of a key or a range, as text.
async fn values(client: &Client, key: String, end: Vec<u8>) -> Result<Vec<String>> {
    let request = RangeRequest {
        key: key.into(),
        range_end: end.into(),
        ..RangeRequest::default()
    };
    let answer = client.read("read what the cluster keeps for Kubernetes", |channel| {
        let request = request.clone();
        async move { kv_client(channel).range(request).await }
    });
    let keys = answer.await?.kvs.into_iter();
    let texts = keys.map(|pair| String::from_utf8(pair.value.into()));
    texts
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| Error::failure("what the cluster keeps for Kubernetes is no text"))
}

/// The first file of $KUBECONFIG, or the usual one.
pub fn destination() -> Result<PathBuf> {
    let given = std::env::var("KUBECONFIG").unwrap_or_default();
    if let Some(first) = given.split(':').find(|path| !path.is_empty()) {
        return Ok(first.into());
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(Path::new(&home).join(".kube").join("config")),
        None => Err(Error::usage("neither KUBECONFIG nor HOME is set").fix("set KUBECONFIG")),
    }
}

/// Writes the file for its owner alone: it holds a key.
pub fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| cannot("make", parent, error))?;
    }
    pki::write_private(path, text).map_err(|error| cannot("write", path, error))
}

fn cannot(what: &str, path: &Path, error: impl ToString) -> Error {
    Error::failure(format!("cannot {what} {}", path.display())).why(error.to_string())
}
