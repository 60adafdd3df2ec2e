//! The search itself.

use crate::history::Nanos;
use std::collections::HashSet;
use std::hash::Hash;

/// What a right answer is, one operation after the other.
pub trait Model {
    /// An operation with its answer, or without one.
    type Op;
    /// Everything that later answers depend on.
    type State: Clone + Eq + Hash;
    /// The states after an operation in a state: none if it cannot be answered so there, several if
    /// its outcome is unknown and leaves a choice.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Vec<Self::State>;
}

/// An operation with its times. One that never returned has [`Nanos::MAX`] and need not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed<T> {
    /// When it began.
    pub invoke: Nanos,
    /// When it returned.
    pub returned: Nanos,
    /// What it is.
    pub op: T,
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Searched {
    /// There is an order.
    Linearizable,
    /// There is none.
    Illegal,
    /// The steps were used up.
    OutOfSteps,
}

/// An end of the list of events.
const NONE: u32 = u32::MAX;

/// Calls and returns in the order of time, as a list from which operations are lifted and put back.
struct Events {
    next: Vec<u32>,
    prev: Vec<u32>,
    /// The operation of each event, and if it is its return.
    of: Vec<(u32, bool)>,
    /// Places of call and return of each operation.
    places: Vec<(u32, u32)>,
}

impl Events {
    fn of<T>(ops: &[Timed<T>]) -> Events {
        let mut order: Vec<(Nanos, bool, u32)> = Vec::with_capacity(ops.len() * 2);
        for (index, op) in (0_u32..).zip(ops) {
            order.push((op.invoke, false, index));
            if op.returned != Nanos::MAX {
                order.push((op.returned, true, index));
            }
        }
        // Who returns at the very time of a call may overlap with it.
        order.sort_unstable();
        // Place zero is the head of the list.
        let count = u32::try_from(order.len() + 1).unwrap_or(NONE - 1);
        let mut places = vec![(NONE, NONE); ops.len()];
        let mut of = vec![(NONE, false)];
        for (place, (_, is_return, index)) in (1_u32..).zip(&order) {
            of.push((*index, *is_return));
            let places = &mut places[*index as usize];
            match is_return {
                true => places.1 = place,
                false => places.0 = place,
            }
        }
        let next = (1..=count).map(|place| if place < count { place } else { NONE });
        let prev = (0..count).map(|place| place.checked_sub(1).unwrap_or(NONE));
        Events {
            next: next.collect(),
            prev: prev.collect(),
            of,
            places,
        }
    }

    fn cut(&mut self, place: u32) {
        if place == NONE {
            return;
        }
        let (prev, next) = (self.prev[place as usize], self.next[place as usize]);
        self.next[prev as usize] = next;
        if next != NONE {
            self.prev[next as usize] = prev;
        }
    }

    fn mend(&mut self, place: u32) {
        if place == NONE {
            return;
        }
        let (prev, next) = (self.prev[place as usize], self.next[place as usize]);
        self.next[prev as usize] = place;
        if next != NONE {
            self.prev[next as usize] = place;
        }
    }

    fn lift(&mut self, op: u32) {
        let (call, back) = self.places[op as usize];
        self.cut(call);
        self.cut(back);
    }

    fn put_back(&mut self, op: u32) {
        let (call, back) = self.places[op as usize];
        self.mend(back);
        self.mend(call);
    }
}

/// Which operations have their place: all before a base, and these beyond. Operations that never
/// returned count as beyond for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Placed {
    base: u32,
    beyond: Vec<u32>,
}

impl Placed {
    fn add(&mut self, op: u32, returns: &[bool]) {
        if let Err(at) = self.beyond.binary_search(&op) {
            self.beyond.insert(at, op);
        }
        while let Some(returns_here) = returns.get(self.base as usize) {
            if *returns_here {
                let Ok(at) = self.beyond.binary_search(&self.base) else {
                    break;
                };
                self.beyond.remove(at);
            }
            self.base += 1;
        }
    }
}

struct Frame<S> {
    op: u32,
    /// The state and set before the operation.
    before: (S, Placed),
    /// Other states that the operation may lead to.
    others: Vec<S>,
}

