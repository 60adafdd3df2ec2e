//! Faults that are requests, and clocks.

use super::{Active, Injector};
use keelson_kit::check::{Check, some};
use keelson_kit::client::Client;
use keelson_kit::wait::wait_for;
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::{AlarmRequest, MoveLeaderRequest};
use rand::Rng;
use std::time::Duration;
use tokio::time::timeout;

/// A member that leads hands over or refuses within this time.
const ANSWER: Duration = Duration::from_secs(5);
/// Time for a cluster to answer after a disk was full.
const ALARMS: Duration = Duration::from_secs(60);
/// A member asks for the time of the wall whenever it writes a line of its log or the head of an answer.
const CLOCK: Duration = Duration::from_secs(3);

impl Injector<'_> {
    pub(super) async fn transfer(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let (leader, term) = some("a leader", self.cluster.leader().await)?;
        let present = self.cluster.present();
        let place = some("its place", present.iter().position(|i| *i == leader))?;
        let other = place + fault.random.random_range(1..present.len().max(2));
        let other = present[other % present.len()];
        let client = Client::new(&self.cluster.endpoints())?;
        let target_id = timeout(ANSWER, client.member(other).member_id()).await??;
        let request = MoveLeaderRequest { target_id };
        timeout(ANSWER, client.member(leader).move_leader(request)).await??;
        let cluster = &*self.cluster;
        let next = wait_for("another member leads", ANSWER, || async {
            cluster
                .leader()
                .await
                .filter(|(i, newer)| *i != leader && *newer > term)
        });
        let (next, term) = next.await?;
        Ok(Some(format!(
            "m{} led, m{} leads in term {term}",
            leader + 1,
            next + 1
        )))
    }

    pub(super) async fn defragment(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let client = Client::new(&self.cluster.endpoints())?;
        timeout(ANSWER, client.member(victim).defragment()).await??;
        Ok(Some("it answered that it is done".to_owned()))
    }

    /// Takes alarms back, as an operator does after making room. Returns how many there were.
    pub(super) async fn clear_alarms(&mut self) -> Check<usize> {
        let client = Client::new(&self.cluster.endpoints())?;
        wait_for("no alarm is left", ALARMS, || async {
            let every = AlarmRequest {
                action: AlarmAction::Get as i32,
                ..AlarmRequest::default()
            };
            let raised = timeout(ANSWER, client.alarm(every))
                .await
                .ok()?
                .ok()?
                .alarms;
            for one in &raised {
                let request = AlarmRequest {
                    action: AlarmAction::Deactivate as i32,
                    member_id: one.member_id,
                    alarm: one.alarm,
                };
                timeout(ANSWER, client.alarm(request)).await.ok()?.ok()?;
            }
            Some(raised.len())
        })
        .await
    }

    pub(super) async fn turn_clock(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let hours = if fault.random.random_bool(0.5) { 1 } else { -1 };
        let before = self.cluster.times_told(victim)?;
        self.cluster.set_clock(victim, hours * 3600)?;
        let cluster = &*self.cluster;
        let told = wait_for("the member asks for the time", CLOCK, || async {
            let told = cluster.times_told(victim).ok()? - before;
            (told > 0).then_some(told)
        });
        let told = told.await?;
        Ok(Some(format!(
            "it asked for the time and was told one {hours} h off, {told} times at once"
        )))
    }

    pub(super) fn set_clock_right(&mut self, fault: &Active) -> Check<String> {
        for i in &fault.victims {
            self.cluster.set_clock(*i, 0)?;
        }
        Ok("the clock is right".to_owned())
    }
}
