//! What a person and a dashboard want to know of a run: one page, one summary.
//!
//! [`check_directory`] reads the history of a run, asks every checker, and writes two files beside it:
//! `summary.json`, whose fields are only ever added to, and `report.html`, one page without anything
//! from elsewhere: the verdict, the command that repeats the run, the violated rule with the smallest
//! history that still shows it, throughput, latency and operations over time with the faults and
//! leaders behind them. What never happens here: judging, or a number that a history does not say.

mod describe;
mod numbers;
mod page;
mod plot;
mod summary;
mod timeline;

#[cfg(test)]
mod tests;

pub use numbers::{Calm, Latency, Recovery};
pub use page::page;
pub use summary::{FindingSummary, OperationCounts, Summary};

use crate::check::judge;
use crate::history::{History, HistoryError};
use std::path::Path;

/// The history in the directory of a run.
pub const HISTORY_FILE: &str = "history.jsonl";
/// The summary that [`check_directory`] writes.
pub const SUMMARY_FILE: &str = "summary.json";
/// The page that [`check_directory`] writes.
pub const REPORT_FILE: &str = "report.html";

/// Judges a recorded run, again if need be, and writes its summary and its report beside it.
///
/// # Errors
/// If the history cannot be read at all, or the files cannot be written. A history that is damaged or
/// truncated is none: it is judged as far as it goes, and cannot pass.
pub fn check_directory(directory: &Path) -> Result<Summary, HistoryError> {
    let history = History::load(&directory.join(HISTORY_FILE))?;
    let judgement = judge(&history);
    let summary = Summary::of(&history, &judgement);
    let mut json = serde_json::to_vec_pretty(&summary).map_err(std::io::Error::other)?;
    json.push(b'\n');
    std::fs::write(directory.join(SUMMARY_FILE), json)?;
    std::fs::write(
        directory.join(REPORT_FILE),
        page(&history, &judgement, &summary),
    )?;
    Ok(summary)
}
