//! Everybody asks for everything: each verb on each resource and subresource that discovery names, and on
//! the paths that are no resources, asked by everybody there can be.
//!
//! | file | what |
//! |---|---|
//! | `cells` | the requests, made from the discovery document, so that no kind is forgotten |
//! | `people` | those who ask, with what they show |
//! | `place` | the server, and what lies in it |
//! | `model` | who may what, as upstream documents its default roles |
//! | `special` | rights that are no verbs of a request: to bind, to escalate, to be somebody else |
//!
//! The model is written by hand and knows nothing of the server's roles. Whatever it does not allow must be
//! refused, so a new kind is refused to everybody but the operator until somebody writes it down here. What
//! is refused was sent as a write that would count, and the store must stay at its revision.

mod cells;
mod model;
mod people;
pub mod place;
mod special;

use super::world::Answer;
use cells::{Cell, cells, paths};
use futures::StreamExt;
use model::Outcome;
use people::{Person, Rights};
use place::Place;
use serde_json::Value;

/// Requests at one time on one connection.
const AT_ONCE: usize = 32;

/// What a refusal must say, made of the request alone.
fn forbidden(person: &Person, cell: &Cell) -> String {
    let group = match cell.group.as_str() {
        "" => String::new(),
        group => format!(".{group}"),
    };
    let name = match cell.name_in_path() {
        "" => String::new(),
        name => format!(" \"{name}\""),
    };
    let place = match cell.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace \"{namespace}\""),
    };
    format!(
        "{}{group}{name} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {place}",
        cell.resource,
        person.user,
        cell.verb,
        cell.what(),
        cell.group
    )
}

fn is_refused(answer: &Answer, code: u16, reason: &str) -> Result<Value, String> {
    let status: Value = serde_json::from_slice(&answer.bytes).map_err(|error| error.to_string())?;
    let is_right = answer.code == code
        && status["kind"] == "Status"
        && status["apiVersion"] == "v1"
        && status["status"] == "Failure"
        && status["code"] == code
        && status["reason"] == reason
        && status["metadata"].is_object();
    match is_right {
        true => Ok(status),
        false => Err(format!("want {code} {reason}: {} {status}", answer.code)),
    }
}

fn check(person: &Person, cell: &Cell, answer: &Answer) -> Result<(), String> {
    match model::expected(person.rights, cell) {
        Outcome::Unauthorized => {
            let status = is_refused(answer, 401, "Unauthorized")?;
            match status["message"] == "Unauthorized" && status.get("details").is_none() {
                true => Ok(()),
                false => Err(format!("tells too much: {status}")),
            }
        }
        Outcome::Forbidden => {
            let status = is_refused(answer, 403, "Forbidden")?;
            let (message, wanted) = (
                status["message"].as_str().unwrap_or_default(),
                forbidden(person, cell),
            );
            let rest = message.strip_prefix(&wanted);
            let is_right = match person.rights {
                // The node authorizer says why.
                Rights::Node => rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(": ")),
                _ => rest == Some(""),
            };
            let details = &status["details"];
            let is_about = details["kind"] == cell.resource.as_str()
                && details["group"].as_str().unwrap_or_default() == cell.group
                && details["name"].as_str().unwrap_or_default() == cell.name_in_path();
            match is_right && is_about {
                true => Ok(()),
                false => Err(format!("want {wanted:?}: {status}")),
            }
        }
        Outcome::Allowed => {
            // 503: there is no node to connect to. 415: a scale is not applied.
            let known: &[u16] = match cell.is_served {
                true if cell.subresource == "scale" => &[200, 201, 400, 404, 409, 415, 422],
                true => &[200, 201, 400, 404, 409, 422, 503],
                false => &[404, 405],
            };
            // Nodes are restricted further, by admission: `http/tests/nodes.rs`.
            let is_restricted = matches!(person.rights, Rights::Node)
                && is_refused(answer, 403, "Forbidden").is_ok_and(|status| {
                    // Who may not at all is told so by name.
                    let message = status["message"].as_str().unwrap_or_default();
                    !message.contains("User \"")
                });
            match known.contains(&answer.code) || is_restricted {
                true => Ok(()),
                false => Err(format!("want it done: {answer:?}")),
            }
        }
    }
}

