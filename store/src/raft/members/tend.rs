//! The leader's chores: what a change of the membership leaves to be done later.
//!
//! A new voter is promoted when it has caught up, and a change that a lost leader has left half-way is
//! brought to its end. What is left to do stands in the replicated membership, so that any leader can
//! take it over.

use super::super::group::View;
use super::super::proposer::Leadership;
use super::Members;
use super::change::Refusal;
use super::halves::is_half_way;
use std::sync::Arc;
use std::time::Duration;

/// How often a leader looks whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the log has been told: what goes on for as long as no quorum answers is said once and not at every look.
#[derive(Default)]
struct Told {
    half_way: bool,
    error: Option<String>,
}

impl Told {
    fn half_way(&mut self, is_half_way: bool) {
        if is_half_way && !self.half_way {
            tracing::info!("a change of the membership was left half-way; bringing it to its end");
        }
        self.half_way = is_half_way;
    }

    fn outcome(&mut self, outcome: Result<(), Refusal>) {
        let error = match outcome {
            Err(Refusal::Final(error)) => Some(error.to_string()),
            _ => None,
        };
        if let Some(error) = &error
            && self.error.as_ref() != Some(error)
        {
            tracing::warn!(
                error,
                "a change of the membership did not work; it is tried again"
            );
        }
        self.error = error;
    }
}

impl Members {
    /// The leader's chores: makes caught-up members voters that want to be, and brings a change to
    /// its end that a lost leader has left half-way.
    pub async fn tend(self: Arc<Self>) {
        let mut leadership = self.group.leadership();
        while let Some(mine) = Leadership::of(self.member_id, &mut leadership).await {
            self.tend_while_leading(mine).await;
        }
    }

    async fn tend_once(&self, view: &View) -> Result<(), Refusal> {
        if !self.may_change(view) {
            return Ok(());
        }
        let ready = view.membership.learner_ids().find(|id| {
            let wants = view.membership.get_node(id).is_some_and(|n| n.wants_vote);
            wants && self.has_caught_up(*id)
        });
        if let Some(id) = ready {
            tracing::info!(member = format!("{id:x}"), "a new member has caught up");
            return self.promote(view, id).await.map(drop);
        }
        match is_half_way(view) {
            true => self.end_half_way(view).await.map(drop),
            false => Ok(()),
        }
    }

    async fn tend_while_leading(&self, mine: Leadership) {
        let mut leadership = self.group.leadership();
        let mut told = Told::default();
        loop {
            // Who asked for a change that is under way looks after it.
            if let Ok(_one_at_a_time) = self.changing.try_lock() {
                let view = self.group.view();
                told.half_way(is_half_way(&view));
                told.outcome(self.tend_once(&view).await);
            }
            tokio::select! {
                _ = leadership.wait_for(|leader| *leader != Some(mine)) => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}
