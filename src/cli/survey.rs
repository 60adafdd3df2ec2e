//! Looking at a whole cluster: who the members are, and what each says about itself.

use super::connect::Client;
use super::error::Result;
use crate::dev::state::DevCluster;
use crate::process;
use futures::future::join_all;
use keelson_proto::etcdserverpb::cluster_client::ClusterClient;
use keelson_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use keelson_proto::etcdserverpb::{MemberListRequest, StatusRequest, StatusResponse};
use std::time::Duration;

/// A member that has not said a word for this long counts as down.
const PATIENCE: Duration = Duration::from_secs(2);

/// One member as seen from here.
pub struct View {
    /// Zero if nobody could tell.
    pub id: u64,
    /// Its name; empty before its first start.
    pub name: String,
    /// Where it was asked.
    pub endpoint: String,
    /// Where the others reach it.
    pub peer_urls: Vec<String>,
    /// Does not vote, according to the member list.
    pub is_learner: bool,
    /// What it said, or why it did not.
    pub status: std::result::Result<StatusResponse, String>,
    /// Its process, if it runs on this machine.
    pub pid: Option<u32>,
}

/// The whole cluster.
pub struct Survey {
    /// Zero if nobody could tell.
    pub cluster_id: u64,
    /// By name.
    pub members: Vec<View>,
}

impl View {
    /// `leader`, `follower`, `learner`, or `unknown` if it is down.
    pub fn role(&self) -> &'static str {
        match &self.status {
            Err(_) => "unknown",
            Ok(status) if status.leader == self.id => "leader",
            Ok(status) if status.is_learner || self.is_learner => "learner",
            Ok(_) => "follower",
        }
    }

    /// `ready`, `no leader` or `down`.
    pub fn state(&self) -> &'static str {
        match &self.status {
            Err(_) => "down",
            Ok(status) if status.leader == 0 => "no leader",
            Ok(_) => "ready",
        }
    }
}

impl Survey {
    /// The leader most members agree on.
    pub fn leader(&self) -> Option<&View> {
        self.members.iter().find(|member| member.role() == "leader")
    }

    /// Largest revision anybody answered with.
    pub fn revision(&self) -> i64 {
        self.answers()
            .filter_map(|s| s.header.as_ref().map(|h| h.revision))
            .max()
            .unwrap_or(0)
    }

    /// Largest term anybody answered with.
    pub fn term(&self) -> u64 {
        self.answers()
            .map(|status| status.raft_term)
            .max()
            .unwrap_or(0)
    }

    /// Largest applied index anybody answered with.
    pub fn applied_index(&self) -> u64 {
        self.answers()
            .map(|status| status.raft_applied_index)
            .max()
            .unwrap_or(0)
    }

    fn answers(&self) -> impl Iterator<Item = &StatusResponse> {
        self.members
            .iter()
            .filter_map(|member| member.status.as_ref().ok())
    }
}

/// Asks one endpoint about itself.
pub async fn ask(client: &Client, endpoint: &str) -> std::result::Result<StatusResponse, String> {
    let asking = async {
        let channel = client.connect(endpoint).await?;
        MaintenanceClient::new(channel)
            .status(StatusRequest {})
            .await
            .map(tonic::Response::into_inner)
            .map_err(|status| status.message().to_owned())
    };
    match tokio::time::timeout(PATIENCE.min(client.timeout), asking).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    }
}

/// Asks every member of the cluster that `client` reaches. With a development cluster at hand its
/// members are listed even if none of them answers.
///
/// # Errors
/// Nobody answers, and there is no development cluster.
pub async fn survey(client: &Client, dev: Option<&DevCluster>) -> Result<Survey> {
    let list = client.read("list the members", |channel| async move {
        ClusterClient::new(channel)
            .member_list(MemberListRequest {
                linearizable: false,
            })
            .await
    });
    let list = match (list.await, dev) {
        (Ok(list), _) => list,
        (Err(_), Some(dev)) => return Ok(all_down(dev)),
        (Err(error), None) => return Err(error),
    };
    // The given endpoints come first: what members advertise may not be reachable from here.
    let direct = join_all(
        client
            .endpoints
            .iter()
            .map(|endpoint| ask(client, endpoint)),
    )
    .await;
    let direct: Vec<(u64, &String, StatusResponse)> = client
        .endpoints
        .iter()
        .zip(direct)
        .filter_map(|(endpoint, answer)| {
            let answer = answer.ok()?;
            Some((answer.header.as_ref()?.member_id, endpoint, answer))
        })
        .collect();
    let cluster_id = list.header.as_ref().map_or(0, |header| header.cluster_id);
    let direct = &direct;
    let views = list.members.into_iter().map(|member| async move {
        let known = direct.iter().find(|(id, ..)| *id == member.id);
        let (endpoint, status) = match known {
            Some((_, endpoint, status)) => ((*endpoint).clone(), Ok(status.clone())),
            None => first_answer(client, &member.client_ur_ls).await,
        };
        View {
            id: member.id,
            pid: local_pid(&member.name, &endpoint, dev),
            name: member.name,
            endpoint,
            peer_urls: member.peer_ur_ls,
            is_learner: member.is_learner,
            status,
        }
    });
    let mut members = join_all(views).await;
    members.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
    Ok(Survey {
        cluster_id,
        members,
    })
}

/// The first of a member's URLs that answers; otherwise why the last did not.
async fn first_answer(
    client: &Client,
    urls: &[String],
) -> (String, std::result::Result<StatusResponse, String>) {
    let mut last = (String::new(), Err("it has not started yet".to_owned()));
    for url in urls {
        last = (url.clone(), ask(client, url).await);
        if last.1.is_ok() {
            break;
        }
    }
    last
}

fn all_down(dev: &DevCluster) -> Survey {
    let views = dev.members.iter().map(|member| View {
        id: 0,
        name: member.name.clone(),
        endpoint: member.client_url.clone(),
        peer_urls: vec![member.peer_url.clone()],
        is_learner: false,
        status: Err("it does not answer".to_owned()),
        pid: Some(member.pid).filter(|pid| process::is_alive(*pid)),
    });
    Survey {
        cluster_id: 0,
        members: views.collect(),
    }
}

/// The process behind a local endpoint: from the development cluster's file, or from the kernel.
pub fn local_pid(name: &str, endpoint: &str, dev: Option<&DevCluster>) -> Option<u32> {
    if let Some(member) = dev.and_then(|dev| dev.members.iter().find(|m| m.name == name)) {
        return Some(member.pid).filter(|pid| process::is_alive(*pid));
    }
    let authority = endpoint.split_once("://")?.1;
    let (host, port) = authority.rsplit_once(':')?;
    match host {
        "localhost" | "127.0.0.1" | "[::1]" => process::listener(port.parse().ok()?),
        _ => None,
    }
}
