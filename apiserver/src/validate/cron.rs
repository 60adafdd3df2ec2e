//! CronJobs, and how times are written in them.

use super::at::{At, Errors};
use super::job;
use crate::canonical::{Zone, parse_duration};

/// The name of a Job is that of its CronJob and eleven characters more.
const NAME_MAX: usize = 52;

/// A new CronJob.
pub(super) fn create(object: &At<'_>, errors: &mut Errors) {
    check(object, None, errors);
    let name = object.dig(&["metadata", "name"]);
    if name.text().len() > NAME_MAX {
        errors.push(name.invalid(format!("must be no more than {NAME_MAX} characters")));
    }
}

/// A CronJob that changes.
pub(super) fn update(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    check(new, Some(old), errors);
}

fn check(object: &At<'_>, old: Option<&At<'_>>, errors: &mut Errors) {
    let spec = object.get("spec");
    let old = old.map(|old| old.get("spec"));
    let text = |at: &At<'_>, field: &'static str| at.get(field).text().to_owned();
    let schedule_at = spec.get("schedule");
    match schedule_at.text() {
        "" => errors.push(schedule_at.required("")),
        line => {
            let had_zone = old
                .as_ref()
                .is_some_and(|old| text(old, "schedule").contains("TZ"));
            schedule(
                &schedule_at,
                line,
                had_zone,
                spec.get("timeZone").is_set(),
                errors,
            );
        }
    }
    spec.get("startingDeadlineSeconds").nonnegative(errors);
    let zone_at = spec.get("timeZone");
    let is_new = old.is_none_or(|old| text(&old, "timeZone") != zone_at.text());
    if is_new && zone_at.is_set() {
        zone(&zone_at, errors);
    }
    let policy = spec.get("concurrencyPolicy");
    policy.choice(&["Allow", "Forbid", "Replace"], errors);
    let template = spec.dig(&["jobTemplate", "spec"]);
    job::check(&template, errors);
    let selector = template.get("selector");
    if selector.is_set() {
        errors.push(selector.invalid("`selector` will be auto-generated"));
    }
    let manual = template.get("manualSelector");
    if manual.flag() {
        errors.push(manual.not_supported(&["nil", "false"]));
    }
    spec.get("successfulJobsHistoryLimit").nonnegative(errors);
    spec.get("failedJobsHistoryLimit").nonnegative(errors);
}

fn schedule(at: &At<'_>, line: &str, had_zone: bool, has_field: bool, errors: &mut Errors) {
    if let Err(what) = parse(line) {
        errors.push(at.invalid(what));
    }
    if line.contains("TZ") && had_zone && has_field {
        let what = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
        errors.push(at.invalid(what));
    } else if line.contains("TZ") && !had_zone {
        let what = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.push(at.invalid(what));
    }
}

fn zone(at: &At<'_>, errors: &mut Errors) {
    let name = at.text();
    if name.is_empty() {
        errors.push(at.invalid("timeZone must be nil or non-empty string"));
    } else if name.eq_ignore_ascii_case("Local") {
        errors.push(at.invalid(
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
        ));
    } else if Zone::named(name).is_none() {
        errors.push(at.invalid(format!("unknown time zone {name}")));
    }
}

/// A part of a time: its bounds, and names of its numbers.
struct Field {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const fn numbers(least: u32, most: u32) -> Field {
    Field {
        least,
        most,
        names: &[],
    }
}

/// Names stand for numbers from the least on.
const FIELDS: [Field; 5] = [
    numbers(0, 59),
    numbers(0, 23),
    numbers(1, 31),
    Field {
        least: 1,
        most: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Field {
        least: 0,
        most: 6,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

/// Whether a line of five fields, or one word for it, says when.
///
/// # Errors
/// What the client should know, in upstream's words.
fn parse(line: &str) -> Result<(), String> {
    let mut line = line;
    if line.starts_with("TZ=") || line.starts_with("CRON_TZ=") {
        line = line.split_once(' ').map_or("", |(_, rest)| rest).trim();
    }
    if line.starts_with('@') {
        return word(line);
    }
    let parts: Vec<&str> = line.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        let (wanted, found) = (FIELDS.len(), parts.len());
        let parts = parts.join(" ");
        return Err(format!(
            "expected exactly {wanted} fields, found {found}: [{parts}]"
        ));
    }
    for (part, field) in parts.iter().zip(&FIELDS) {
        for expression in part.split(',').filter(|expression| !expression.is_empty()) {
            range(expression, field)?;
        }
    }
    Ok(())
}

fn word(line: &str) -> Result<(), String> {
    const WORDS: &[&str] = &[
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ];
    if WORDS.contains(&line) {
        return Ok(());
    }
    let Some(every) = line.strip_prefix("@every ") else {
        return Err(format!("unrecognized descriptor: {line}"));
    };
    match parse_duration(every) {
        Ok(_) => Ok(()),
        Err(what) => Err(format!("failed to parse duration {line}: {what}")),
    }
}

fn range(expression: &str, field: &Field) -> Result<(), String> {
    let (span, step) = match expression.split_once('/') {
        Some((_, step)) if step.contains('/') => {
            return Err(format!("too many slashes: {expression}"));
        }
        Some((span, step)) => (span, Some(step)),
        None => (expression, None),
    };
    let parts: Vec<&str> = span.split('-').collect();
    let (start, mut end) = match parts.as_slice() {
        ["*" | "?", ..] => (field.least, field.most),
        [only] => {
            let number = number(only, field)?;
            (number, number)
        }
        [from, to] => (number(from, field)?, number(to, field)?),
        _ => return Err(format!("too many hyphens: {expression}")),
    };
    if let Some(step) = step {
        let every = plain_number(step)?;
        if parts.len() == 1 {
            end = field.most;
        }
        if every == 0 {
            return Err(format!(
                "step of range should be a positive number: {expression}"
            ));
        }
    }
    let Field { least, most, .. } = field;
    if start < *least {
        let what = format!("beginning of range ({start}) below minimum ({least})");
        return Err(format!("{what}: {expression}"));
    }
    if end > *most {
        return Err(format!(
            "end of range ({end}) above maximum ({most}): {expression}"
        ));
    }
    if start > end {
        let what = format!("beginning of range ({start}) beyond end of range ({end})");
        return Err(format!("{what}: {expression}"));
    }
    Ok(())
}

fn number(text: &str, field: &Field) -> Result<u32, String> {
    let lower = text.to_lowercase();
    let named = field.names.iter().position(|name| *name == lower);
    match named.and_then(|index| u32::try_from(index).ok()) {
        Some(index) => Ok(field.least + index),
        None => plain_number(text),
    }
}

fn plain_number(text: &str) -> Result<u32, String> {
    let quoted = crate::status::text::quote(text);
    match text.parse::<i64>() {
        Ok(number) if number < 0 => Err(format!("negative number ({number}) not allowed: {text}")),
        Ok(number) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
        Err(_) => Err(format!(
            "failed to parse int from {text}: strconv.Atoi: parsing {quoted}: invalid syntax"
        )),
    }
}
