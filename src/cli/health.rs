//! `keelson health`: a verdict with reasons, made for scripts and container platforms.

use super::Context;
use super::error::{Exit, Result};
use super::output;
use super::status::target;
use super::survey::survey;
use futures::future::join_all;
use keelson_proto::etcdserverpb::kv_client::KvClient;
use keelson_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use keelson_proto::etcdserverpb::{AlarmRequest, RangeRequest};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use tonic::Code;

/// Arguments of `health`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Only the given endpoints, not the members they tell about
    #[arg(long)]
    local: bool,
    /// Data directory of a `keelson dev` cluster, instead of --endpoints
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Healthy: every member answers a linearizable read, and there is no alarm.
pub async fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    let (client, dev) = target(context, options.data_dir.as_ref())?;
    let mut reasons = Vec::new();
    let mut endpoints = Vec::new();
    if options.local {
        endpoints.extend(client.endpoints.iter().map(|e| (e.clone(), e.clone())));
    } else {
        for member in survey(&client, dev.as_ref()).await?.members {
            match &member.status {
                Ok(_) => endpoints.push((member.name, member.endpoint)),
                Err(why) => reasons.push(format!("member {} is down: {why}", member.name)),
            }
        }
    }
    let client = &client;
    let checks = endpoints.iter().map(|(name, endpoint)| async move {
        match client.connect(endpoint).await {
            Ok(channel) => check(client, name, channel).await,
            Err(why) => Some(format!("{name} cannot be reached: {why}")),
        }
    });
    reasons.extend(join_all(checks).await.into_iter().flatten());
    reasons.dedup();
    let healthy = reasons.is_empty();
    if context.json() {
        output::json_document(&json!({
            "healthy": healthy,
            "members": endpoints.len(),
            "reasons": reasons,
        }));
    } else if healthy {
        output::data(&format!(
            "healthy: {} of {} answer\n",
            endpoints.len(),
            endpoints.len()
        ));
    } else {
        let lines: String = reasons
            .iter()
            .map(|reason| format!("  {reason}\n"))
            .collect();
        output::data(&format!("unhealthy\n{lines}"));
    }
    Ok(if healthy {
        ExitCode::SUCCESS
    } else {
        Exit::Unhealthy.into()
    })
}

/// What is wrong with one member, if anything.
async fn check(
    client: &super::connect::Client,
    name: &str,
    channel: tonic::transport::Channel,
) -> Option<String> {
    let request = RangeRequest {
        key: "health".into(),
        ..RangeRequest::default()
    };
    let mut kv = KvClient::new(channel.clone());
    match client.within(kv.range(request)).await {
        // Somebody who may not read still got an answer from a quorum.
        Err(status) if status.code() != Code::PermissionDenied => {
            return Some(format!("{name} cannot read: {}", status.message()));
        }
        _ => {}
    }
    let mut maintenance = MaintenanceClient::new(channel);
    match client
        .within(maintenance.alarm(AlarmRequest::default()))
        .await
    {
        Err(status) if status.code() == Code::PermissionDenied => None,
        Err(status) => Some(format!("{name} cannot list alarms: {}", status.message())),
        Ok(answer) => answer.into_inner().alarms.first().map(|alarm| {
            format!(
                "alarm {} at member {:x}",
                alarm.alarm().as_str_name(),
                alarm.member_id
            )
        }),
    }
}
