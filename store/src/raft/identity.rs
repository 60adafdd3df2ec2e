//! Who a data directory belongs to, and how a member finds its group.
//!
//! A member's id is used once, ever. A member whose data is gone must not come back under its old
//! id: it would have forgotten whom it voted for and what it acknowledged, and the group counts on
//! both. So a fresh data directory asks the other members before it takes an id.

use super::network::{CLUSTER_KEY, connect};
use crate::MemberId;
use crate::rpc::member_id::{cluster_id, member_id};
use fs4::fs_std::FileExt;
use keelson_proto::peer::{IdentifyRequest, IdentifyResponse, peer_client::PeerClient};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a member comes to its group.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// Name and peer URLs of every member of `--initial-cluster`, this one included.
    pub members: Vec<(String, Vec<String>)>,
    /// `--initial-cluster-token`.
    pub token: String,
    /// `--initial-cluster-state existing`: join a group that runs.
    pub join: bool,
}

/// Why a member does not start. The texts say what to do.
#[derive(Debug)]
pub enum StartError {
    /// The operator must correct the configuration.
    Config(String),
    /// The data directory cannot be used as it is.
    Data(String),
    /// The group cannot be reached or refuses; trying again later may work.
    Group(String),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Config(text) | StartError::Data(text) | StartError::Group(text) => {
                formatter.write_str(text)
            }
        }
    }
}

impl std::error::Error for StartError {}

/// What the data directory says of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The cluster.
    pub cluster_id: u64,
    /// The member.
    pub member_id: MemberId,
    /// The token it was started with.
    pub token: String,
    /// Ids and peer URLs to initialise the group with; empty for a member that joined
    /// or was restored: its log or its state says.
    pub initial: BTreeMap<MemberId, Vec<String>>,
}

/// A locked data directory. The lock goes with this value.
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

const FORMAT: u64 = 1;

impl DataDir {
    /// Makes the directory if needed and locks it.
    ///
    /// # Errors
    /// Another process uses it, or the disk refuses.
    pub fn open(path: &Path) -> Result<DataDir, StartError> {
        let refuse = |error: io::Error| {
            StartError::Data(format!(
                "the data directory {} cannot be used: {error}; check its owner and its disk",
                path.display()
            ))
        };
        create_private(path).map_err(refuse)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("LOCK"))
            .map_err(refuse)?;
        match FileExt::try_lock_exclusive(&lock) {
            Ok(true) => {}
            Ok(false) => {
                return Err(StartError::Data(format!(
                    "the data directory {} is in use by another process; stop it, or choose another directory with --data-dir",
                    path.display()
                )));
            }
            Err(error) => return Err(refuse(error)),
        }
        Ok(DataDir {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn owner_file(&self) -> PathBuf {
        self.path.join("member.json")
    }

    /// Who owns it; `None` for a fresh one.
    ///
    /// # Errors
    /// The file is there and cannot be read, or was written by a newer version.
    pub fn owner(&self) -> Result<Option<Owner>, StartError> {
        let file = self.owner_file();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(StartError::Data(format!(
                    "{} cannot be read: {error}",
                    file.display()
                )));
            }
        };
        match parse_owner(&text) {
            Some(owner) => Ok(Some(owner)),
            None => Err(StartError::Data(format!(
                "{} is damaged or was written by a newer version; use the version that wrote it, or remove this member, empty its data directory and add it anew",
                file.display()
            ))),
        }
    }

    /// Makes `owner` the owner, durably.
    ///
    /// # Errors
    /// The disk's.
    pub fn set_owner(&self, owner: &Owner) -> io::Result<()> {
        let temporary = self.path.join("member.json.new");
        let mut file = File::create(&temporary)?;
        writeln!(file, "{:#}", owner_json(owner))?;
        file.sync_all()?;
        fs::rename(&temporary, self.owner_file())?;
        File::open(&self.path)?.sync_all()
    }
}

fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

fn owner_json(owner: &Owner) -> Value {
    let initial: serde_json::Map<String, Value> = owner
        .initial
        .iter()
        .map(|(id, urls)| (format!("{id:x}"), json!(urls)))
        .collect();
    json!({
        "format": FORMAT,
        "cluster_id": format!("{:x}", owner.cluster_id),
        "member_id": format!("{:x}", owner.member_id),
        "token": owner.token,
        "initial": initial,
    })
}

fn parse_owner(text: &str) -> Option<Owner> {
    let value: Value = serde_json::from_str(text).ok()?;
    if value.get("format")?.as_u64()? != FORMAT {
        return None;
    }
    let hex = |value: &Value| u64::from_str_radix(value.as_str()?, 16).ok();
    let mut initial = BTreeMap::new();
    for (id, urls) in value.get("initial")?.as_object()? {
        let urls = urls.as_array()?.iter();
        let urls: Option<Vec<String>> = urls.map(|url| Some(url.as_str()?.to_owned())).collect();
        initial.insert(u64::from_str_radix(id, 16).ok()?, urls?);
    }
    Some(Owner {
        cluster_id: hex(value.get("cluster_id")?)?,
        member_id: hex(value.get("member_id")?)?,
        token: value.get("token")?.as_str()?.to_owned(),
        initial,
    })
}

