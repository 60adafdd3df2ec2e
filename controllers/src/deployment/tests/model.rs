//! D5: whole rollouts in a small model. Sets make and delete Pods one by one, Pods become ready, available
//! and gone, in any order; users change the template in between, also back. At every moment there are
//! never more Pods than replicas and surge, never fewer available ones than replicas without those that
//! may be missing; and when everybody does what is to be done, it ends.
//!
//! Where Pods must be ready for some time to be available, a Pod that becomes ready just when its set is
//! to lose one can make an available one go in its place: which of the ready ones goes is not decided
//! here. The model leaves that moment out.

use super::super::status;
use super::*;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    Available,
    Going,
}

#[derive(Debug)]
struct ModelSet {
    image: usize,
    set: Set,
    pods: Vec<State>,
    /// Pods must be ready for some time to be available.
    waits: bool,
}

impl ModelSet {
    fn count(&self, states: &[State]) -> i32 {
        let pods = self.pods.iter().filter(|pod| states.contains(pod));
        i32::try_from(pods.count()).expect("few Pods")
    }

    fn active(&self) -> i32 {
        self.count(&[State::Starting, State::Ready, State::Available])
    }

    /// One Pod more or less, if that is wanted. Of those that serve any may go, of the others first.
    fn act(&mut self, pick: usize) {
        match self.active().cmp(&self.set.wanted()) {
            std::cmp::Ordering::Less => self.pods.push(State::Starting),
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => {
                let at = |states: &[State]| {
                    let pods = self.pods.iter().enumerate();
                    let of = pods.filter(|(_, pod)| states.contains(pod));
                    let of: Vec<usize> = of.map(|(at, _)| at).collect();
                    (!of.is_empty()).then(|| of[pick % of.len()])
                };
                let first = at(&[State::Starting]);
                let at = first.or_else(|| at(&[State::Ready, State::Available]));
                self.pods[at.expect("a Pod too many")] = State::Going;
            }
        }
    }

    fn step(&mut self, pick: usize) {
        let lags = self.active() > self.set.wanted();
        if let Some(at) = pick.checked_rem(self.pods.len()) {
            self.pods[at] = match self.pods[at] {
                State::Starting if !self.waits => State::Available,
                State::Starting if !lags => State::Ready,
                State::Ready => State::Available,
                other => other,
            };
        }
    }

    fn count_pods(&mut self) {
        self.set.pods = Pods {
            left: i32::try_from(self.pods.len()).expect("few Pods"),
            active: self.active(),
            ready: self.count(&[State::Ready, State::Available]),
            available: self.count(&[State::Available]),
            next: None,
        };
    }

    fn report(&mut self) {
        self.count_pods();
        let (pods, set) = (self.set.pods, Arc::make_mut(&mut self.set.set));
        set.status.observed_generation = set.metadata.generation;
        set.status.replicas = pods.active;
        set.status.ready_replicas = pods.ready;
        set.status.available_replicas = pods.available;
    }
}

struct Model {
    deployment: Arc<Deployment>,
    sets: Vec<ModelSet>,
    most: i32,
    least: i32,
    waits: bool,
}

impl Model {
    /// So many Pods of the image 0, all available.
    fn new(replicas: i32, surge: i32, unavailable: i32, waits: bool) -> Model {
        let strategy = rolling(json!(surge), json!(unavailable));
        let deployment = deployment(json!({
            "replicas": replicas, "strategy": strategy, "template": template("0"),
        }));
        let mut model = Model {
            deployment: Arc::new(deployment),
            sets: Vec::new(),
            most: replicas + surge,
            least: (replicas - unavailable).max(0),
            waits,
        };
        model.look();
        model.sets[0].pods = vec![State::Available; usize::try_from(replicas).expect("a number")];
        model
    }

    fn seen(&mut self) -> Observed {
        self.sets.iter_mut().for_each(ModelSet::count_pods);
        Observed {
            deployment: self.deployment.clone(),
            sets: self.sets.iter().map(|set| set.set.clone()).collect(),
            orphans: Vec::new(),
            now_us: START_US,
        }
    }

    /// A look of the controller. Says whether there was anything to do about the sets.
    fn look(&mut self) -> bool {
        let seen = self.seen();
        let mut has_acted = false;
        for step in plan(&seen).steps {
            match step {
                Step::Create { object, .. } => self.create(&object),
                Step::Scale {
                    set,
                    to,
                    annotations,
                    ..
                } => {
                    let set = self.set(&set.metadata.name);
                    set.spec.replicas = Some(to);
                    set.metadata.generation += 1;
                    note(set, &annotations);
                }
                Step::Note { set, patch } => {
                    note(
                        self.set(&set.metadata.name),
                        &patch["metadata"]["annotations"],
                    );
                }
                Step::Tell { patch } => {
                    self.tell(&seen, &patch);
                    continue;
                }
                Step::Own { .. } | Step::Delete { .. } => panic!("{step:?}"),
            }
            has_acted = true;
        }
        has_acted
    }

