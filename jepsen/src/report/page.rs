//! The page.

use super::plot::{Time, escape, latency, throughput};
use super::summary::Summary;
use super::{describe, timeline};
use crate::check::{Judgement, Verdict, Violation};
use crate::history::{History, Operation};
use crate::sometimes::CONDITIONS;
use std::fmt::Write as _;

/// How everything looks. Colours of outcomes are the same in every drawing.
const STYLE: &str = include_str!("style.css");

/// One page about a run, without anything from elsewhere.
pub fn page(history: &History, judgement: &Judgement, summary: &Summary) -> String {
    let verdict = judgement.verdict();
    let violation = match &verdict {
        Verdict::Fail(violation) => Some(violation),
        _ => None,
    };
    let time = Time {
        from: 0,
        to: history.end.max(1),
    };
    let mut body = banner(summary);
    if let Some(violation) = violation {
        body += &smallest(history, judgement, violation);
    }
    body += &facts(summary);
    body += "<section><h2>What happened</h2>";
    body += LEGEND;
    body += &throughput(history, time);
    body += &latency(history, time);
    body += &timeline::timeline(history, violation);
    body += "</section>";
    body += &faults(history, summary);
    body += &now_and_then(summary);
    body += &findings(judgement);
    format!(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>\
         <meta name='viewport' content='width=device-width'>\
         <title>{}: seed {}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n",
        summary.verdict, summary.seed
    )
}

const LEGEND: &str = "<p class='legend'><span class='key ok'></span>answered \
    <span class='key failed'></span>refused <span class='key unknown'></span>unknown \
    <span class='key fault'></span>fault <span class='key leader'></span>new leader</p>";

fn banner(summary: &Summary) -> String {
    let said = match (&summary.rule, &summary.text) {
        (Some(rule), Some(text)) => {
            format!("<p><code>{}</code> {}</p>", escape(rule), escape(text))
        }
        (None, Some(text)) => format!("<p>{}</p>", escape(text)),
        _ => "<p>Every checker passed. What each pass proves stands below.</p>".to_owned(),
    };
    format!(
        "<header class='{0}'><h1>{0}</h1>{said}<p class='again'>Repeat it with</p>\
         <pre>{1}</pre><p class='small'>{2} · seed {3} · {4} members · workloads {5} · faults {6}</p></header>",
        summary.verdict,
        escape(&summary.command),
        escape(&summary.target),
        summary.seed,
        summary.nodes,
        escape(&summary.workloads.join(", ")),
        escape(&summary.nemeses.join(", ")),
    )
}

/// Operations that show a violation: those of a checker that found a smaller set for the same keys,
/// else its own.
fn smallest(history: &History, judgement: &Judgement, violation: &Violation) -> String {
    let second = judgement
        .findings
        .iter()
        .find_map(|finding| match &finding.verdict {
            Verdict::Fail(other) if finding.checker == "wgl" => Some(other),
            _ => None,
        });
    let mut html = "<section><h2>The smallest history that shows it</h2>".to_owned();
    html += &operations(history, violation);
    if let Some(second) = second.filter(|second| *second != violation) {
        let _ = write!(
            html,
            "<p><code>{}</code> {}: no revision needs to be trusted to see it.</p>",
            escape(&second.rule),
            escape(&second.text)
        );
        html += &operations(history, second);
    }
    html + "</section>"
}

fn operations(history: &History, violation: &Violation) -> String {
    let wanted = |one: &&Operation| violation.operations.contains(&one.id);
    let mut shown: Vec<&Operation> = history.operations.iter().filter(wanted).collect();
    shown.sort_by_key(|one| one.invoke);
    shown.truncate(40);
    let mut html = String::new();
    if !shown.is_empty() {
        html += &timeline::close_up(&shown);
        html += "<table><tr><th>operation<th>process<th>member<th>from, ns<th>to, ns<th>asked<th>answered";
        for one in shown {
            let _ = write!(
                html,
                "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
                one.id,
                one.process,
                one.node.map_or("any".to_owned(), |node| format!("n{node}")),
                one.invoke,
                one.complete.map_or("never".to_owned(), |at| at.to_string()),
                escape(&describe::call(&one.call)),
                escape(&describe::outcome(one)),
            );
        }
        html += "</table>";
    }
    let list = |what: &str, items: Vec<String>| match items.is_empty() {
        true => String::new(),
        false => format!("<p>{what}: {}</p>", items.join(", ")),
    };
    html += &list(
        "Watches",
        violation.watches.iter().map(u64::to_string).collect(),
    );
    html += &list(
        "Members",
        violation
            .nodes
            .iter()
            .map(|node| format!("n{node}"))
            .collect(),
    );
    html += &list(
        "Revision",
        violation.revision.iter().map(i64::to_string).collect(),
    );
    html
}