/// Decides who a fresh data directory becomes.
///
/// # Errors
/// See [`StartError`]: the configuration does not name this member, the group does not know it, or
/// it has been somebody already.
pub async fn become_member(name: &str, bootstrap: &Bootstrap) -> Result<Owner, StartError> {
    let own = own_urls(name, bootstrap)?;
    let others: Vec<&String> = bootstrap
        .members
        .iter()
        .filter(|(member, _)| member != name)
        .flat_map(|(_, urls)| urls)
        .collect();
    if bootstrap.join {
        return join(own, &others, &bootstrap.token).await;
    }
    let owner = founder(name, bootstrap)?;
    refuse_to_return(&owner, &others).await?;
    Ok(owner)
}

/// Who `name` is among the founders of a group.
///
/// # Errors
/// [`StartError::Config`]: it is not among them, or two of them are the same.
pub fn founder(name: &str, bootstrap: &Bootstrap) -> Result<Owner, StartError> {
    let own = own_urls(name, bootstrap)?;
    let initial: BTreeMap<MemberId, Vec<String>> = bootstrap
        .members
        .iter()
        .map(|(_, urls)| {
            let mut sorted = urls.clone();
            sorted.sort();
            (member_id(&sorted, &bootstrap.token, None), urls.clone())
        })
        .collect();
    if initial.len() != bootstrap.members.len() {
        return Err(StartError::Config(
            "--initial-cluster gives two members the same peer URLs".to_owned(),
        ));
    }
    let mut sorted = own.clone();
    sorted.sort();
    Ok(Owner {
        cluster_id: cluster_id(&initial.keys().copied().collect::<Vec<_>>()),
        member_id: member_id(&sorted, &bootstrap.token, None),
        token: bootstrap.token.clone(),
        initial,
    })
}

fn own_urls<'a>(name: &str, bootstrap: &'a Bootstrap) -> Result<&'a Vec<String>, StartError> {
    bootstrap
        .members
        .iter()
        .find(|(member, _)| member == name)
        .map(|(_, urls)| urls)
        .ok_or_else(|| {
            StartError::Config(format!(
                "--initial-cluster does not name this member, {name:?}; add it, or correct --name"
            ))
        })
}

/// Asks whoever answers whether this member has run before.
async fn refuse_to_return(owner: &Owner, others: &[&String]) -> Result<(), StartError> {
    for url in others {
        let Some(answer) = identify(url).await else {
            continue;
        };
        let known = answer.cluster_id == owner.cluster_id
            && answer.members.iter().any(|m| m.id == owner.member_id);
        if known {
            return Err(StartError::Data(format!(
                "this data directory is empty, but {url} knows member {:x} as one that has run before. A member that lost its data must not come back under its old id: remove it (keelson member remove {:x}), add it anew (keelson member add), and start it with --initial-cluster-state existing",
                owner.member_id, owner.member_id
            )));
        }
    }
    Ok(())
}

async fn join(own: &[String], others: &[&String], token: &str) -> Result<Owner, StartError> {
    let mut asked = Vec::new();
    for url in others {
        let Some(answer) = identify(url).await else {
            asked.push(format!("{url}: no answer"));
            continue;
        };
        let nodes = answer.membership.as_ref().map(|m| m.nodes.as_slice());
        let found = nodes
            .unwrap_or_default()
            .iter()
            .find(|node| node.peer_urls.iter().any(|url| own.contains(url)));
        let Some(node) = found else {
            asked.push(format!(
                "{url}: does not know a member at {}",
                own.join(",")
            ));
            continue;
        };
        if answer.members.iter().any(|m| m.id == node.id) {
            return Err(StartError::Data(format!(
                "this data directory is empty, but member {:x} has run before; remove it and add it anew",
                node.id
            )));
        }
        return Ok(Owner {
            cluster_id: answer.cluster_id,
            member_id: node.id,
            token: token.to_owned(),
            initial: BTreeMap::new(),
        });
    }
    Err(StartError::Group(format!(
        "the group to join does not know this member ({}); run `keelson member add` first, and start this member with what it prints",
        asked.join("; ")
    )))
}

/// Who answers at a peer URL, if anybody does in time.
pub async fn identify(url: &str) -> Option<IdentifyResponse> {
    let ask = async {
        let channel = connect(url).await.ok()?;
        let mut request = tonic::Request::new(IdentifyRequest {});
        let any = tonic::metadata::MetadataValue::from(0_u64);
        request.metadata_mut().insert(CLUSTER_KEY, any);
        let answer = PeerClient::new(channel).identify(request).await.ok()?;
        Some(answer.into_inner())
    };
    tokio::time::timeout(Duration::from_secs(1), ask)
        .await
        .ok()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_back_as_written() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let data = DataDir::open(directory.path()).expect("a fresh directory");
        assert_eq!(data.owner().expect("readable"), None);
        let owner = Owner {
            cluster_id: 0xcdf8,
            member_id: 0x8e9e,
            token: "token".to_owned(),
            initial: BTreeMap::from([(1, vec!["http://a:1".to_owned()])]),
        };
        data.set_owner(&owner).expect("written");
        assert_eq!(data.owner().expect("readable"), Some(owner));
    }

    #[test]
    fn a_data_directory_serves_one_process_at_a_time() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let _first = DataDir::open(directory.path()).expect("free");
        let second = DataDir::open(directory.path());
        assert!(matches!(second, Err(StartError::Data(text)) if text.contains("in use")));
    }

    #[test]
    fn a_damaged_owner_is_refused() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let data = DataDir::open(directory.path()).expect("a fresh directory");
        fs::write(data.owner_file(), "{\"format\": 1").expect("written");
        assert!(matches!(data.owner(), Err(StartError::Data(_))));
    }
}
