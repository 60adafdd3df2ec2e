//! Who a member is, and how it finds its group.
//!
//! A member's id is used once, ever. A member whose data is gone must not come back under its old
//! id: it would have forgotten whom it voted for and what it acknowledged, and the group counts on
//! both. So a fresh data directory asks the other members before it takes an id.

use super::connection::{CLUSTER_KEY, connect};
use crate::MemberId;
use crate::rpc::member_id::{cluster_id, member_id};
use crate::world::Network;
use keelson_proto::peer::{IdentifyRequest, IdentifyResponse, peer_client::PeerClient};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long somebody who is there is asked.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long one answer may take, and the pause before the next question.
pub(super) const ANSWER: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

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

/// Decides who a fresh data directory becomes, asking the others over `network`.
///
/// # Errors
/// See [`StartError`]: the configuration does not name this member, the group does not know it, or
/// it has been somebody already.
pub async fn become_member(
    name: &str,
    bootstrap: &Bootstrap,
    network: &Network,
) -> Result<Owner, StartError> {
    let own = own_urls(name, bootstrap)?;
    let others: Vec<&String> = bootstrap
        .members
        .iter()
        .filter(|(member, _)| member != name)
        .flat_map(|(_, urls)| urls)
        .collect();
    if bootstrap.join {
        return join(own, &others, &bootstrap.token, network).await;
    }
    let owner = founder(name, bootstrap)?;
    refuse_to_return(&owner, &others, network).await?;
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

/// Whether who answered knows that `member` has run: by its published name, or by having heard it.
fn has_run(answer: &IdentifyResponse, member: MemberId) -> bool {
    answer.members.iter().any(|known| known.id == member) || answer.met.contains(&member)
}

/// Asks whoever answers whether this member has run before.
async fn refuse_to_return(
    owner: &Owner,
    others: &[&String],
    network: &Network,
) -> Result<(), StartError> {
    for url in others {
        let answer = match ask(url, network).await {
            Word::Said(answer) => answer,
            Word::Nobody => continue,
            Word::Unclear(reason) => return Err(unclear(url, &reason)),
        };
        if answer.cluster_id == owner.cluster_id && has_run(&answer, owner.member_id) {
            return Err(StartError::Data(format!(
                "this data directory is empty, but {url} knows member {:x} as one that has run before. A member that lost its data must not come back under its old id: remove it (keelson member remove {:x}), add it anew (keelson member add), and start it with --initial-cluster-state existing",
                owner.member_id, owner.member_id
            )));
        }
    }
    Ok(())
}

fn unclear(url: &str, reason: &str) -> StartError {
    StartError::Group(format!(
        "this data directory is empty, and the member at {url} does not say whether it knows this one as one that has run before ({reason}). Look after that member, or stop it, and start this one again"
    ))
}

/// Asks all others, again and again while some are there and do not answer. The first that knows this
/// member decides.
async fn join(
    own: &[String],
    others: &[&String],
    token: &str,
    network: &Network,
) -> Result<Owner, StartError> {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut heard = Vec::new();
        let mut unclear = false;
        for url in others {
            match ask_once(url, network).await {
                Word::Said(answer) => match as_it_knows(own, &answer, token)? {
                    Some(owner) => return Ok(owner),
                    None => heard.push(format!(
                        "{url}: does not know a member at {}",
                        own.join(",")
                    )),
                },
                Word::Nobody => heard.push(format!("{url}: nobody is there")),
                Word::Unclear(reason) => {
                    unclear = true;
                    heard.push(format!("{url}: {reason}"));
                }
            }
        }
        if !unclear || Instant::now() > end {
            return Err(StartError::Group(format!(
                "the group to join does not know this member ({}); run `keelson member add` first, and start this member with what it prints",
                heard.join("; ")
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Who this member is to the one that answered, if that knows a member at its addresses.
fn as_it_knows(
    own: &[String],
    answer: &IdentifyResponse,
    token: &str,
) -> Result<Option<Owner>, StartError> {
    let nodes = answer.membership.as_ref().map(|m| m.nodes.as_slice());
    let mut nodes = nodes.unwrap_or_default().iter();
    let Some(node) = nodes.find(|node| node.peer_urls.iter().any(|url| own.contains(url))) else {
        return Ok(None);
    };
    if has_run(answer, node.id) {
        return Err(StartError::Data(format!(
            "this data directory is empty, but member {:x} has run before; remove it and add it anew",
            node.id
        )));
    }
    Ok(Some(Owner {
        cluster_id: answer.cluster_id,
        member_id: node.id,
        token: token.to_owned(),
        initial: BTreeMap::new(),
    }))
}

/// What is heard at a peer URL.
enum Word {
    /// Nobody is there.
    Nobody,
    /// Somebody is there and does not answer, or cannot tell yet.
    Unclear(String),
    /// Who it is, and whom it knows.
    Said(Box<IdentifyResponse>),
}

/// Asks until the answer is clear, for at most [`PATIENCE`]. Silence is not ignorance: a member that is
/// busy, or still reads its log, may know very well who has run.
async fn ask(url: &str, network: &Network) -> Word {
    let end = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        match ask_once(url, network).await {
            Word::Unclear(reason) if Instant::now() < end => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!(url, reason, "waiting for a member that does not answer yet");
                }
                tokio::time::sleep(PAUSE).await;
            }
            word => return word,
        }
    }
}

async fn ask_once(url: &str, network: &Network) -> Word {
    let Ok(channel) = connect(network, url).await else {
        return Word::Nobody;
    };
    let mut request = tonic::Request::new(IdentifyRequest {});
    let any = tonic::metadata::MetadataValue::from(0_u64);
    request.metadata_mut().insert(CLUSTER_KEY, any);
    let mut client = PeerClient::new(channel);
    match tokio::time::timeout(ANSWER, client.identify(request)).await {
        Ok(Ok(answer)) => Word::Said(Box::new(answer.into_inner())),
        Ok(Err(status)) => Word::Unclear(status.message().to_owned()),
        Err(_) => Word::Unclear("no answer in time".to_owned()),
    }
}