fn facts(summary: &Summary) -> String {
    let operations = &summary.operations;
    let pause = summary
        .recoveries
        .iter()
        .map(|one| one.pause_ms)
        .fold(0.0, f64::max);
    let facts = [
        (format!("{:.1} s", summary.seconds), "of run"),
        (operations.total.to_string(), "operations"),
        (operations.unknown.to_string(), "with an unknown outcome"),
        (
            summary.unknown_that_happened.to_string(),
            "of them did happen",
        ),
        (summary.revisions.to_string(), "revisions"),
        (
            summary.double_checked.to_string(),
            "operations judged twice",
        ),
        (summary.watch_events.to_string(), "watch events"),
        (summary.leader_changes.to_string(), "changes of leader"),
        (format!("{:.1} ms", summary.writes.p50_ms), "median write"),
        (
            format!("{:.1} ms", summary.writes.p99_ms),
            "99th percentile of writes",
        ),
        (
            format!("{:.1} ms", summary.reads.p99_ms),
            "99th percentile of reads",
        ),
        (
            format!("{pause:.0} ms"),
            "longest pause of writes at a fault",
        ),
    ];
    let mut html = "<section class='facts'>".to_owned();
    for (number, what) in facts {
        let _ = write!(html, "<div><b>{number}</b><span>{what}</span></div>");
    }
    html + "</section>"
}

/// What of it happened, by all names that there are: what did not is worth to be seen, too.
fn now_and_then(summary: &Summary) -> String {
    let mut html =
        "<section><h2>What must happen now and then</h2><table><tr><th>what<th>times".to_owned();
    for condition in CONDITIONS {
        let times = summary.sometimes.get(condition.name).unwrap_or(&0);
        let _ = write!(html, "<tr><td>{}<td>{times}", escape(condition.means));
    }
    html + "</table></section>"
}

fn faults(history: &History, summary: &Summary) -> String {
    if history.faults.is_empty() {
        return "<section><h2>Faults</h2><p>None.</p></section>".to_owned();
    }
    let mut html =
        "<section><h2>Faults</h2><table><tr><th>kind<th>seen to work<th>not seen to work\
                    <th>skipped: not covered<th>longest pause of writes, ms"
            .to_owned();
    for (kind, count) in &summary.faults {
        let of_kind = summary.recoveries.iter().filter(|one| one.kind == *kind);
        let longest = of_kind.map(|one| one.pause_ms).fold(0.0, f64::max);
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{longest:.0}",
            escape(kind),
            count.effective,
            count.ineffective,
            count.skipped
        );
    }
    html + "</table></section>"
}

fn findings(judgement: &Judgement) -> String {
    let mut html = "<section><h2>Checkers</h2><table class='findings'>\
                    <tr><th>checker<th>verdict<th>looked at<th>says"
        .to_owned();
    for finding in &judgement.findings {
        let mut says = Vec::new();
        for verdict in std::iter::once(&finding.verdict).chain(&finding.more) {
            match verdict {
                Verdict::Pass => {}
                Verdict::Fail(one) => {
                    says.push(format!(
                        "<code>{}</code> {}",
                        escape(&one.rule),
                        escape(&one.text)
                    ));
                }
                Verdict::Unknown(reason) => says.push(escape(reason)),
            }
        }
        let name = match finding.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail(_) => "fail",
            Verdict::Unknown(_) => "unknown",
        };
        let _ = write!(
            html,
            "<tr><td>{}<td class='{name}'>{name}<td>{}<td>{}",
            escape(&finding.checker),
            finding.looked_at,
            says.join("<br>")
        );
    }
    html + "</table></section>"
}
