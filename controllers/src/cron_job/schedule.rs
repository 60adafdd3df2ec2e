//! When a CronJob wants a Job: five fields, or one word for them (CJ1), as the clocks of a time zone show.
//!
//! A minute counts if the clocks show what the fields mean. So what falls into an hour that is left out in
//! spring is left out that day, and what falls into an hour that comes twice in autumn is wanted twice, as
//! with upstream's schedules.

use super::calendar::{Day, MINUTES};
use keelson_apiserver::canonical::{Zone, parse_duration};

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
    zone: Zone,
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
    /// Reads a schedule in a time zone; one that stands before it counts more. `None`: it makes no sense,
    /// which validation has refused.
    pub fn parse(line: &str, zone: &Zone) -> Option<Schedule> {
        let (mut line, mut zone) = (line.trim(), zone.clone());
        if line.starts_with("TZ=") || line.starts_with("CRON_TZ=") {
            let (named, rest) = line.split_once(' ')?;
            zone = Zone::named(named.split_once('=')?.1)?;
            line = rest.trim();
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
            zone,
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
            Schedule::Fields(fields) => fields.next(after.div_euclid(60) + 1).map(|at| at * 60),
        }
    }

    /// The last time after one and not after another.
    pub fn latest(&self, after: i64, until: i64) -> Option<i64> {
        let found = match self {
            Schedule::Every(seconds) => after + (until - after).div_euclid(*seconds) * seconds,
            Schedule::Fields(fields) => fields.latest(until.div_euclid(60))? * 60,
        };
        (found > after).then_some(found)
    }
}

/// What clocks show.
struct Shown {
    day: i64,
    of_day: i64,
}

/// Minutes are counted from 1970 on, in UTC.
impl Fields {
    /// The first minute that is meant, from this one on.
    fn next(&self, first: i64) -> Option<i64> {
        let (mut at, end) = (first, first + DAYS_MAX * MINUTES);
        while at < end {
            let shown = self.shown(at);
            at = if !self.has_day(shown.day) {
                self.skip(at, MINUTES - shown.of_day)
            } else if !self.has_hour(shown.of_day) {
                self.skip(at, 60 - shown.of_day % 60)
            } else if has(self.minutes, small(shown.of_day % 60)) {
                return Some(at);
            } else {
                at + 1
            };
        }
        None
    }

    /// The last minute that is meant, up to this one.
    fn latest(&self, last: i64) -> Option<i64> {
        let (mut at, end) = (last, last - DAYS_MAX * MINUTES);
        while at > end {
            let shown = self.shown(at);
            at = if !self.has_day(shown.day) {
                self.skip(at, -shown.of_day - 1)
            } else if !self.has_hour(shown.of_day) {
                self.skip(at, -(shown.of_day % 60) - 1)
            } else if has(self.minutes, small(shown.of_day % 60)) {
                return Some(at);
            } else {
                at - 1
            };
        }
        None
    }

    fn shown(&self, at: i64) -> Shown {
        let local = (at * 60 + self.zone.offset_s(at * 60)).div_euclid(60);
        Shown {
            day: local.div_euclid(MINUTES),
            of_day: local.rem_euclid(MINUTES),
        }
    }

    /// So many minutes on, or to the first one with other clocks on the way there.
    fn skip(&self, at: i64, by: i64) -> i64 {
        let offset = |at: i64| self.zone.offset_s(at * 60);
        let here = offset(at);
        if offset(at + by) == here {
            return at + by;
        }
        // Clocks are not changed twice within a day.
        let (mut same, mut other) = (at, at + by);
        while (other - same).abs() > 1 {
            let middle = same + (other - same) / 2;
            match offset(middle) == here {
                true => same = middle,
                false => other = middle,
            }
        }
        other
    }

    fn has_day(&self, days: i64) -> bool {
        let day = Day::of(days);
        let (of_month, of_week) = (has(self.days, day.day), has(self.weekdays, day.weekday));
        let is_right = match self.is_both {
            true => of_month && of_week,
            false => of_month || of_week,
        };
        is_right && has(self.months, day.month)
    }

    fn has_hour(&self, of_day: i64) -> bool {
        has(self.hours, small(of_day / 60))
    }
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
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

    fn zone(name: &str) -> Zone {
        Zone::named(name).expect("a zone")
    }

