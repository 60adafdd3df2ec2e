//! Who held a lease, told from its history.

use keelson_kit::kubernetes::Change;
use serde_json::Value;

/// One holder, from its first to its last word.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Its name.
    pub holder: String,
    /// When it took the lease, in seconds since the epoch, by its own clock.
    pub acquired_s: f64,
    /// When it renewed it last.
    pub renewed_s: f64,
    /// How long it holds without another renewal.
    length_s: f64,
}

/// `2026-01-31T23:59:59.123456Z` in seconds since the epoch.
fn seconds(time: &Value) -> Option<f64> {
    let (date, clock) = time.as_str()?.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    // Days of a calendar whose year begins in March, so that the leap day is its last.
    let (year, month) = match month {
        ..3 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468;
    let mut clock = clock.split(':').map(|part| part.parse::<f64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    Some(days as f64 * 86_400.0 + hour * 3_600.0 + minute * 60.0 + second)
}

/// The terms of a lease, and what is wrong with them: taken while it was held, taken without a time, renewed
/// backwards, deleted.
pub fn terms(changes: &[Change]) -> (Vec<Term>, Vec<String>) {
    let (mut terms, mut wrong) = (Vec::<Term>::new(), Vec::new());
    for change in changes {
        let at = change.revision;
        let Some(object) = &change.object else {
            wrong.push(format!("{at}: it is gone"));
            continue;
        };
        let spec = &object["spec"];
        // Some libraries say that nobody holds it before they take it.
        let Some(holder) = spec["holderIdentity"]
            .as_str()
            .filter(|name| !name.is_empty())
        else {
            continue;
        };
        let (Some(renewed_s), Some(acquired_s), Some(length_s)) = (
            seconds(&spec["renewTime"]),
            seconds(&spec["acquireTime"]),
            spec["leaseDurationSeconds"].as_f64(),
        ) else {
            wrong.push(format!("{at}: times are missing: {spec}"));
            continue;
        };
        match terms.last_mut() {
            Some(last) if last.holder == holder => {
                if renewed_s < last.renewed_s {
                    wrong.push(format!("{at}: {holder} renewed it backwards"));
                }
                last.renewed_s = renewed_s;
            }
            last => {
                if let Some(last) = last
                    && acquired_s < last.renewed_s + last.length_s
                {
                    wrong.push(format!("{at}: {holder} took what {} held", last.holder));
                }
                terms.push(Term {
                    holder: holder.to_owned(),
                    acquired_s,
                    renewed_s,
                    length_s,
                });
            }
        }
    }
    (terms, wrong)
}

#[cfg(test)]
mod tests {
    use super::seconds;
    use serde_json::json;

    #[test]
    fn times_are_read() {
        let cases = [
            ("1970-01-01T00:00:00.000000Z", 0.0),
            ("2000-02-29T12:00:00.500000Z", 951_825_600.5),
            ("2026-03-01T00:00:00.000000Z", 1_772_323_200.0),
        ];
        for (text, wanted) in cases {
            assert_eq!(seconds(&json!(text)), Some(wanted), "{text}");
        }
        assert_eq!(seconds(&json!(null)), None);
    }
}
