//! `keelson status`: who is there and how they are doing. Bad news is an answer, not a failure.

use super::Context;
use super::connect::Client;
use super::error::Result;
use super::output::{self, size, table};
use super::survey::{Survey, View, survey};
use crate::dev::state::DevCluster;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `status`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Data directory of a `keelson dev` cluster, instead of --endpoints
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Where to ask: a development cluster's members if its directory is given, else the endpoints.
pub fn target(
    context: &Context,
    data_dir: Option<&PathBuf>,
) -> Result<(Client, Option<DevCluster>)> {
    let Some(directory) = data_dir else {
        return Ok((context.client()?, None));
    };
    let dev = DevCluster::read(directory)?;
    let endpoints: Vec<String> = dev.members.iter().map(|m| m.client_url.clone()).collect();
    Ok((Client::new(&endpoints, context.global.timeout)?, Some(dev)))
}

/// Shows the cluster.
pub async fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    let (client, dev) = target(context, options.data_dir.as_ref())?;
    let survey = survey(&client, dev.as_ref()).await?;
    match context.json() {
        true => output::json_document(&json_survey(&survey)),
        false => output::data(&shown(&survey)),
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(survey: &Survey) -> String {
    let ready = survey
        .members
        .iter()
        .filter(|member| member.state() == "ready")
        .count();
    let verdict = match (survey.leader(), ready == survey.members.len()) {
        (None, _) => "no leader",
        (Some(_), true) => "healthy",
        (Some(_), false) => "degraded",
    };
    let leader = survey.leader().map_or("-", |member| member.name.as_str());
    let applied = survey.applied_index();
    let rows: Vec<Vec<String>> = survey
        .members
        .iter()
        .map(|member| row(member, applied))
        .collect();
    let mut text = format!(
        "CLUSTER {:x}   {verdict}   leader {leader}   term {}   revision {}\n",
        survey.cluster_id,
        survey.term(),
        survey.revision()
    );
    let headings = [
        "MEMBER", "ID", "ROLE", "STATE", "APPLIED", "LAG", "DB", "CLIENT", "PID", "VERSION",
    ];
    text.push_str(&table(&headings, &rows));
    for member in &survey.members {
        match &member.status {
            Err(why) => text.push_str(&format!("{}: {why}\n", member.name)),
            Ok(status) => {
                for error in &status.errors {
                    text.push_str(&format!("{}: {error}\n", member.name));
                }
            }
        }
    }
    text
}

fn row(member: &View, applied: u64) -> Vec<String> {
    let pid = member.pid.map_or("-".to_owned(), |pid| pid.to_string());
    let dash = || "-".to_owned();
    let (index, lag, db, version) = match &member.status {
        Err(_) => (dash(), dash(), dash(), dash()),
        Ok(status) => (
            status.raft_applied_index.to_string(),
            applied
                .saturating_sub(status.raft_applied_index)
                .to_string(),
            size(status.db_size.unsigned_abs()),
            status.version.clone(),
        ),
    };
    vec![
        member.name.clone(),
        format!("{:x}", member.id),
        member.role().to_owned(),
        member.state().to_owned(),
        index,
        lag,
        db,
        member.endpoint.clone(),
        pid,
        version,
    ]
}

fn json_survey(survey: &Survey) -> Value {
    let applied = survey.applied_index();
    json!({
        "cluster_id": format!("{:x}", survey.cluster_id),
        "leader": survey.leader().map(|member| member.name.clone()),
        "term": survey.term(),
        "revision": survey.revision(),
        "members": survey.members.iter().map(|member| json_member(member, applied)).collect::<Vec<_>>(),
    })
}

fn json_member(member: &View, applied: u64) -> Value {
    let status = member.status.as_ref().ok();
    json!({
        "name": member.name,
        "id": format!("{:x}", member.id),
        "role": member.role(),
        "state": member.state(),
        "endpoint": member.endpoint,
        "peer_urls": member.peer_urls,
        "pid": member.pid,
        "applied_index": status.map(|s| s.raft_applied_index),
        "lag": status.map(|s| applied.saturating_sub(s.raft_applied_index)),
        "db_size_bytes": status.map(|s| s.db_size),
        "db_size_in_use_bytes": status.map(|s| s.db_size_in_use),
        "version": status.map(|s| s.version.clone()),
        "errors": status.map(|s| s.errors.clone()),
        "error": member.status.as_ref().err(),
    })
}
