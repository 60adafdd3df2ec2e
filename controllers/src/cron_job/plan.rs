//! What is to be done about a CronJob now, and when it is to be looked at again.

use super::calendar::written;
use super::schedule::Schedule;
use crate::objects::{CronJob, CronJobStatus, Job, Key, is_true};
use crate::pods::micros;
use crate::runtime::{World, seconds};
use keelson_apiserver::canonical::Zone;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// More times than this that were missed are worth telling.
const MISSED_MAX: usize = 100;
/// A look comes a little after the time it is for.
const AFTER: Duration = Duration::from_millis(100);

/// A CronJob and its Jobs.
#[derive(Debug)]
pub struct Observed {
    /// The CronJob.
    pub cron: Arc<CronJob>,
    /// The Jobs that it manages.
    pub jobs: Vec<Arc<Job>>,
    /// Microseconds since 1970.
    pub now_us: i64,
}

/// What users are told: whether it is a warning, a reason, a message.
pub type Told = (bool, &'static str, String);

/// See the module.
#[derive(Debug, Default)]
pub struct Plan {
    /// The status, but for the Job that is started.
    pub status: CronJobStatus,
    /// Jobs that go.
    pub removed: Vec<Arc<Job>>,
    /// A Job is started for this time, in seconds since 1970.
    pub started: Option<i64>,
    /// What users are told.
    pub told: Vec<Told>,
    /// When it is to be looked at again.
    pub again: Option<Duration>,
}

impl Observed {
    /// The CronJob of this key.
    pub fn of(world: &World, key: &Key, now_us: i64) -> Option<Observed> {
        let cron = world.cron_jobs.get(key)?.clone();
        let jobs = world.jobs.controlled_by(&cron.metadata.uid);
        Some(Observed {
            jobs: jobs.cloned().collect(),
            cron,
            now_us,
        })
    }

    fn job(&self, name: &str) -> Option<&Arc<Job>> {
        self.jobs.iter().find(|job| job.metadata.name == name)
    }
}

/// The condition by which a Job is over.
pub fn finished(job: &Job) -> Option<&'static str> {
    ["Complete", "Failed"]
        .into_iter()
        .find(|kind| is_true(&job.status.conditions, kind))
}

/// The name of the Job for a time: two who start it collide.
pub fn name(cron: &CronJob, time: i64) -> String {
    format!("{}-{}", cron.metadata.name, time.div_euclid(60))
}

/// The time zone of a schedule. `None`: it has a name that nobody knows.
pub fn zone(cron: &CronJob) -> Option<Zone> {
    let named = cron.spec.time_zone.as_deref();
    named.map_or(Some(Zone::UTC), Zone::named)
}

/// A Job that runs, as the status lists it.
pub fn reference(namespace: &str, name: &str, uid: &str, revision: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "namespace": namespace, "name": name,
        "uid": uid, "resourceVersion": revision,
    })
}

/// What is to be done.
pub fn plan(observed: &Observed) -> Plan {
    let mut plan = Plan {
        status: observed.cron.status.clone(),
        ..Plan::default()
    };
    plan.catch_up(observed);
    plan.forget(observed);
    let spec = &observed.cron.spec;
    if observed.cron.metadata.is_deleting() || spec.suspend {
        return plan;
    }
    let Some(zone) = zone(&observed.cron) else {
        let name = spec.time_zone.as_deref().unwrap_or_default();
        let message = format!("invalid timeZone: {name:?}: unknown time zone {name}");
        plan.told.push((true, "UnknownTimeZone", message));
        return plan;
    };
    let Some(schedule) = Schedule::parse(&spec.schedule, &zone) else {
        let message = format!("unparseable schedule: {:?}", spec.schedule);
        plan.told.push((true, "UnparseableSchedule", message));
        return plan;
    };
    let now = observed.now_us.div_euclid(1_000_000);
    plan.again = schedule.next(now).map(|next| {
        let left_us = u64::try_from(next * 1_000_000 - observed.now_us);
        Duration::from_micros(left_us.unwrap_or_default()) + AFTER
    });
    if let Some(time) = plan.due(observed, &schedule, now) {
        plan.start(observed, time, now);
    }
    plan
}