/// Has somebody ask for all of it. Gives how much was allowed, and what was wrong.
async fn ask_all(person: &Person, cells: &[Cell]) -> (usize, Vec<String>) {
    let asked = cells.iter().map(|cell| async move {
        let is_allowed = model::expected(person.rights, cell) == Outcome::Allowed;
        let path = match is_allowed {
            true => cell.dry_path(),
            false => cell.path.clone(),
        };
        let headers = [("content-type", cell.content_type)];
        let asking = person
            .lane
            .ask(&cell.method, &path, &headers, cell.body.clone());
        let wrong = check(person, cell, &asking.await).err();
        let wrong = wrong.map(|why| format!("{}: {} {path}: {why}", person.who, cell.verb));
        (is_allowed, wrong)
    });
    let asked: Vec<_> = futures::stream::iter(asked)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let allowed = asked.iter().filter(|(is_allowed, _)| *is_allowed).count();
    let wrong = asked.into_iter().filter_map(|(_, wrong)| wrong);
    (allowed, wrong.collect())
}

fn none(wrong: &[String]) {
    let shown: Vec<&str> = wrong.iter().take(20).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} answers:\n{}",
        wrong.len(),
        shown.join("\n")
    );
}

#[tokio::test]
async fn what_nobody_allowed_is_refused_to_everybody_and_changes_nothing() {
    let place = Place::new().await;
    let all = cells(&place.discovery().await, "there");
    let own = cells(&place.discovery().await, "mine");
    assert!(all.len() > 1_400, "{}", all.len());
    // What is refused below is worth something only if it would be done for somebody else.
    let would_write = place.would_write(&all).await;
    assert!(would_write > 250, "{would_write}");
    for person in place.people().await {
        let asked: Vec<Cell> = match person.rights {
            Rights::Refused | Rights::Nobody => all.iter().step_by(5).cloned().collect(),
            Rights::Node => all.iter().chain(&own).cloned().collect(),
            _ => all.clone(),
        };
        let before = place.store.revision();
        let (allowed, wrong) = ask_all(&person, &asked).await;
        none(&wrong);
        assert_eq!(place.store.revision(), before, "{} wrote", person.who);
        let of = asked.len();
        let is_sensible = match person.rights {
            Rights::Refused | Rights::Nobody => allowed == 0,
            Rights::Basic | Rights::Account => allowed == 3,
            Rights::View => (100..200).contains(&allowed),
            Rights::Edit => (200..400).contains(&allowed),
            Rights::Admin => (220..420).contains(&allowed),
            Rights::Node => (50..200).contains(&allowed),
            Rights::Everything => allowed == of,
        };
        assert!(is_sensible, "{}: {allowed} of {of}", person.who);
    }
}

#[tokio::test]
async fn paths_that_are_no_resources_are_refused_unless_a_role_names_them() {
    let place = Place::new().await;
    let paths = paths(&place.operator.ask(&hyper::Method::GET, "/", &[], "").await);
    assert!(paths.len() > 40, "{paths:?}");
    for person in place.people().await {
        let mut wrong = Vec::new();
        for (method, path) in &paths {
            let answer = person.lane.ask(method, path, &[], "").await;
            let verb = method.as_str().to_lowercase();
            // Slashes at the end do not count.
            let path = match path.trim_end_matches('/') {
                "" => "/",
                path => path,
            };
            let right = match model::expected_path(person.rights, &verb, path) {
                Outcome::Unauthorized => is_refused(&answer, 401, "Unauthorized").map(drop),
                Outcome::Forbidden => is_refused(&answer, 403, "Forbidden").and_then(|status| {
                    let user = &person.user;
                    let wanted =
                        format!("forbidden: User \"{user}\" cannot {verb} path \"{path}\"");
                    match status["message"] == wanted {
                        true => Ok(()),
                        false => Err(format!("want {wanted}: {status}")),
                    }
                }),
                Outcome::Allowed => match answer.code {
                    200 | 404 | 405 | 406 => Ok(()),
                    code => Err(format!("want it answered: {code}")),
                },
            };
            wrong.extend(
                right
                    .err()
                    .map(|why| format!("{}: {method} {path}: {why}", person.who)),
            );
        }
        none(&wrong);
    }
}
