//! Jobs and what starts them.

use super::Kind;
use super::template::containers;
use crate::table::column::{AGE, CONTAINERS, Column, IMAGES, NAME, SELECTOR};
use crate::table::duration::human_duration;
use crate::table::object::Object;
use crate::table::selector::selector;
use crate::table::time;
use crate::table::value::{at, is_true};
use serde_json::Value;

pub(super) const KINDS: &[Kind] = &[
    Kind::new("batch", "Job", JOB, job),
    Kind::new("batch", "CronJob", CRON_JOB, cron_job),
];

const JOB: &[Column] = &[
    NAME,
    Column::text("Status", "How far the job has got"),
    Column::text("Completions", "Pods that succeeded, of those that have to"),
    Column::text("Duration", "How long it took, or has been taking"),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const CRON_JOB: &[Column] = &[
    NAME,
    Column::text("Schedule", "When jobs are started, as cron writes it"),
    Column::text("Timezone", "Whose time the schedule means"),
    Column::boolean("Suspend", "No further jobs are started"),
    Column::integer("Active", "Jobs that are running"),
    Column::text("Last Schedule", "How long ago a job was last started"),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

fn job(object: &Object<'_>) -> Vec<Value> {
    let [names, images] = containers(object, "spec.template.spec.containers");
    vec![
        object.name(),
        status(object).into(),
        completions(object).into(),
        duration(object).into(),
        object.age(),
        names,
        images,
        selector(object.value, "spec.selector").into(),
    ]
}

fn status(object: &Object<'_>) -> &'static str {
    let conditions = object.list("status.conditions");
    let has = |kind| is_true(conditions, kind);
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if object.is_going() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(object: &Object<'_>) -> String {
    let succeeded = object.int("status.succeeded");
    let parallelism = object.int("spec.parallelism");
    match at(object.value, "spec.completions").and_then(Value::as_i64) {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        // One success ends a job that has no number of its own.
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

fn duration(object: &Object<'_>) -> String {
    let Some(from_us) = time::parse(object.text("status.startTime")) else {
        return String::new();
    };
    let to_us = time::parse(object.text("status.completionTime")).unwrap_or(object.now_us);
    human_duration(to_us.saturating_sub(from_us))
}

fn cron_job(object: &Object<'_>) -> Vec<Value> {
    let [names, images] = containers(object, "spec.jobTemplate.spec.template.spec.containers");
    let suspend = match at(object.value, "spec.suspend").and_then(Value::as_bool) {
        None => "<unset>",
        Some(true) => "True",
        Some(false) => "False",
    };
    let last = match object.has("status.lastScheduleTime") {
        true => object.since("status.lastScheduleTime"),
        false => "<none>".to_owned(),
    };
    let time_zone = at(object.value, "spec.timeZone").and_then(Value::as_str);
    vec![
        object.name(),
        object.text("spec.schedule").into(),
        time_zone.unwrap_or("<none>").into(),
        suspend.into(),
        object.list("status.active").len().into(),
        last.into(),
        object.age(),
        names,
        images,
        selector(object.value, "spec.jobTemplate.spec.selector").into(),
    ]
}
