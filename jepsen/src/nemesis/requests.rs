//! Faults that are requests.

use super::{Active, Injector};
use keelson_kit::check::{Check, some};
use keelson_kit::client::Client;
use keelson_kit::wait::wait_for;
use keelson_proto::etcdserverpb::MoveLeaderRequest;
use rand::Rng;
use std::time::Duration;
use tokio::time::timeout;

/// A member that leads hands over or refuses within this time.
const ANSWER: Duration = Duration::from_secs(5);

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
}
