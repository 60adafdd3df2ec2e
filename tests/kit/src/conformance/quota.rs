//! §2.7, 102 to 106: a full store, alarms.

use super::helpers::*;
use super::texts::*;
use super::{Statement, private};
use crate::check::{Check, Failure, holds, refused, same};
use crate::client::Client;
use crate::request::*;
use crate::target::{Launcher, Own};
use crate::wait::wait_until;
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::*;
use std::time::Duration;
use tonic::{Code, Status};

pub(super) fn statements() -> Vec<Statement> {
    vec![
        private!(c102_a_full_store_refuses_and_raises_an_alarm),
        private!(c103_under_nospace_only_what_frees_space_succeeds),
        private!(c103_the_alarm_stays_until_it_is_disarmed),
        private!(c104_compaction_and_defragmentation_bring_the_size_down),
        private!(c105_under_corrupt_writes_are_refused_and_reads_answer),
        private!(c106_alarms_persist_per_member_and_type).restarts(),
    ]
}

/// A server with a quota of 13 pages, filled until it refuses; returns the refusal.
async fn full(t: &Launcher) -> Check<(Own, Status)> {
    let s = t.own(&["--quota-backend-bytes=53248"]).await?;
    for i in 0..200 {
        if let Err(status) = s.put(put(format!("k{i:03}"), vec![b'x'; 4096])).await {
            return Ok((s, status));
        }
    }
    Err(Failure::new("800 kB went into a store of 52 kB"))
}

async fn alarms(client: &Client) -> Check<Vec<AlarmMember>> {
    Ok(client.alarm(AlarmRequest::default()).await?.alarms)
}

/// Waits for the alarm: it is raised through the log, after the refusal was answered.
async fn alarmed(client: &Client) -> Check {
    wait_until("the alarm is raised", Duration::from_secs(10), || {
        let client = client.clone();
        async move { alarms(&client).await.is_ok_and(|list| !list.is_empty()) }
    })
    .await
}

async fn c102_a_full_store_refuses_and_raises_an_alarm(t: &Launcher) -> Check {
    let (s, refusal) = full(t).await?;
    refused::<()>(Err(refusal), Code::ResourceExhausted, NO_SPACE)?;
    alarmed(&s).await?;
    let member_id = s.member_id().await?;
    let want = AlarmMember {
        member_id,
        alarm: AlarmType::Nospace as i32,
    };
    same("alarms", alarms(&s).await?, vec![want])
}

async fn c103_under_nospace_only_what_frees_space_succeeds(t: &Launcher) -> Check {
    let (s, _) = full(t).await?;
    alarmed(&s).await?;
    let code = Code::ResourceExhausted;
    refused(s.put(put("new", "v")).await, code, NO_SPACE)?;
    refused(s.grant(lease(1, 60)).await, code, NO_SPACE)?;
    refused(s.txn(ops(vec![put("new", "v").op()])).await, code, NO_SPACE)?;
    s.range(get("k000")).await?;
    s.txn(ops(vec![delete("k001").op()])).await?;
    let last = s.delete(delete("k000")).await?.revision();
    s.compact(last).await?;
    Ok(())
}

async fn c103_the_alarm_stays_until_it_is_disarmed(t: &Launcher) -> Check {
    let (s, _) = full(t).await?;
    alarmed(&s).await?;
    let last = s.delete(delete_range("k", "l")).await?.revision();
    let physical = CompactionRequest {
        revision: last,
        physical: true,
    };
    s.compact_with(physical).await?;
    s.defragment().await?;
    refused(
        s.put(put("new", "v")).await,
        Code::ResourceExhausted,
        NO_SPACE,
    )?;
    let present = alarms(&s).await?;
    let disarm = alarm(
        AlarmAction::Deactivate,
        present[0].member_id,
        AlarmType::Nospace,
    );
    same("disarmed", s.alarm(disarm).await?.alarms, present)?;
    same("alarms", alarms(&s).await?.len(), 0)?;
    s.put(put("new", "v")).await?;
    Ok(())
}

async fn c104_compaction_and_defragmentation_bring_the_size_down(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    for i in 0..100 {
        s.put(put("k", vec![i; 20_000])).await?;
    }
    let client = s.client_clone();
    wait_until(
        "the size shows what was written",
        Duration::from_secs(10),
        || {
            let client = client.clone();
            async move {
                client
                    .status()
                    .await
                    .is_ok_and(|status| status.db_size > 2_000_000)
            }
        },
    )
    .await?;
    let before = s.status().await?;
    holds(
        "in use is at most the size",
        before.db_size_in_use <= before.db_size,
    )?;
    let physical = CompactionRequest {
        revision: s.revision().await?,
        physical: true,
    };
    s.compact_with(physical).await?;
    s.defragment().await?;
    let after = s.status().await?;
    let text = format!(
        "{} bytes are much less than {}",
        after.db_size, before.db_size
    );
    holds(&text, after.db_size < before.db_size / 4)
}

async fn c105_under_corrupt_writes_are_refused_and_reads_answer(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    s.put(put("k", "v")).await?;
    s.grant(lease(105, 60)).await?;
    let id = s.member_id().await?;
    let raised = alarm(AlarmAction::Activate, id, AlarmType::Corrupt);
    same("raised", s.alarm(raised).await?.alarms.len(), 1)?;
    let (code, text) = (Code::DataLoss, "etcdserver: corrupt cluster");
    refused(s.put(put("k", "v")).await, code, text)?;
    refused(s.delete(delete("k")).await, code, text)?;
    refused(s.txn(ops(vec![put("k", "v").op()])).await, code, text)?;
    refused(s.compact(2).await, code, text)?;
    refused(s.grant(lease(106, 60)).await, code, text)?;
    refused(s.revoke(LeaseRevokeRequest { id: 105 }).await, code, text)?;
    same("read", s.range(get("k")).await?.count, 1)?;
    s.txn(ops(vec![get("k").op()])).await?;
    let disarm = alarm(AlarmAction::Deactivate, id, AlarmType::Corrupt);
    s.alarm(disarm).await?;
    s.put(put("k", "v")).await?;
    Ok(())
}

async fn c106_alarms_persist_per_member_and_type(t: &Launcher) -> Check {
    let mut s = t.own(&[]).await?;
    let none = alarm(AlarmAction::Activate, 1, AlarmType::None);
    s.alarm(none).await?;
    same("NONE raises nothing", alarms(&s).await?.len(), 0)?;
    let absent = alarm(AlarmAction::Deactivate, 1, AlarmType::Nospace);
    same("disarming nothing", s.alarm(absent).await?.alarms.len(), 0)?;
    for (member, kind) in [
        (1, AlarmType::Nospace),
        (2, AlarmType::Nospace),
        (1, AlarmType::Corrupt),
    ] {
        s.alarm(alarm(AlarmAction::Activate, member, kind)).await?;
    }
    same("alarms", alarms(&s).await?.len(), 3)?;
    let mut one = alarm(AlarmAction::Get, 0, AlarmType::Corrupt);
    same("by type", s.alarm(one).await?.alarms.len(), 1)?;
    s.cluster.kill(0);
    s.cluster.restart(0)?;
    s.cluster.ready(0).await?;
    same("after a restart", alarms(&s).await?.len(), 3)?;
    one.alarm = AlarmType::Nospace as i32;
    same("by type", s.alarm(one).await?.alarms.len(), 2)
}