    fn create(&mut self, object: &Value) {
        let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
        let image = image.as_str().and_then(|image| image.parse().ok());
        let mut set: Replicas = serde_json::from_value(object.clone()).expect("a ReplicaSet");
        set.metadata.uid.clone_from(&set.metadata.name);
        set.metadata.generation = 1;
        set.metadata.creation_timestamp = Some(format!("{:04}", self.sets.len()));
        self.sets.push(ModelSet {
            image: image.expect("an image"),
            set: Set {
                set: Arc::new(set),
                pods: Pods::default(),
            },
            pods: Vec::new(),
            waits: self.waits,
        });
    }

    fn set(&mut self, name: &str) -> &mut Replicas {
        let found = self.sets.iter_mut().find(|set| set.set.name() == name);
        Arc::make_mut(&mut found.expect("a set").set.set)
    }

    fn tell(&mut self, seen: &Observed, patch: &Value) {
        let deployment = Arc::make_mut(&mut self.deployment);
        deployment.status = status::status(seen, true);
        let annotations = patch["metadata"]["annotations"].as_object();
        for (name, value) in annotations.into_iter().flatten() {
            let value = value.as_str().expect("a text").to_owned();
            deployment.metadata.annotations.insert(name.clone(), value);
        }
    }

    /// Something happens: what, and to which.
    fn happen(&mut self, what: u8, pick: usize) {
        let at = pick % self.sets.len();
        match what {
            0..6 => {
                self.look();
            }
            6..12 => self.sets[at].act(pick),
            12..18 => self.sets[at].step(pick / 5),
            18..20 => self.sets[at].pods.retain(|pod| *pod != State::Going),
            20..23 => self.sets[at].report(),
            _ => self.roll_out(pick % 4),
        }
    }

    fn roll_out(&mut self, image: usize) {
        let deployment = Arc::make_mut(&mut self.deployment);
        deployment.spec.template = template(&image.to_string());
        deployment.metadata.generation += 1;
    }

    fn check(&self) {
        let active: i32 = self.sets.iter().map(ModelSet::active).sum();
        assert!(
            active <= self.most,
            "{active} Pods, at most {}: {:?}",
            self.most,
            self.pods()
        );
        let available: i32 = self
            .sets
            .iter()
            .map(|set| set.count(&[State::Available]))
            .sum();
        let least = self.least;
        assert!(
            available >= least,
            "{available} Pods, at least {least}: {:?}",
            self.pods()
        );
    }

    fn pods(&self) -> Vec<(usize, i32, &[State])> {
        let sets = self.sets.iter();
        sets.map(|set| (set.image, set.set.wanted(), set.pods.as_slice()))
            .collect()
    }

    /// Everybody does what is to be done, until nothing is.
    fn finish(&mut self) {
        for _ in 0..500 {
            let has_acted = self.look();
            self.check();
            if !has_acted && self.is_done() {
                return;
            }
            for at in 0..self.sets.len() {
                for pick in 0..self.sets[at].pods.len() {
                    self.sets[at].step(pick);
                }
                self.sets[at].act(at);
                self.sets[at].pods.retain(|pod| *pod != State::Going);
                self.sets[at].report();
                self.check();
            }
        }
        panic!("it does not end: {:?}", self.pods());
    }

    fn is_done(&mut self) -> bool {
        let seen = self.seen();
        status::is_complete(&seen, &seen.deployment.status)
    }
}

fn note(set: &mut Replicas, annotations: &Value) {
    for (name, value) in annotations.as_object().into_iter().flatten() {
        let value = value.as_str().expect("a text").to_owned();
        set.metadata.annotations.insert(name.clone(), value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn d5_never_too_many_and_never_too_few_and_every_rollout_ends(
        replicas in 1..9_i32,
        (surge, unavailable) in (0..4_i32, 0..4_i32).prop_filter("one of both", |both| *both != (0, 0)),
        waits in any::<bool>(),
        events in prop::collection::vec((0..24_u8, 0..1000_usize), 0..150),
    ) {
        let mut model = Model::new(replicas, surge, unavailable.min(replicas), waits);
        model.check();
        model.roll_out(1);
        for (what, pick) in events {
            model.happen(what, pick);
            model.check();
        }
        model.finish();
        let seen = model.seen();
        let new = seen.new_set().expect("a set of the template").name().to_owned();
        for set in &model.sets {
            let expected = if set.set.name() == new { replicas } else { 0 };
            prop_assert_eq!(set.active(), expected, "{:?}", model.pods());
        }
    }
}
