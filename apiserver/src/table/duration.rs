//! Durations as people read them: two or three significant figures.

const SECOND_US: i64 = 1_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// A duration in microseconds as kubectl shows it, such as `5m3s`, `3d4h` or `2y10d`; fractions of a second
/// are cut off. Up to two seconds into the future count as now, because clocks differ; beyond, the text
/// is `<invalid>`.
pub fn human_duration(duration_us: i64) -> String {
    let seconds = duration_us / SECOND_US;
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    // Each row: below this many seconds, count in this unit and add that smaller one.
    let steps = [
        (2 * MINUTE, (1, "s"), None),
        (10 * MINUTE, (MINUTE, "m"), Some((1, "s"))),
        (3 * HOUR, (MINUTE, "m"), None),
        (8 * HOUR, (HOUR, "h"), Some((MINUTE, "m"))),
        (2 * DAY, (HOUR, "h"), None),
        (8 * DAY, (DAY, "d"), Some((HOUR, "h"))),
        (2 * YEAR, (DAY, "d"), None),
        (8 * YEAR, (YEAR, "y"), Some((DAY, "d"))),
        (i64::MAX, (YEAR, "y"), None),
    ];
    let seconds = seconds.max(0);
    let step = steps.iter().find(|(below, ..)| seconds < *below);
    let Some((_, (unit, sign), smaller)) = step else {
        return "<invalid>".to_owned();
    };
    let whole = seconds / unit;
    match smaller.map(|(small, sign)| (seconds % unit / small, sign)) {
        Some((rest, small_sign)) if rest != 0 => format!("{whole}{sign}{rest}{small_sign}"),
        _ => format!("{whole}{sign}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_what_upstream_prints() {
        let cases = [
            (-100, "<invalid>"),
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (1, "1s"),
            (119, "119s"),
            (120, "2m"),
            (121, "2m1s"),
            (303, "5m3s"),
            (599, "9m59s"),
            (600, "10m"),
            (601, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (10_859, "3h"),
            (10_860, "3h1m"),
            (28_799, "7h59m"),
            (28_800, "8h"),
            (28_860, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (176_400, "2d1h"),
            (273_600, "3d4h"),
            (691_199, "7d23h"),
            (691_200, "8d"),
            (694_800, "8d"),
            (63_071_999, "729d"),
            (63_072_000, "2y"),
            (63_936_000, "2y10d"),
            (252_287_999, "7y364d"),
            (252_288_000, "8y"),
            (252_374_400, "8y"),
            (3_153_600_000, "100y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(seconds * SECOND_US), text, "{seconds}");
        }
    }

    #[test]
    fn fractions_are_cut_off_on_both_sides_of_now() {
        assert_eq!(human_duration(1_999_999), "1s");
        assert_eq!(human_duration(-1_999_999), "0s");
        assert_eq!(human_duration(-2_000_000), "<invalid>");
        assert_eq!(human_duration(i64::MAX), "292471y");
        assert_eq!(human_duration(i64::MIN), "<invalid>");
    }
}
