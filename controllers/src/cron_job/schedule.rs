//! When a CronJob wants a Job: five fields, or one word for them (CJ1). All in UTC.

use super::calendar::{Day, MINUTES};
use keelson_apiserver::canonical::parse_duration;

/// A schedule that has no time in so many days has none: there is a leap day at least every eight years.
const DAYS_MAX: i64 = 8 * 366;

/// When. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// At minutes that the fields mean.
    Fields(Fields),
    /// Again and again after so many seconds.
    Every(i64),
}

/// Each is a set of numbers, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Days of the month and of the week must both be right; else one of them.
    is_both: bool,
}

struct Bounds {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const BOUNDS: [Bounds; 5] = [
    numbers(0, 59),
    numbers(0, 23),
    numbers(1, 31),
    Bounds {
        least: 1,
        most: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Bounds {
        least: 0,
        most: 6,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

const fn numbers(least: u32, most: u32) -> Bounds {
    Bounds {
        least,
        most,
        names: &[],
    }
}

impl Schedule {
    /// Reads a schedule. A time zone before it is passed over. `None`: it makes no sense, which validation
    /// has refused.
    pub fn parse(line: &str) -> Option<Schedule> {
        let mut line = line.trim();
        if line.starts_with("TZ=") || line.starts_with("CRON_TZ=") {
            line = line.split_once(' ')?.1.trim();
        }
        if let Some(every) = line.strip_prefix("@every ") {
            let seconds = parse_duration(every).ok()? / 1_000_000_000;
            return Some(Schedule::Every(seconds.max(1)));
        }
        let line = match line {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            line => line,
        };
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = parts.as_slice() else {
            return None;
        };
        let (days, any_day) = set(days, &BOUNDS[2])?;
        let (weekdays, any_weekday) = set(weekdays, &BOUNDS[4])?;
        Some(Schedule::Fields(Fields {
            minutes: set(minutes, &BOUNDS[0])?.0,
            hours: set(hours, &BOUNDS[1])?.0,
            days,
            months: set(months, &BOUNDS[3])?.0,
            weekdays,
            is_both: any_day || any_weekday,
        }))
    }

    /// The first time after this one. `None`: there is none.
    pub fn next(&self, after: i64) -> Option<i64> {
        match self {
            Schedule::Every(seconds) => Some(after + seconds),
            Schedule::Fields(fields) => {
                let first = after.div_euclid(60) + 1;
                let days = first.div_euclid(MINUTES)..;
                let mut days = days
                    .take(DAYS_MAX as usize)
                    .filter(|day| fields.has_day(*day));
                days.find_map(|day| {
                    let from = (first - day * MINUTES).max(0);
                    (from..MINUTES)
                        .find(|minute| fields.has_minute(*minute))
                        .map(|minute| (day * MINUTES + minute) * 60)
                })
            }
        }
    }

    /// The last time after one and not after another.
    pub fn latest(&self, after: i64, until: i64) -> Option<i64> {
        let found = match self {
            Schedule::Every(seconds) => after + (until - after).div_euclid(*seconds) * seconds,
            Schedule::Fields(fields) => {
                let last = until.div_euclid(60);
                let days = (0..DAYS_MAX).map(|back| last.div_euclid(MINUTES) - back);
                let mut days = days.filter(|day| fields.has_day(*day));
                days.find_map(|day| {
                    let to = (last - day * MINUTES).min(MINUTES - 1);
                    (0..=to)
                        .rev()
                        .find(|minute| fields.has_minute(*minute))
                        .map(|minute| (day * MINUTES + minute) * 60)
                })?
            }
        };
        (found > after).then_some(found)
    }
}

impl Fields {
    fn has_day(&self, days: i64) -> bool {
        let day = Day::of(days);
        let (of_month, of_week) = (has(self.days, day.day), has(self.weekdays, day.weekday));
        let is_right = match self.is_both {
            true => of_month && of_week,
            false => of_month || of_week,
        };
        is_right && has(self.months, day.month)
    }

    fn has_minute(&self, of_day: i64) -> bool {
        let number = |number: i64| u32::try_from(number).unwrap_or_default();
        has(self.hours, number(of_day / 60)) && has(self.minutes, number(of_day % 60))
    }
}

fn has(set: u64, number: u32) -> bool {
    set >> number & 1 == 1
}

/// The numbers of a field, and whether it is a plain star.
fn set(text: &str, bounds: &Bounds) -> Option<(u64, bool)> {
    let (mut all, mut is_star) = (0, false);
    for expression in text.split(',').filter(|expression| !expression.is_empty()) {
        let (span, step) = match expression.split_once('/') {
            Some((span, step)) => (span, Some(step.parse::<usize>().ok()?)),
            None => (expression, None),
        };
        let (first, last) = match span.split_once('-') {
            _ if span.starts_with(['*', '?']) => {
                is_star |= step.is_none_or(|step| step == 1);
                (bounds.least, bounds.most)
            }
            Some((first, last)) => (number(first, bounds)?, number(last, bounds)?),
            None => {
                let only = number(span, bounds)?;
                (only, if step.is_some() { bounds.most } else { only })
            }
        };
        if first < bounds.least || last > bounds.most || first > last || step == Some(0) {
            return None;
        }
        for number in (first..=last).step_by(step.unwrap_or(1)) {
            all |= 1 << number;
        }
    }
    Some((all, is_star))
}

fn number(text: &str, bounds: &Bounds) -> Option<u32> {
    let lower = text.to_lowercase();
    let named = bounds.names.iter().position(|name| *name == lower);
    match named {
        Some(index) => Some(bounds.least + u32::try_from(index).ok()?),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apiserver::canonical::{Instant, format_time};
    use proptest::prelude::*;

    fn at(text: &str) -> i64 {
        Instant::parse(text).expect("a time").seconds
    }

    fn after(line: &str, from: &str) -> Option<String> {
        let schedule = Schedule::parse(line).expect("a schedule");
        let seconds = schedule.next(at(from))?;
        format_time(Instant { seconds, nanos: 0 })
    }

    #[test]
    fn cj1_the_next_time_is_the_first_one_that_all_fields_mean() {
        // A Thursday.
        let from = "2026-01-01T00:00:30Z";
        for (line, next) in [
            ("* * * * *", "2026-01-01T00:01:00Z"),
            ("*/15 * * * *", "2026-01-01T00:15:00Z"),
            ("7/20 3 * * *", "2026-01-01T03:07:00Z"),
            ("0 0 * * *", "2026-01-02T00:00:00Z"),
            ("30 9-17/4 * * mon-fri", "2026-01-01T09:30:00Z"),
            ("0 12 * * SUN", "2026-01-04T12:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("0 0 31 4,5 *", "2026-05-31T00:00:00Z"),
            // Two days are given: either will do.
            ("0 0 13 * fri", "2026-01-02T00:00:00Z"),
            // One is a star: both must be right. A star with a step is none.
            ("0 0 13 * *", "2026-01-13T00:00:00Z"),
            ("0 0 */2 * fri", "2026-01-02T00:00:00Z"),
            ("@hourly", "2026-01-01T01:00:00Z"),
            ("@weekly", "2026-01-04T00:00:00Z"),
            ("@yearly", "2027-01-01T00:00:00Z"),
            ("@every 90s", "2026-01-01T00:02:00Z"),
            ("TZ=UTC 5 * * * *", "2026-01-01T00:05:00Z"),
        ] {
            assert_eq!(after(line, from).as_deref(), Some(next), "{line}");
        }
        assert_eq!(after("0 0 31 2 *", from), None);
        for line in [
            "",
            "* * * *",
            "60 * * * *",
            "* * * * 7",
            "*/0 * * * *",
            "5-3 * * * *",
        ] {
            assert_eq!(Schedule::parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn cj1_the_latest_time_is_the_last_of_those_that_come_one_after_another(
            line in prop::sample::select(&[
                "* * * * *", "*/7 3,5 * * *", "0 12 13 * fri", "1 1 1-5 */2 *", "@daily", "@every 17m",
            ][..]),
            from in 1_700_000_000_i64..1_900_000_000,
            length in 0_i64..3_000_000,
        ) {
            let schedule = Schedule::parse(line).expect("a schedule");
            let (until, mut last, mut time) = (from + length, None, from);
            while let Some(next) = schedule.next(time).filter(|next| *next <= until) {
                prop_assert!(next > time);
                (last, time) = (Some(next), next);
            }
            prop_assert_eq!(schedule.latest(from, until), last);
        }
    }
}
