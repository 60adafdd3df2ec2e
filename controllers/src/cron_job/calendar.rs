//! Days and their names, and moments as people write them.

use crate::runtime::seconds;

/// In a day.
pub const MINUTES: i64 = 24 * 60;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The year.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 is Sunday.
    pub weekday: u32,
}

impl Day {
    /// The day that begins so many days after 1970-01-01.
    pub fn of(days: i64) -> Day {
        // Years begin in March here, so that the day that is not always there is the last one.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let small = |number: i64| u32::try_from(number).unwrap_or_default();
        Day {
            year: year + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(day),
            weekday: small((days + 4).rem_euclid(7)),
        }
    }
}

/// A moment as people write it: `Thu, 01 Jan 2026 00:00:00 +0000`.
pub fn written(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let day = Day::of(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
        DAYS[day.weekday as usize],
        day.day,
        MONTHS[day.month as usize - 1],
        day.year,
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

/// A moment as the clocks show it that are so many seconds ahead of UTC, in RFC 3339.
pub fn shown(at_s: i64, ahead_s: i64) -> String {
    let local = seconds((at_s + ahead_s) * 1_000_000);
    if ahead_s == 0 {
        return local;
    }
    let (sign, minutes) = (if ahead_s < 0 { '-' } else { '+' }, ahead_s.abs() / 60);
    let local = local.trim_end_matches('Z');
    format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_names() {
        for (days, year, month, day, weekday) in [
            (0, 1970, 1, 1, 4),
            (-1, 1969, 12, 31, 3),
            (59, 1970, 3, 1, 0),
            (11_016, 2000, 2, 29, 2),
            (20_454, 2026, 1, 1, 4),
            (47_540, 2100, 2, 28, 0),
            (47_541, 2100, 3, 1, 1),
        ] {
            let wanted = Day {
                year,
                month,
                day,
                weekday,
            };
            assert_eq!(Day::of(days), wanted, "{days}");
        }
        assert_eq!(written(1_767_225_661), "Thu, 01 Jan 2026 00:01:01 +0000");
        for (ahead_s, wanted) in [
            (0, "2026-01-01T00:01:01Z"),
            (3_600, "2026-01-01T01:01:01+01:00"),
            (20_700, "2026-01-01T05:46:01+05:45"),
            (-12_600, "2025-12-31T20:31:01-03:30"),
        ] {
            assert_eq!(shown(1_767_225_661, ahead_s), wanted);
        }
    }
}