impl Plan {
    /// Notes what became of Jobs.
    fn catch_up(&mut self, observed: &Observed) {
        let uid = |reference: &Value| reference["uid"].as_str().unwrap_or_default().to_owned();
        for listed in std::mem::take(&mut self.status.active) {
            let name = listed["name"].as_str().unwrap_or_default();
            let job = observed.job(name);
            match job.filter(|job| job.metadata.uid == uid(&listed)) {
                None => {
                    let message = format!("Active job went missing: {name}");
                    self.told.push((false, "MissingJob", message));
                }
                Some(job) => match finished(job) {
                    None => self.status.active.push(listed),
                    Some(condition) => {
                        let message = format!("Saw completed job: {name}, condition: {condition}");
                        self.told.push((false, "SawCompletedJob", message));
                    }
                },
            }
        }
        let complete = observed.jobs.iter();
        let complete = complete.filter(|job| finished(job) == Some("Complete"));
        let times = complete.filter_map(|job| job.status.completion_time.clone());
        self.status.last_successful_time =
            times.chain(self.status.last_successful_time.take()).max();
    }

    /// Removes the oldest Jobs that are over, beyond what is kept.
    fn forget(&mut self, observed: &Observed) {
        let spec = &observed.cron.spec;
        for (condition, kept) in [
            ("Complete", spec.successful_jobs_history_limit.unwrap_or(3)),
            ("Failed", spec.failed_jobs_history_limit.unwrap_or(1)),
        ] {
            let jobs = observed.jobs.iter();
            let mut jobs: Vec<_> = jobs
                .filter(|job| finished(job) == Some(condition) && !job.metadata.is_deleting())
                .cloned()
                .collect();
            jobs.sort_by_key(|job| (job.status.start_time.clone(), job.metadata.name.clone()));
            let kept = usize::try_from(kept).unwrap_or_default();
            jobs.truncate(jobs.len().saturating_sub(kept));
            self.removed.append(&mut jobs);
        }
    }

    /// The last time for which no Job was started yet.
    fn due(&mut self, observed: &Observed, schedule: &Schedule, now: i64) -> Option<i64> {
        let (meta, spec) = (&observed.cron.metadata, &observed.cron.spec);
        let at =
            |text: &Option<String>| micros(text.as_deref()?).map(|us| us.div_euclid(1_000_000));
        let since = at(&self.status.last_schedule_time).or_else(|| at(&meta.creation_timestamp));
        let mut since = since.unwrap_or(now);
        if let Some(late) = spec.starting_deadline_seconds {
            since = since.max(now.saturating_sub(late));
        }
        let time = schedule.latest(since, now)?;
        let times = std::iter::successors(schedule.next(since), |time| schedule.next(*time));
        if times
            .take_while(|time| *time <= now)
            .take(MISSED_MAX + 1)
            .count()
            > MISSED_MAX
        {
            let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.told
                .push((true, "TooManyMissedTimes", message.to_owned()));
        }
        Some(time)
    }

    fn start(&mut self, observed: &Observed, time: i64, now: i64) {
        let (cron, spec) = (&observed.cron, &observed.cron.spec);
        if spec
            .starting_deadline_seconds
            .is_some_and(|late| time + late < now)
        {
            let message = format!("Missed scheduled time to start a job: {}", written(time));
            self.told.push((true, "MissSchedule", message));
            return;
        }
        let namespace = &cron.metadata.namespace;
        if let Some(job) = observed.job(&name(cron, time)) {
            // It was started, and nobody got so far as to note it.
            self.status.last_schedule_time = Some(seconds(time * 1_000_000));
            if finished(job).is_none() {
                let meta = &job.metadata;
                let revision = meta.revision.to_string();
                let reference = reference(namespace, &meta.name, &meta.uid, &revision);
                self.status.active.push(reference);
            }
            return;
        }
        match spec.concurrency_policy.as_str() {
            "Forbid" if !self.status.active.is_empty() => {
                let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.told
                    .push((false, "JobAlreadyActive", message.to_owned()));
                return;
            }
            "Replace" => {
                let active = std::mem::take(&mut self.status.active);
                let names = active.iter().filter_map(|one| one["name"].as_str());
                let jobs = names.filter_map(|name| observed.job(name));
                self.removed.extend(jobs.cloned());
            }
            _ => {}
        }
        self.started = Some(time);
    }
}
