//! Changes of the membership, as clients hear of them. The learners that are added never come.

use super::member::Member;
use super::taker::connect;
use super::wait_until;
use crate::limits::Limits;
use keelson_proto::etcdserverpb::cluster_client::ClusterClient;
use keelson_proto::etcdserverpb::{MemberAddRequest, MemberListRequest, MemberRemoveRequest};
use tonic::transport::Channel;

const URLS: [&str; 2] = ["http://127.0.0.1:1", "http://127.0.0.1:2"];
const ROUNDS: usize = 30;

async fn started() -> (Member, ClusterClient<Channel>) {
    let member = Member::start(Limits {
        max_learners: 2,
        ..Limits::default()
    });
    let client = ClusterClient::new(connect(member.address).await);
    wait_until("it leads", || {
        let mut client = client.clone();
        let list = MemberListRequest { linearizable: true };
        async move { client.member_list(list).await.is_ok() }
    })
    .await;
    (member, client)
}

/// Adds a learner. Returns its id and how many members the answer names.
async fn add(mut client: ClusterClient<Channel>, url: &str) -> (u64, usize) {
    let request = MemberAddRequest {
        peer_ur_ls: vec![url.to_owned()],
        is_learner: true,
    };
    let added = client.member_add(request).await.expect("it is added");
    let added = added.into_inner();
    (added.member.expect("a member").id, added.members.len())
}

/// Removes a member. Returns how many members the answer names.
async fn remove(mut client: ClusterClient<Channel>, id: u64) -> usize {
    let removed = client.member_remove(MemberRemoveRequest { id }).await;
    removed.expect("it is removed").into_inner().members.len()
}

#[tokio::test]
async fn the_answer_to_a_change_shows_what_that_change_left() {
    let (_member, client) = started().await;
    for round in 0..ROUNDS {
        let [one, two] = URLS.map(|url| add(client.clone(), url));
        let (one, two) = tokio::join!(one, two);
        let mut after = [one.1, two.1];
        after.sort_unstable();
        assert_eq!(after, [2, 3], "round {round}: one of them came first");
        let [one, two] = [one.0, two.0].map(|id| remove(client.clone(), id));
        let (one, two) = tokio::join!(one, two);
        let mut after = [one, two];
        after.sort_unstable();
        assert_eq!(after, [1, 2], "round {round}: one of them went first");
    }
}

#[tokio::test]
async fn a_member_that_comes_back_at_once_is_somebody_else() {
    let (_member, client) = started().await;
    let mut before = 0;
    for _ in 0..3 {
        let (id, _) = add(client.clone(), URLS[0]).await;
        assert_ne!(id, before);
        remove(client.clone(), id).await;
        before = id;
    }
}
