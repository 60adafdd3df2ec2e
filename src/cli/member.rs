//! `keelson member`: looking at and changing the membership.

use super::Context;
use super::connect::Client;
use super::error::{Error, Result};
use super::output::{self, table};
use keelson_proto::etcdserverpb::cluster_client::ClusterClient;
use keelson_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use keelson_proto::etcdserverpb::{
    Member, MemberAddRequest, MemberListRequest, MemberPromoteRequest, MemberRemoveRequest,
    MemberUpdateRequest, MoveLeaderRequest, StatusRequest,
};
use serde_json::json;
use std::process::ExitCode;

/// Commands on the membership. MEMBER is a name or an id in hexadecimal.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Show the members
    List,
    /// Announce a new member; start it afterwards with what this prints
    Add {
        /// Name the new member will start under
        name: String,
        /// Where the others will reach it
        #[arg(long, required = true, value_delimiter = ',', value_name = "URL,...")]
        peer_urls: Vec<String>,
        /// Without a vote, until `member promote`
        #[arg(long)]
        learner: bool,
    },
    /// Give a learner that has caught up a vote
    Promote { member: String },
    /// Take a member out for ever
    Remove {
        member: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Change where the others reach a member
    Update {
        member: String,
        #[arg(long, required = true, value_delimiter = ',', value_name = "URL,...")]
        peer_urls: Vec<String>,
    },
    /// Hand leadership to another member
    MoveLeader { member: String },
}

/// Runs one of them.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode> {
    let client = context.client()?;
    match command {
        Command::List => show(context, &list(&client).await?),
        Command::Add {
            name,
            peer_urls,
            learner,
        } => {
            add(context, &client, &name, peer_urls, learner).await?;
        }
        Command::Promote { member } => {
            let id = find(&client, &member).await?.id;
            let call = |channel| async move {
                ClusterClient::new(channel)
                    .member_promote(MemberPromoteRequest { id })
                    .await
            };
            show(
                context,
                &client.write("promote the member", call).await?.members,
            );
        }
        Command::Remove { member, yes } => {
            let found = find(&client, &member).await?;
            let id = found.id;
            output::confirm(
                &format!(
                    "This removes member {} ({id:x}) for ever: it cannot come back with its data.",
                    found.name
                ),
                yes,
            )?;
            let call = |channel| async move {
                ClusterClient::new(channel)
                    .member_remove(MemberRemoveRequest { id })
                    .await
            };
            show(
                context,
                &client.write("remove the member", call).await?.members,
            );
        }
        Command::Update { member, peer_urls } => {
            let id = find(&client, &member).await?.id;
            let request = MemberUpdateRequest {
                id,
                peer_ur_ls: peer_urls,
            };
            let call =
                |channel| async move { ClusterClient::new(channel).member_update(request).await };
            show(
                context,
                &client.write("update the member", call).await?.members,
            );
        }
        Command::MoveLeader { member } => move_leader(context, &client, &member).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client) -> Result<Vec<Member>> {
    let call = |channel| async move {
        ClusterClient::new(channel)
            .member_list(MemberListRequest { linearizable: true })
            .await
    };
    Ok(client.read("list the members", call).await?.members)
}

/// By name, or by id. Names win, because a name may look like an id.
async fn find(client: &Client, wanted: &str) -> Result<Member> {
    let members = list(client).await?;
    let named: Vec<&Member> = members
        .iter()
        .filter(|member| member.name == wanted)
        .collect();
    if let [only] = named[..] {
        return Ok(only.clone());
    }
    let id = u64::from_str_radix(wanted.trim_start_matches("0x"), 16).ok();
    let by_id = members.iter().find(|member| Some(member.id) == id).cloned();
    let names: Vec<String> = members
        .iter()
        .map(|member| format!("{} ({:x})", member.name, member.id))
        .collect();
    by_id.ok_or_else(|| {
        Error::failure(format!("there is no one member {wanted:?}"))
            .why(format!("the members are {}", names.join(", ")))
    })
}

async fn add(
    context: &Context,
    client: &Client,
    name: &str,
    peer_urls: Vec<String>,
    learner: bool,
) -> Result<()> {
    let request = MemberAddRequest {
        peer_ur_ls: peer_urls,
        is_learner: learner,
    };
    let call = |channel| async move { ClusterClient::new(channel).member_add(request).await };
    let answer = client.write("add the member", call).await?;
    let id = answer.member.as_ref().map_or(0, |member| member.id);
    // The new member has no name until it starts: this is the one the user gave it.
    let cluster: Vec<String> = answer
        .members
        .iter()
        .flat_map(|member| {
            let name = if member.id == id {
                name
            } else {
                member.name.as_str()
            };
            member
                .peer_ur_ls
                .iter()
                .map(move |url| format!("{name}={url}"))
        })
        .collect();
    let start = format!(
        "keelson server --name {name} --initial-cluster-state existing --initial-cluster {}",
        cluster.join(",")
    );
    match context.json() {
        true => output::json_document(&json!({
            "id": format!("{id:x}"),
            "members": answer.members.iter().map(json_member).collect::<Vec<_>>(),
            "initial_cluster": cluster.join(","),
        })),
        false => {
            show(context, &answer.members);
            eprintln!("start it with its own URLs and:\n  {start}");
        }
    }
    Ok(())
}

/// Only the leader can hand leadership over, so it is looked for first.
async fn move_leader(context: &Context, client: &Client, wanted: &str) -> Result<()> {
    let target = find(client, wanted).await?;
    let status = client
        .read("find the leader", |channel| async move {
            MaintenanceClient::new(channel)
                .status(StatusRequest {})
                .await
        })
        .await?;
    let members = list(client).await?;
    let leader = members
        .iter()
        .find(|member| member.id == status.leader)
        .ok_or_else(|| {
            Error::failure("cannot move leadership: there is no leader").fix("see `keelson status`")
        })?;
    // What the leader advertises may not be reachable from here, so the given endpoints follow.
    let mut endpoints = leader.client_ur_ls.clone();
    endpoints.extend(client.endpoints.iter().cloned());
    let at_leader = Client::new(&endpoints, client.timeout)?;
    let request = MoveLeaderRequest {
        target_id: target.id,
    };
    let call = |channel| async move { MaintenanceClient::new(channel).move_leader(request).await };
    at_leader.write("move leadership", call).await?;
    match context.json() {
        true => output::json_document(&json!({"from": leader.name, "to": target.name})),
        false => output::data(&format!(
            "leadership moved from {} to {}\n",
            leader.name, target.name
        )),
    }
    Ok(())
}

fn show(context: &Context, members: &[Member]) {
    if context.json() {
        let members: Vec<_> = members.iter().map(json_member).collect();
        return output::json_document(&json!({ "members": members }));
    }
    let rows: Vec<Vec<String>> = members
        .iter()
        .map(|member| {
            vec![
                if member.name.is_empty() {
                    "(not started)".into()
                } else {
                    member.name.clone()
                },
                format!("{:x}", member.id),
                if member.is_learner {
                    "learner"
                } else {
                    "voter"
                }
                .to_owned(),
                member.peer_ur_ls.join(","),
                member.client_ur_ls.join(","),
            ]
        })
        .collect();
    output::data(&table(&["NAME", "ID", "KIND", "PEER", "CLIENT"], &rows));
}

fn json_member(member: &Member) -> serde_json::Value {
    json!({
        "id": format!("{:x}", member.id),
        "name": member.name,
        "peer_urls": member.peer_ur_ls,
        "client_urls": member.client_ur_ls,
        "is_learner": member.is_learner,
    })
}
