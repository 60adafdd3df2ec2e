//! W11: everybody is asked for the list of members, while guests are added, moved and removed.
//!
//! A guest is a learner at an address where nobody listens. It has no vote and never comes, so nothing depends on
//! it, and a process for it need not be started. Members that come are a fault ([`crate::nemesis`]), which may go
//! on at the same time. At the end no guest is left.

use super::{Actor, Stage};
use crate::history::*;
use crate::session::Session;
use keelson_kit::check::Check;
use rand::Rng;
use rand::seq::IndexedRandom;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How many make changes: more than one, so that they get in each other's way.
const HOSTS: usize = 2;
/// Between two lists, and between two changes.
const LISTS_MS: (u64, u64) = (30, 250);
const CHANGES_MS: (u64, u64) = (100, 800);
/// Time for the last guests to be gone, and for no other one to come: a change may be under way at the end.
const LAST: Duration = Duration::from_secs(40);
const NOBODY_COMES: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(200);

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    for actor in stage.cast(1100)? {
        actors.spawn(list(actor));
    }
    for i in 0..HOSTS {
        actors.spawn(invite(stage.actor(1120 + i, None)?));
    }
    Ok(())
}

async fn pause(actor: &mut Actor, (least, most): (u64, u64)) {
    let length_ms = actor.random.random_range(least..most);
    sleep(Duration::from_millis(length_ms)).await;
}

async fn list(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        pause(&mut actor, LISTS_MS).await;
        let linearizable = actor.chance(85);
        let call = Call::Member(MemberCall::List { linearizable });
        actor.session.call(call).await;
    }
    Ok(())
}

async fn invite(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        pause(&mut actor, CHANGES_MS).await;
        let Some(members) = actor.session.members().await else {
            continue;
        };
        if actor.is_over() {
            break;
        }
        let call = change(&mut actor, &members);
        let removed = match &call {
            MemberCall::Remove { id } => members.into_iter().find(|one| one.id == *id),
            _ => None,
        };
        let outcome = actor.session.call(Call::Member(call)).await;
        if let (Outcome::Ok(_), Some(guest)) = (outcome, removed)
            && actor.chance(40)
            && !actor.is_over()
        {
            // Who comes back at once, to the same address, must be somebody else.
            let peer_urls = guest.peer_urls;
            let learner = true;
            let call = MemberCall::Add { peer_urls, learner };
            actor.session.call(Call::Member(call)).await;
        }
    }
    Ok(())
}

/// A change of a guest, if there is one. Some are refused: a second learner, a vote for somebody who is not there.
fn change(actor: &mut Actor, members: &[MemberInfo]) -> MemberCall {
    let guests: Vec<_> = members.iter().filter(|one| is_guest(one)).collect();
    let peer_urls = vec![address(actor.stage.recorder.number())];
    let id = guests.choose(&mut actor.random).map(|guest| guest.id);
    match (id, actor.random.random_range(0..100)) {
        (Some(id), 0..40) => MemberCall::Update { id, peer_urls },
        (Some(id), 40..80) => MemberCall::Remove { id },
        (Some(id), 80..92) => MemberCall::Promote { id },
        _ => MemberCall::Add {
            peer_urls,
            learner: true,
        },
    }
}

/// A place on loopback where nobody listens, another one for each number.
fn address(number: u64) -> String {
    let [.., a, b, c] = number.to_be_bytes();
    format!("http://127.{}.{b}.{c}:2380", 64 + a % 128)
}

fn is_guest(member: &MemberInfo) -> bool {
    let on_loopback =
        |url: &String| url.starts_with("http://127.") && !url.starts_with("http://127.0.");
    member.peer_urls.iter().all(on_loopback)
}

/// Removes the guests that are left.
pub async fn last_reads(session: &mut Session) {
    let began = Instant::now();
    let mut seen = began;
    while began.elapsed() < LAST && seen.elapsed() < NOBODY_COMES {
        sleep(LOOK).await;
        let members = session.members().await.unwrap_or_default();
        if let Some(guest) = members.iter().find(|one| is_guest(one)) {
            seen = Instant::now();
            let id = guest.id;
            session.call(Call::Member(MemberCall::Remove { id })).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_have_addresses_of_their_own_and_members_are_no_guests() {
        let member = |url: &str| MemberInfo {
            peer_urls: vec![url.to_owned()],
            ..MemberInfo::default()
        };
        assert_ne!(address(7), address(263));
        assert_ne!(address(7), address(65_543));
        for number in [0, 7, 70_000] {
            assert!(is_guest(&member(&address(number))));
        }
        assert!(!is_guest(&member("http://127.0.0.1:2380")));
        assert!(!is_guest(&member("http://10.77.1.1:2380")));
    }
}
