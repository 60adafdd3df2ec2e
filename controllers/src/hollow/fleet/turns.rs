//! What is done about Pods, when it is their turn. Only so many calls are on their way at a time, so a Pod may
//! have to wait; what is said of it is decided when its turn comes, as a kubelet says how a Pod is then and not
//! how it was.

use super::super::api::{Ask, Call};
use super::super::look::Look;
use super::super::pod_status::{Facts, patch};
use super::super::stage::{self, Delay, STAGES, Saying, Then};
use super::pods::{AGAIN_MS, Pod};
use super::{Fleet, Now, Ticket};
use crate::runtime::{Kind, seconds};
use std::sync::Arc;

impl Fleet {
    /// What was appointed is to be done.
    pub(super) fn act(&mut self, uid: &Arc<str>, turn: u32, now: Now) {
        let Some(pod) = self.pods.get_mut(uid) else {
            return;
        };
        if pod.turn != turn || pod.is_busy || pod.next.is_none() {
            return;
        }
        pod.is_busy = true;
        self.turns.push_back((uid.clone(), turn, now.ms));
    }

    /// The next call about a Pod.
    pub(super) fn next_turn(&mut self, now: Now) -> Option<(Ticket, Call)> {
        while let Some((uid, turn, since_ms)) = self.turns.pop_front() {
            let is_waiting = |pod: &Pod| pod.is_busy && pod.turn == turn;
            if !self.pods.get(&uid).is_some_and(is_waiting) {
                continue;
            }
            let late_ms = now.ms.saturating_sub(since_ms);
            let call = self.turn(&uid, late_ms, now);
            if call.is_some() {
                return call;
            }
        }
        None
    }

    /// The call about a Pod that has waited so long; `None`: there is nothing to do now.
    fn turn(&mut self, uid: &Arc<str>, late_ms: u64, now: Now) -> Option<(Ticket, Call)> {
        let pod = self.pods.get_mut(uid)?;
        pod.is_busy = false;
        if !self.nodes[pod.node as usize].is_up() {
            // It is decided anew when the node comes back.
            self.put(uid, None, None);
            return None;
        }
        let look = Look::of(&pod.seen);
        let next = stage::next(&look);
        if next != pod.next {
            // It has changed while it waited.
            self.appoint(uid, now);
            return None;
        }
        let next = self.caught_up(next?, &look, late_ms);
        let (ticket, ask) = match STAGES[next].then {
            Then::Remove => (
                Ticket::Remove(uid.clone()),
                Ask::Delete {
                    uid: uid.to_string(),
                },
            ),
            Then::Say(saying) => {
                let Some(ask) = self.say(uid, saying, now) else {
                    // No address is free: some Pod has to go first.
                    self.put(uid, Some(next), Some(now.ms + AGAIN_MS));
                    return None;
                };
                (Ticket::Say(uid.clone()), ask)
            }
        };
        let pod = self.pods.get_mut(uid)?;
        pod.next = Some(next);
        // An appointment, or a turn, of an earlier Pod of this uid is void.
        pod.turn += 1;
        pod.is_busy = true;
        let call = Call {
            node: self.nodes[pod.node as usize].name.clone(),
            kind: Kind::Pod,
            namespace: pod.seen.metadata.namespace.clone(),
            name: pod.seen.metadata.name.clone(),
            ask,
        };
        Some((ticket, call))
    }

    /// The stage that a Pod has reached that waited so long for its turn: if what comes after its containers are
    /// made is due by now, nobody needs to be told that they are being made.
    fn caught_up(&self, next: usize, look: &Look, late_ms: u64) -> usize {
        if STAGES[next].then != Then::Say(Saying::Creating) {
            return next;
        }
        let Some(after) = stage::after(next, look) else {
            return next;
        };
        let stage = &STAGES[after];
        let took_ms = match (self.plan.delays.get(stage.name), stage.delay) {
            (Some(delay), _) => delay.as_millis() as u64,
            (None, Delay::Ms(from_ms, spread_ms)) => from_ms + spread_ms,
            (None, Delay::RunFor | Delay::BackOff) => return next,
        };
        match late_ms > took_ms {
            true => after,
            false => next,
        }
    }

    fn say(&mut self, uid: &Arc<str>, saying: Saying, now: Now) -> Option<Ask> {
        let pod = self.pods.get_mut(uid)?;
        let node = &mut self.nodes[pod.node as usize];
        let needs_address = !matches!(
            saying,
            Saying::Creating | Saying::Finished | Saying::Stopped
        );
        if needs_address && !pod.seen.spec.host_network && pod.address.is_none() {
            pod.address = Some(node.addresses.take()?);
        }
        let own = pod.address.map(|address| address.to_string());
        let pod_ip = match pod.seen.spec.host_network {
            true => Some(node.ip.as_str()),
            false => own.as_deref(),
        };
        let facts = Facts {
            now: &seconds(now.us),
            host_ip: &node.ip,
            pod_ip,
        };
        Some(Ask::PatchStatus(patch(&pod.seen, saying, &facts)))
    }
}
