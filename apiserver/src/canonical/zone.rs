//! Time zones by their names in the IANA database, a copy of which is in the program: a schedule means the
//! same on every member, whatever its machine has installed.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of schedules that name none.
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// By its name, such as `Europe/Berlin`, in exactly these letters. `None`: there is no such zone.
    pub fn named(name: &str) -> Option<Zone> {
        if name == "UTC" {
            return Some(Zone::UTC);
        }
        let found = TimeZone::get(name).ok()?;
        (found.iana_name() == Some(name)).then_some(Zone(found))
    }

    /// How far its clocks are ahead of UTC at a moment, in seconds. Behind is negative. The moment is in
    /// seconds since 1970; where the calendar ends, nothing changes any more.
    pub fn offset_s(&self, at_s: i64) -> i64 {
        let bounded = at_s.clamp(
            Timestamp::MIN.as_second() + 1,
            Timestamp::MAX.as_second() - 1,
        );
        let moment = Timestamp::from_second(bounded).unwrap_or(Timestamp::UNIX_EPOCH);
        i64::from(self.0.to_offset(moment).seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_their_names_and_change_their_clocks() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        // The last Sunday of March 2026, 01:00 UTC.
        let change = 1_774_746_000;
        assert_eq!(berlin.offset_s(change - 1), 3_600);
        assert_eq!(berlin.offset_s(change), 7_200);
        assert_eq!(Zone::named("Asia/Kathmandu").unwrap().offset_s(0), 19_800);
        assert_eq!(Zone::named("UTC"), Some(Zone::UTC));
        for name in [
            "Etc/UTC",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+5",
            "US/Eastern",
        ] {
            assert!(Zone::named(name).is_some(), "{name}");
        }
        for name in [
            "",
            "Nowhere",
            "europe/berlin",
            "Europe/Berlin ",
            "Local",
            "../etc/passwd",
            "EUROPE/BERLIN",
        ] {
            assert_eq!(Zone::named(name), None, "{name}");
        }
        for at in [i64::MIN, i64::MAX] {
            assert!(berlin.offset_s(at).abs() < 86_400);
        }
    }
}
