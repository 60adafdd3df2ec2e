//! What nobody sends in good faith: bodies, lines and bytes that make no sense, too much of them, too
//! slowly, in the wrong place.
//!
//! Each must be answered with a Status that a client can read, below 500, and must leave the store as it
//! was. A panic of a handler would be a 500 here, and an answer that does not come a failure in time.
//!
//! | file | what |
//! |---|---|
//! | `text`, `shapes`, `wire` | bodies: as text, as objects with wrong parts, as protobuf |
//! | `bodies` | all of them to everything that takes a body |
//! | `lines` | paths, queries and headers |
//! | `bytes` | connections: what is no HTTP, what has no end |

mod bodies;
mod bytes;
mod lines;
mod shapes;
mod text;
mod wire;

use super::world::Answer;
use serde_json::Value;

/// Whether an answer is one that a client can make sense of. Refusals are Statuses.
fn is_sound(answer: &Answer) -> Result<(), String> {
    // As upstream says it of a configuration that does not fit the kind (statement 81).
    let is_no_fit = answer.code == 500
        && String::from_utf8_lossy(&answer.bytes)
            .contains("\"failed to create typed patch object (");
    if is_no_fit {
        return Ok(());
    }
    if answer.code >= 500 {
        return Err(format!("{} {:?}", answer.code, answer.bytes));
    }
    if answer.code < 400 {
        return Ok(());
    }
    let status: Value = serde_json::from_slice(&answer.bytes)
        .map_err(|error| format!("no JSON: {error}: {:?}", answer.bytes))?;
    let says = |field: &str| status[field].as_str().is_some_and(|text| !text.is_empty());
    let is_right = status["kind"] == "Status"
        && status["apiVersion"] == "v1"
        && status["metadata"].is_object()
        && status["status"] == "Failure"
        && status["code"] == answer.code
        && says("message")
        && says("reason");
    // A value that is wrong is told: in the message, in a cause, and where it stands.
    let is_short = answer.bytes.len() < 6 * 1024 * 1024;
    match is_right && is_short {
        true => Ok(()),
        false => Err(format!(
            "no sound Status: {} bytes: {:.2000}",
            answer.bytes.len(),
            status.to_string()
        )),
    }
}
