//! What a panic means in a program that carries faults.
//!
//! A program that ships ends with its first panic. So must one that is tested, or the tests would see a member that
//! has lost a part of itself and goes on, which nobody else ever sees. One panic is excused: an assertion of the
//! consensus library that only test builds have, and that does not hold where the code behind it is right.

/// Of openraft 0.10.0-alpha.37. A leader that stepped down may see its log replaced before its last stream to a
/// follower sees that it was ended. The stream then asks for what comes between the end of the old log and the end of
/// the new one, which may be shorter. The code goes on with no entries and sends nothing, as the leader is
/// another one; the assertion before it stops the stream, which was at its end. With one leader a log never
/// shrinks: then it is a bug.
const REVERSED: &str = "read_log_entries received reversed range";

/// Whether a panic, as it describes itself, is that one.
pub fn excused(panic: &str) -> bool {
    let (Some((place, _)), Some((_, range))) =
        (panic.split_once('\n'), panic.split_once("log_id_range: ("))
    else {
        return false;
    };
    let mut ends = range.split_once(']').unwrap_or((range, "")).0.split(", ");
    let leader = |end: Option<&str>| Some(end?.rsplit_once('.')?.0.to_owned());
    let (old, new) = (leader(ends.next()), leader(ends.next()));
    place.contains("replication/stream_state.rs")
        && panic.contains(REVERSED)
        && old.is_some()
        && new.is_some()
        && old != new
}

/// From now on a panic ends the process, after it has been told on stderr; what is [`excused`] is told only.
pub fn end_with_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        if !excused(&panic.to_string()) {
            std::process::abort();
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::excused;

    fn panic(file: &str, what: &str, range: &str) -> String {
        format!(
            "panicked at /x/openraft/src/{file}:228:13:\nassertion `left == right` failed: {what}: start(28) > end(26), log_id_range: {range}\n  left: 28\n right: 26"
        )
    }

    #[test]
    fn a_reversed_range_is_excused_if_the_leader_has_changed() {
        let file = "replication/stream_state.rs";
        let what = "read_log_entries received reversed range";
        let range = "(T1-N7.27, T2-N9.25]";
        assert!(excused(&panic(file, what, range)));
        for range in ["(T1-N7.27, T1-N7.25]", "(None, T2-N9.25]", "T1-N7.27", ""] {
            assert!(!excused(&panic(file, what, range)), "{range}");
        }
        assert!(!excused(&panic("engine/mod.rs", what, range)));
        assert!(!excused(&panic(file, "left is right", range)));
        assert!(!excused("panicked at a"));
    }
}