struct Search<'a, M: Model> {
    model: &'a M,
    ops: &'a [Timed<M::Op>],
    returns: Vec<bool>,
    events: Events,
    seen: HashSet<(Placed, M::State)>,
    stack: Vec<Frame<M::State>>,
    /// Operations that returned and have no place yet.
    left: usize,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, ops: &'a [Timed<M::Op>]) -> Self {
        let returns: Vec<bool> = ops.iter().map(|op| op.returned != Nanos::MAX).collect();
        Search {
            model,
            ops,
            left: returns.iter().filter(|one| **one).count(),
            returns,
            events: Events::of(ops),
            seen: HashSet::new(),
            stack: Vec::new(),
        }
    }

    /// Ends in all states that are possible at the end, or in the first one.
    fn run(
        &mut self,
        start: &M::State,
        all: bool,
        steps: &mut u64,
        ends: &mut HashSet<M::State>,
    ) -> Result<(), OutOfSteps> {
        let (mut state, mut placed) = (start.clone(), Placed::default());
        let mut at = self.events.next[0];
        loop {
            if self.left == 0 {
                ends.insert(state.clone());
                if !all {
                    return Ok(());
                }
                match self.back(&mut state, &mut placed) {
                    Some(next) => at = next,
                    None => return Ok(()),
                }
                continue;
            }
            *steps = steps.checked_sub(1).ok_or(OutOfSteps)?;
            let (op, is_return) = match at {
                // Only calls without a return are left, and none of them helped.
                NONE => (NONE, true),
                at => self.events.of[at as usize],
            };
            if is_return {
                match self.back(&mut state, &mut placed) {
                    Some(next) => at = next,
                    None => return Ok(()),
                }
                continue;
            }
            let nexts = self.model.step(&state, &self.ops[op as usize].op);
            let before = (state.clone(), placed.clone());
            match self.place(op, nexts, before) {
                Some(after) => {
                    (state, placed) = after;
                    at = self.events.next[0];
                }
                None => at = self.events.next[at as usize],
            }
        }
    }

    /// Gives an operation the next place if that leads somewhere new.
    fn place(
        &mut self,
        op: u32,
        mut nexts: Vec<M::State>,
        before: (M::State, Placed),
    ) -> Option<(M::State, Placed)> {
        if nexts.is_empty() {
            return None;
        }
        let mut placed = before.1.clone();
        placed.add(op, &self.returns);
        while let Some(next) = nexts.pop() {
            if self.seen.insert((placed.clone(), next.clone())) {
                self.events.lift(op);
                self.left -= usize::from(self.returns[op as usize]);
                let others = nexts;
                self.stack.push(Frame { op, before, others });
                return Some((next, placed));
            }
        }
        None
    }

    /// Takes the last operation's place away. Where to go on; nothing if there is no other way.
    fn back(&mut self, state: &mut M::State, placed: &mut Placed) -> Option<u32> {
        let frame = self.stack.pop()?;
        self.events.put_back(frame.op);
        self.left += usize::from(self.returns[frame.op as usize]);
        if !frame.others.is_empty()
            && let Some((next, after)) = self.place(frame.op, frame.others, frame.before.clone())
        {
            (*state, *placed) = (next, after);
            return Some(self.events.next[0]);
        }
        (*state, *placed) = frame.before;
        let call = self.events.places[frame.op as usize].0;
        Some(self.events.next[call as usize])
    }
}

struct OutOfSteps;

/// Where nothing is open: the ends of segments, as far as every operation returned.
fn cuts<T>(ops: &[Timed<T>]) -> Vec<usize> {
    let (mut cuts, mut latest) = (Vec::new(), 0);
    for (index, op) in ops.iter().enumerate() {
        if index > 0 && op.invoke > latest {
            cuts.push(index);
        }
        latest = latest.max(op.returned);
    }
    cuts.push(ops.len());
    cuts
}

/// More states than these at one time are too many for a suggestion.
const SUGGESTED_STATES_MAX: usize = 64;

/// If an order that somebody suggests is one: of all operations that returned, and perhaps of others. Whoever
/// suggests it need not be trusted, for each answer and each time is looked at. That it is none means nothing.
pub fn is_order<M: Model>(model: &M, start: M::State, suggested: &[&Timed<M::Op>]) -> bool {
    let mut states = vec![start];
    let mut latest = 0;
    for one in suggested {
        // It had returned when somebody before it began.
        if one.returned < latest {
            return false;
        }
        latest = latest.max(one.invoke);
        let nexts: HashSet<M::State> = states
            .iter()
            .flat_map(|state| model.step(state, &one.op))
            .collect();
        if nexts.is_empty() || nexts.len() > SUGGESTED_STATES_MAX {
            return false;
        }
        states = nexts.into_iter().collect();
    }
    true
}

/// Looks for an order of operations that begins in a state. They must be sorted by invocation.
pub fn search<M: Model>(
    model: &M,
    start: M::State,
    ops: &[Timed<M::Op>],
    mut steps: u64,
) -> Searched {
    let mut states = HashSet::from([start]);
    let mut from = 0;
    for to in cuts(ops) {
        let segment = &ops[from..to];
        let is_last = to == ops.len();
        let mut ends = HashSet::new();
        for state in &states {
            let mut search = Search::new(model, segment);
            let ran = search.run(state, !is_last, &mut steps, &mut ends);
            if is_last && !ends.is_empty() {
                return Searched::Linearizable;
            }
            if ran.is_err() {
                return Searched::OutOfSteps;
            }
        }
        if ends.is_empty() && !segment.is_empty() {
            return Searched::Illegal;
        }
        if !ends.is_empty() {
            states = ends;
        }
        from = to;
    }
    Searched::Linearizable
}