    fn after(line: &str, from: &str) -> Option<String> {
        let schedule = Schedule::parse(line, &Zone::UTC).expect("a schedule");
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
            assert_eq!(Schedule::parse(line, &Zone::UTC), None, "{line}");
        }
        assert_eq!(Schedule::parse("TZ=Nowhere * * * * *", &Zone::UTC), None);
    }

    /// All times of a schedule from one moment on and before another.
    fn times(line: &str, name: &str, (from, until): (&str, &str)) -> Vec<String> {
        let schedule = Schedule::parse(line, &zone(name)).expect("a schedule");
        let (from, until) = (at(from), at(until));
        let all = std::iter::successors(schedule.next(from - 1), |time| schedule.next(*time));
        let all = all.take_while(|time| *time < until);
        all.map(|seconds| format_time(Instant { seconds, nanos: 0 }).expect("a time"))
            .collect()
    }

    #[test]
    fn cj1_times_are_those_of_the_clocks_of_a_zone() {
        let week = ("2026-01-05T00:00:00Z", "2026-01-08T00:00:00Z");
        for (line, name, wanted) in [
            ("0 9 * * tue", "Europe/Berlin", "2026-01-06T08:00:00Z"),
            ("0 9 * * tue", "Asia/Kathmandu", "2026-01-06T03:15:00Z"),
            // There it is Tuesday while it is still Monday here, and the other way around.
            ("0 1 * * tue", "Pacific/Kiritimati", "2026-01-05T11:00:00Z"),
            ("0 23 * * tue", "America/New_York", "2026-01-07T04:00:00Z"),
            (
                "CRON_TZ=Asia/Tokyo 0 9 * * tue",
                "Europe/Berlin",
                "2026-01-06T00:00:00Z",
            ),
        ] {
            assert_eq!(times(line, name, week), [wanted], "{line} {name}");
        }
    }

    #[test]
    fn cj1_an_hour_that_is_left_out_has_no_times_and_one_that_comes_twice_has_them_twice() {
        // Clocks go from 2 to 3 in the night of the 8th of March, from 2 to 1 in that of the 1st of November.
        let spring = ("2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z");
        let autumn = ("2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z");
        let york = "America/New_York";
        let none: [&str; 0] = [];
        for (line, span, wanted) in [
            ("30 2 * * *", spring, &["2026-03-09T06:30:00Z"][..]),
            ("30 2 8 3 *", spring, &none),
            ("0 3 8 3 *", spring, &["2026-03-08T07:00:00Z"]),
            (
                "0 0 * * *",
                spring,
                &["2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"],
            ),
            (
                "30 1 1 11 *",
                autumn,
                &["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"],
            ),
            ("0 2 1 11 *", autumn, &["2026-11-01T07:00:00Z"]),
            (
                "0 0 * * *",
                autumn,
                &["2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"],
            ),
        ] {
            assert_eq!(times(line, york, span), wanted, "{line}");
        }
        // Each hour has its time, whatever the clocks do: 23 and 25 of them in a day.
        let day = ("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
        assert_eq!(times("0 * 8 * *", york, day).len(), 23);
        let day = ("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
        assert_eq!(times("0 * 1 * *", york, day).len(), 25);
        // Half an hour, and a change at midnight.
        let howe = ("2026-04-04T14:00:00Z", "2026-04-04T16:00:00Z");
        assert_eq!(times("*/30 1 * * *", "Australia/Lord_Howe", howe).len(), 3);
        let beirut = ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
        assert_eq!(times("0 0 * * *", "Asia/Beirut", beirut), none);
    }

    proptest! {
        #[test]
        fn cj1_the_latest_time_is_the_last_of_those_that_come_one_after_another(
            line in prop::sample::select(&[
                "* * * * *", "*/7 3,5 * * *", "0 12 13 * fri", "1 1 1-5 */2 *", "@daily", "@every 17m",
            ][..]),
            name in prop::sample::select(&[
                "UTC", "America/New_York", "Asia/Beirut", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu",
            ][..]),
            from in 1_700_000_000_i64..1_900_000_000,
            length in 0_i64..3_000_000,
        ) {
            let schedule = Schedule::parse(line, &zone(name)).expect("a schedule");
            let (until, mut last, mut time) = (from + length, None, from);
            while let Some(next) = schedule.next(time).filter(|next| *next <= until) {
                prop_assert!(next > time);
                (last, time) = (Some(next), next);
            }
            prop_assert_eq!(schedule.latest(from, until), last);
        }

        #[test]
        fn cj1_no_minute_that_the_clocks_show_is_passed_over(
            line in prop::sample::select(&["*/7 1,3 * * *", "30 2 * * sun", "0 0 * * *", "*/20 23 1-9 * *"][..]),
            name in prop::sample::select(&["America/New_York", "Asia/Beirut", "Australia/Lord_Howe"][..]),
            from in 1_700_000_000_i64..1_900_000_000,
        ) {
            let Some(Schedule::Fields(fields)) = Schedule::parse(line, &zone(name)) else { unreachable!() };
            let first = from / 60;
            let is_meant = |minute: &i64| {
                let shown = fields.shown(*minute);
                fields.has_day(shown.day) && fields.has_hour(shown.of_day)
                    && has(fields.minutes, small(shown.of_day % 60))
            };
            let slow = (first..first + 10 * MINUTES).find(is_meant);
            prop_assert_eq!(fields.next(first).filter(|at| *at < first + 10 * MINUTES), slow);
        }
    }
}
