//! Changes of members: one comes, one goes, one is replaced, the cluster grows and shrinks again.
//!
//! A fault of this kind is a story of some goals: a member comes to a place, or the member of a place goes. It is
//! carried out as an operator would do it: by what a list says that some member has just confirmed, never by what
//! was answered to a change, for that may have happened without an answer. One request is under way at a time, and
//! everything else goes on meanwhile: wires are cut and healed again. Now and then a member is killed in the middle
//! of a change. The requests are operations of the history, so that they are judged, too.
//!
//! A story has worked when all its goals were seen in lists, and everybody who came has answered a linearizable
//! read. It ends with as many members as it began with, though perhaps in other places.

use super::story::{Act, Goal, everyone, goals, next};
use super::{Active, Injector, Means};
use crate::cluster::Cluster;
use crate::history::*;
use crate::recorder::Recorder;
use crate::session::Session;
use futures::FutureExt;
use keelson_kit::check::{Check, Failure, holds, some};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// After something that did not work.
const REST: Duration = Duration::from_millis(150);
/// Who was removed may go on for so long before its process is ended.
const LINGERS_MS: u64 = 1_500;
/// One change of so many costs a member its life.
const DEADLY: u32 = 4;
/// So soon after the change was asked for, and for so long.
const KILLED_AFTER_MS: u64 = 60;
const DOWN_MS: (u64, u64) = (300, 2_000);

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    List,
    Change,
    /// A read by the newcomer with this id.
    Read(u64),
}

/// A member that dies in the middle of a change, and when it is started again once it is dead.
#[derive(Debug)]
struct Death {
    place: usize,
    at: Instant,
    back: Option<Instant>,
}

/// A fault of this kind and how far it has come.
#[derive(Debug)]
pub(super) struct Story {
    goals: VecDeque<Goal>,
    under_way: Option<(Asked, JoinHandle<Outcome>)>,
    rests_until: Instant,
    /// Between two goals, at most.
    pause_ms: u64,
    death: Option<Death>,
    /// What was seen.
    told: Vec<String>,
    /// A list without strangers was seen after the last goal.
    is_over: bool,
    /// Why it cannot go on.
    broken: Option<Failure>,
}

impl Story {
    fn new(goals: Vec<Goal>, length_ms: u64) -> Story {
        Story {
            pause_ms: length_ms / goals.len().max(1) as u64,
            goals: goals.into(),
            under_way: None,
            rests_until: Instant::now(),
            death: None,
            told: Vec::new(),
            is_over: false,
            broken: None,
        }
    }

    /// Whether the fault may end: a change that is half made would be left to chance.
    pub(super) fn may_end(&self) -> bool {
        self.broken.is_some() || (self.is_over && self.death.is_none())
    }

    /// Whether it is the reason for a process that ends: who was removed must end, and who comes when the list
    /// has just changed may have to be started again.
    pub(super) fn explains(&self, place: usize) -> bool {
        self.goals.front().is_some_and(|goal| goal.place() == place)
    }

    fn rest(&mut self, random: &mut StdRng, most_ms: u64) {
        self.rests_until = Instant::now() + Duration::from_millis(random.random_range(0..=most_ms));
    }
}

/// Asks the member of a place, while other things go on.
fn ask(
    recorder: &Recorder,
    cluster: &Cluster,
    place: usize,
    call: Call,
) -> Check<JoinHandle<Outcome>> {
    let node = Some(place as Node + 1);
    let mut session = Session::new(recorder, &cluster.endpoints(), node)?;
    Ok(tokio::spawn(async move { session.call(call).await }))
}

