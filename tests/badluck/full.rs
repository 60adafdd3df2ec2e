//! A disk that fills up.

use super::alone::{Alone, PATIENCE};
use keelson_kit::check::{same, some};
use keelson_kit::mount::Mount;
use keelson_kit::request::{delete_range, get, prefix_end, put, range};
use keelson_kit::tools::skip;
use keelson_kit::wait::wait_until;
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::{AlarmRequest, AlarmType};
use tonic::Code;

#[tokio::test]
async fn a_disk_that_fills_up_raises_the_alarm_before_anything_breaks() {
    let run = async {
        let mut member =
            Alone::new(&["--disk-reserve-bytes=268435456", "--quota-backend-bytes=-1"])?;
        let Some(_mount) = Mount::new(&member.data, "640m") else {
            skip("a_disk_that_fills_up", "no right to mount a file system");
            return Ok(());
        };
        member.start().await?;
        let client = member.client()?;
        let big = "y".repeat(1 << 20);
        let mut refused = None;
        for i in 0..640 {
            if let Err(status) = client.put(put(format!("big/{i:03}"), big.clone())).await {
                refused = Some((i, status));
                break;
            }
        }
        let (written, status) = some("a refusal before the disk is full", refused)?;
        println!("refused after {written} MiB of 640: {status}");
        same("the code", status.code(), Code::ResourceExhausted)?;
        same(
            "the text",
            status.message(),
            "etcdserver: mvcc: database space exceeded",
        )?;
        let alarms = client.alarm(AlarmRequest::default()).await?.alarms;
        same("one alarm", alarms.len(), 1)?;
        same("of this kind", alarms[0].alarm, AlarmType::Nospace as i32)?;
        // Reads and what frees space go on.
        same(
            "reads work",
            client.range(get("big/000")).await?.kvs.len(),
            1,
        )?;
        client
            .delete(delete_range("big/", prefix_end(b"big/")))
            .await?;
        let disarm = AlarmRequest {
            action: AlarmAction::Deactivate as i32,
            member_id: alarms[0].member_id,
            alarm: AlarmType::Nospace as i32,
        };
        client.alarm(disarm).await?;
        wait_until(
            "it is raised again while space is short",
            PATIENCE,
            || async {
                let alarms = client.alarm(AlarmRequest::default()).await;
                alarms.is_ok_and(|reply| reply.alarms.len() == 1)
            },
        )
        .await?;
        // It survives a restart in this state.
        member.stop().await?;
        member.start().await?;
        let left = client.range(range("big/", prefix_end(b"big/"))).await?.kvs;
        same("the deletion has happened", left.len(), 0)
    };
    Box::pin(run).await.expect("the alarm is raised in time");
}
