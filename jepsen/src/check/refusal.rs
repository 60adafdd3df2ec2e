//! Members that were started on what they must not work with: an empty directory where there was data, one that
//! lacks its log, one that another process uses, one in which a byte is not what was written.

use super::verdict::{Court, Finding, Violation};
use crate::history::{History, Observation};

/// *A pass proves* that each of them ended by itself, or waited without serving, and that it did not end as if all
/// were well but with a message that names what is wrong.
pub fn check(history: &History) -> Finding {
    let mut court = Court::new("refusal");
    for (_, observation) in &history.observations {
        let Observation::Refusal {
            node,
            on,
            how,
            said,
            names,
        } = observation
        else {
            continue;
        };
        court.look(1);
        let (rule, text) = match how {
            None => (
                "refusal.started",
                format!("member {node} went to work on {on}"),
            ),
            Some(how) if how.ends_with("status: 0") => (
                "refusal.quiet",
                format!("member {node}, started on {on}, ended as if all were well: {how}"),
            ),
            Some(how) if !names.iter().any(|name| said.contains(name.as_str())) => (
                "refusal.silent",
                format!(
                    "member {node}, started on {on}, ended with {how} and named none of {names:?}: {said}"
                ),
            ),
            Some(_) => continue,
        };
        court.violation(Violation::new(rule, text).on([*node]));
    }
    court.close()
}