impl Injector<'_> {
    /// Begins a story about the victim. Nothing has changed yet.
    pub(super) fn begin_story(&self, fault: &mut Active) -> Check<Option<String>> {
        let first = *some("a victim", fault.victims.first())?;
        let (present, vacant) = (self.cluster.present(), self.cluster.vacant());
        holds("two places are empty", vacant.len() > 1)?;
        let goals = goals(&present, &vacant, first, &mut fault.random);
        fault.means = Means::Story(Box::new(Story::new(goals, fault.step.length_ms)));
        Ok(None)
    }

    /// Does what can be done at once.
    pub(super) fn go_on(&mut self, fault: &mut Active) {
        let Active {
            means: Means::Story(story),
            random,
            ..
        } = fault
        else {
            return;
        };
        if !story.may_end()
            && let Err(failure) = self.one_step(story, random)
        {
            story.broken = Some(failure);
        }
    }

    fn one_step(&mut self, story: &mut Story, random: &mut StdRng) -> Check {
        self.die(story, random)?;
        if let Some((asked, answer)) = &mut story.under_way {
            let Some(answer) = answer.now_or_never() else {
                return Ok(());
            };
            let (asked, answer) = (*asked, answer?);
            story.under_way = None;
            return self.hear(story, asked, &answer, random);
        }
        if Instant::now() >= story.rests_until && !story.is_over {
            let list = MemberCall::List { linearizable: true };
            self.ask_any(story, Asked::List, Call::Member(list), random)?;
        }
        Ok(())
    }

    fn ask_any(&self, story: &mut Story, asked: Asked, call: Call, random: &mut StdRng) -> Check {
        let present = self.cluster.present();
        let place = *some("a member", present.choose(random))?;
        let answer = ask(self.recorder, self.cluster, place, call)?;
        story.under_way = Some((asked, answer));
        Ok(())
    }

    fn hear(
        &mut self,
        story: &mut Story,
        asked: Asked,
        answer: &Outcome,
        random: &mut StdRng,
    ) -> Check {
        match (asked, answer) {
            (Asked::List, Outcome::Ok(Reply::Member { reply, .. })) => {
                self.act(story, &reply.members, random)?;
            }
            (Asked::Read(id), Outcome::Ok(_)) => {
                let goal = some("a goal", story.goals.pop_front())?;
                let name = self.cluster.name(goal.place());
                let how = match goal {
                    Goal::Comes { learner: true, .. } => "as a learner",
                    _ => "as a voter",
                };
                story.told.push(format!(
                    "{name} came {how} under {id:x}, is listed as a voter and answered a linearizable read"
                ));
                story.rest(random, story.pause_ms);
            }
            // What became of a change, the next list says.
            (Asked::Change, Outcome::Ok(_)) => {}
            _ => story.rests_until = Instant::now() + REST,
        }
        Ok(())
    }

    /// Acts on a list of members.
    fn act(&mut self, story: &mut Story, list: &[MemberInfo], random: &mut StdRng) -> Check {
        let wanted = story.goals.front().map(|goal| goal.place());
        // A change that was given up may happen late.
        let mut vacant = self.cluster.vacant();
        vacant.retain(|place| Some(*place) != wanted);
        let is_stranger = |one: &&MemberInfo| {
            let mut urls = vacant.iter().map(|place| self.cluster.peer_url(*place));
            urls.any(|url| one.peer_urls.iter().any(|own| own == url))
        };
        if let Some(stranger) = list.iter().find(is_stranger) {
            return self.change(story, MemberCall::Remove { id: stranger.id }, random);
        }
        let Some(goal) = story.goals.front().copied() else {
            story.is_over = true;
            return Ok(());
        };
        let (place, runs) = (goal.place(), self.cluster.runs(goal.place()));
        match next(goal, list, self.cluster.peer_url(place), runs) {
            Act::Change(call) => self.change(story, call, random),
            Act::Start(id) => {
                let everyone = everyone(self.cluster, list);
                self.cluster.arrives(place, &everyone);
                self.launch(place, Some(id))?;
                story.rests_until = Instant::now() + REST;
                Ok(())
            }
            Act::Read(id) => {
                let answer = ask(self.recorder, self.cluster, place, Call::get("member"))?;
                story.under_way = Some((Asked::Read(id), answer));
                Ok(())
            }
            Act::Discard => self.discard(story, place, random),
        }
    }

    /// Asks for a change, which may cost a member its life.
    fn change(&self, story: &mut Story, call: MemberCall, random: &mut StdRng) -> Check {
        let present = self.cluster.present();
        if story.death.is_none() && present.len() > 2 && random.random_ratio(1, DEADLY) {
            let after = Duration::from_millis(random.random_range(0..=KILLED_AFTER_MS));
            story.death = Some(Death {
                place: *some("a member", present.choose(random))?,
                at: Instant::now() + after,
                back: None,
            });
        }
        self.ask_any(story, Asked::Change, Call::Member(call), random)
    }

    /// Who has left goes on for a moment; then its process ends and its data is thrown away.
    fn discard(&mut self, story: &mut Story, place: usize, random: &mut StdRng) -> Check {
        if self.cluster.present().contains(&place) {
            self.cluster.departs(place);
            story.rest(random, LINGERS_MS);
            return Ok(());
        }
        if self.cluster.kill(place) {
            self.note_exit(place, "signal 9 after its removal");
        }
        self.cluster.wipe(place)?;
        story.goals.pop_front();
        let name = self.cluster.name(place);
        story.told.push(format!(
            "{name} went: it is not listed any more, and its data is gone"
        ));
        story.rest(random, story.pause_ms);
        Ok(())
    }

    /// Whoever is to die in the middle of a change dies, and is started again if it still belongs to the cluster.
    fn die(&mut self, story: &mut Story, random: &mut StdRng) -> Check {
        let now = Instant::now();
        let Some(death) = &mut story.death else {
            return Ok(());
        };
        let place = death.place;
        match death.back {
            None if now >= death.at => {
                if self.cluster.kill(place) {
                    self.note_exit(place, "signal 9 in the middle of a change");
                    let name = self.cluster.name(place);
                    story
                        .told
                        .push(format!("{name} was killed in the middle of a change"));
                }
                let down = Duration::from_millis(random.random_range(DOWN_MS.0..DOWN_MS.1));
                death.back = Some(now + down);
            }
            Some(back) if now >= back => {
                story.death = None;
                if self.cluster.present().contains(&place) {
                    self.launch(place, None)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn launch(&mut self, place: usize, member: Option<u64>) -> Check {
        if self.cluster.pid(place).is_some() {
            return Ok(());
        }
        self.cluster.start(place)?;
        if let Some(pid) = self.cluster.pid(place) {
            let node = place as Node + 1;
            self.recorder
                .observe(Observation::Start { node, pid, member });
        }
        Ok(())
    }

    /// The end of a story: it has worked if it came to its end.
    pub(super) fn end_story(&self, fault: &mut Active) -> Check<String> {
        let Means::Story(story) = std::mem::replace(&mut fault.means, Means::None) else {
            return Ok(String::new());
        };
        if let Some(failure) = story.broken {
            return Err(failure);
        }
        let left = format!("every change is made; left are {:?}", story.goals);
        holds(&left, story.is_over && story.goals.is_empty())?;
        self.effective(fault, story.told.join("; "));
        let names = self.cluster.present();
        let names: Vec<_> = names.iter().map(|i| self.cluster.name(*i)).collect();
        Ok(format!("the members are {}", names.join(", ")))
    }
}
