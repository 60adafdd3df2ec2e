//! 1 to 14, but for 5: what a watch tells, and when.

use super::objects::{labelled, secret};
use super::place::Place;
use super::run::asked;
use super::watch::{Event, version};
use crate::check::{Check, holds, same, some};
use futures::future::try_join_all;
use serde_json::{Value, json};

asked![
    s1_a_watch_from_a_list_tells_exactly_the_later_changes_on_every_member,
    s2_an_object_enters_and_leaves_a_selection,
    s3_what_never_matches_is_not_told_and_bookmarks_go_on,
    s4_a_deletion_carries_the_last_state_with_its_own_version,
    s6_a_watch_from_nowhere_begins_with_what_is_there,
    s7_a_watch_from_a_future_version_tells_what_is_behind_it,
    s8_a_bookmark_lies_between_what_was_told_and_what_was_not,
    s9_nobody_gets_bookmarks_who_did_not_ask,
    s10_one_bookmark_ends_what_was_there,
    s11_options_that_mean_nothing_are_refused,
    s12_a_watch_ends_with_its_time_and_is_gone_on_with,
    s13_a_watch_of_a_name_sees_that_object_only,
    s14_a_table_watch_tells_its_columns_once_and_a_partial_one_no_spec,
];

/// What an event says of a write that was answered with `object`.
fn event(kind: &str, object: &Value) -> (String, String, u64) {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    (kind.to_owned(), name.to_owned(), version(object))
}

fn told(events: &[Event]) -> Vec<(String, String, u64)> {
    events
        .iter()
        .map(|one| event(&one.kind, &one.object))
        .collect()
}

async fn s1_a_watch_from_a_list_tells_exactly_the_later_changes_on_every_member(
    p: &Place,
) -> Check {
    p.secret("before").await?;
    let list = p.list("secrets", "").await?;
    let from = format!("{}?resourceVersion={}", p.all("secrets"), version(&list));
    let members = 0..p.client.members();
    let watches = members.map(|member| {
        let client = p.client.at(member);
        let from = from.clone();
        async move { client.watch(&from).await }
    });
    let watches = try_join_all(watches).await?;
    // Five writers at once, each request at the next member.
    let writers = (0..5).map(|writer| async move {
        let mut wanted = Vec::new();
        for round in 0..4 {
            let name = format!("x{writer}-{round}");
            wanted.push(event("ADDED", &p.secret(&name).await?));
            let labelled = p.label("secrets", &name, "other").await?;
            wanted.push(event("MODIFIED", &labelled));
        }
        Check::Ok(wanted)
    });
    let mut wanted = try_join_all(writers).await?.concat();
    p.delete("secrets", "before", &json!({})).await?.with(200)?;
    wanted.sort_by_key(|(.., version)| *version);
    for mut watch in watches {
        let mut events = watch.until(|event| event.kind == "DELETED").await?;
        let last = some("the deletion", events.pop())?;
        same("what was deleted", last.name(), "before")?;
        same("the events", told(&events), wanted.clone())?;
        let latest = wanted.last().map_or(0, |(.., version)| *version);
        holds("the deletion is the latest", last.version() > latest)?;
    }
    Ok(())
}

async fn s2_an_object_enters_and_leaves_a_selection(p: &Place) -> Check {
    let made = p.create("secrets", &secret("x", "other")).await?;
    let query = format!("labelSelector=app%3Dweb&resourceVersion={}", version(&made));
    let mut watch = p.watch("secrets", &query).await?;
    let entered = p.label("secrets", "x", "web").await?;
    let patch = json!({"metadata": {"annotations": {"a": "1"}}});
    let stayed = p.merge("secrets", "x", &patch).await?;
    let left = p.label("secrets", "x", "other").await?;
    same(
        "it enters",
        watch.event().await?,
        Event {
            kind: "ADDED".into(),
            object: entered,
        },
    )?;
    let event = watch.event().await?;
    same(
        "it stays",
        event,
        Event {
            kind: "MODIFIED".into(),
            object: stayed.clone(),
        },
    )?;
    // The object as it was when it matched, at the version of the write that made it not match.
    let mut previous = stayed;
    previous["metadata"]["resourceVersion"] = left["metadata"]["resourceVersion"].clone();
    same(
        "it leaves",
        watch.event().await?,
        Event {
            kind: "DELETED".into(),
            object: previous,
        },
    )
}

async fn s3_what_never_matches_is_not_told_and_bookmarks_go_on(p: &Place) -> Check {
    let made = p.create("secrets", &secret("x", "other")).await?;
    let query = format!(
        "labelSelector=app%3Dweb&allowWatchBookmarks=true&timeoutSeconds=4&resourceVersion={}",
        version(&made)
    );
    let mut watch = p.watch("secrets", &query).await?;
    let patch = json!({"metadata": {"annotations": {"a": "1"}}});
    let changed = p.merge("secrets", "x", &patch).await?;
    let events = watch.rest().await?;
    let others = events.iter().filter(|event| event.kind != "BOOKMARK");
    same("other events than bookmarks", others.count(), 0)?;
    let last = some("a bookmark", events.last())?;
    holds(
        "the bookmark is past the change",
        last.version() >= version(&changed),
    )
}

async fn s4_a_deletion_carries_the_last_state_with_its_own_version(p: &Place) -> Check {
    let made = p.secret("x").await?;
    let query = format!("resourceVersion={}", version(&made));
    let mut watch = p.watch("secrets", &query).await?;
    p.delete("secrets", "x", &json!({})).await?.with(200)?;
    let next = p.secret("y").await?;
    let mut event = watch.expect("DELETED x").await?;
    let (at, after) = (event.version(), version(&next));
    holds(
        "its version is that of the deletion",
        version(&made) < at && at < after,
    )?;
    event.object["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
    same("the last state", event.object, made)
}

async fn s6_a_watch_from_nowhere_begins_with_what_is_there(p: &Place) -> Check {
    for name in ["c", "a", "b"] {
        p.secret(name).await?;
    }
    for query in ["", "resourceVersion=", "resourceVersion=0"] {
        let mut watch = p.watch("secrets", query).await?;
        // A server may be behind when it is asked for any state; what it lacks follows.
        if query == "resourceVersion=0" {
            let events = watch.until(|event| event.name() == "b").await?;
            holds(
                "only additions",
                events.iter().all(|event| event.kind == "ADDED"),
            )?;
            continue;
        }
        for wanted in ["ADDED a", "ADDED b", "ADDED c"] {
            watch.expect(wanted).await?;
        }
    }
    let mut watch = p.watch("secrets", "").await?;
    watch.until(|event| event.name() == "c").await?;
    p.label("secrets", "a", "x").await?;
    watch.expect("MODIFIED a").await.map(|_| ())
}

async fn s7_a_watch_from_a_future_version_tells_what_is_behind_it(p: &Place) -> Check {
    let made = p.secret("x").await?;
    let future = version(&made) + 30;
    let mut watch = p
        .watch("secrets", &format!("resourceVersion={future}"))
        .await?;
    let mut first = None;
    for round in 0..40 {
        let patch = json!({"metadata": {"annotations": {"a": round.to_string()}}});
        let changed = p.merge("secrets", "x", &patch).await?;
        if version(&changed) > future {
            first = Some(changed);
            break;
        }
    }
    let first = some("a write behind the version", first)?;
    let event = watch.expect("MODIFIED x").await?;
    same("the first event", event.object, first)
}

async fn s8_a_bookmark_lies_between_what_was_told_and_what_was_not(p: &Place) -> Check {
    let made = p.secret("x").await?;
    let query = format!(
        "labelSelector=app%3Dweb&allowWatchBookmarks=true&timeoutSeconds=4&resourceVersion={}",
        version(&made)
    );
    let mut watch = p.watch("secrets", &query).await?;
    let writing = async {
        let mut wanted = Vec::new();
        loop {
            let round = wanted.len();
            let patch = json!({"metadata": {"annotations": {"a": round.to_string()}}});
            wanted.push(version(&p.merge("secrets", "x", &patch).await?));
            p.create("secrets", &secret(&format!("other{round}"), "other"))
                .await?;
            if round == 40 {
                return Check::Ok(wanted);
            }
        }
    };
    let (written, events) = tokio::join!(writing, watch.rest());
    let (written, events) = (written?, events?);
    let is_bookmark = |event: &Event| event.kind == "BOOKMARK";
    let mut told = version(&made);
    for event in &events {
        holds("versions only grow", event.version() >= told)?;
        if is_bookmark(event) {
            let fields = event.object["metadata"]
                .as_object()
                .map(|fields| fields.len());
            same(
                "fields of a bookmark's metadata",
                fields.is_some_and(|len| len <= 3),
                true,
            )?;
            same("no data", event.object.get("data"), None)?;
        }
        told = event.version();
    }
    let bookmark = some(
        "a bookmark",
        events.iter().rfind(|event| is_bookmark(event)),
    )?;
    // What was not told before it is behind it: nothing is lost to who goes on from there.
    let before: Vec<u64> = events
        .iter()
        .filter(|one| !is_bookmark(one))
        .map(Event::version)
        .collect();
    let mut seen: Vec<u64> = before;
    seen.retain(|one| *one <= bookmark.version());
    let due = written
        .iter()
        .copied()
        .filter(|one| *one <= bookmark.version());
    same(
        "what was told up to the bookmark",
        seen,
        due.collect::<Vec<_>>(),
    )
}

async fn s9_nobody_gets_bookmarks_who_did_not_ask(p: &Place) -> Check {
    p.secret("x").await?;
    let mut watch = p.watch("secrets", "timeoutSeconds=4").await?;
    let events = watch.rest().await?;
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    same("the events", kinds, ["ADDED"])
}

const INITIAL: &str =
    "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";

async fn s10_one_bookmark_ends_what_was_there(p: &Place) -> Check {
    p.secret("a").await?;
    for member in 0..p.client.members() {
        let name = format!("b{member}");
        let client = p.client.at(member + 1);
        let made = client
            .post(&p.all("secrets"), &secret(&name, "web"))
            .await?
            .with(201)?;
        let path = format!("{}?{INITIAL}&timeoutSeconds=4", p.all("secrets"));
        let mut watch = p.client.at(member).watch(&path).await?;
        let events = watch.until(|event| event.kind == "BOOKMARK").await?;
        let (end, there) = some("a bookmark", events.split_last())?;
        let mark = "k8s.io/initial-events-end";
        same(
            "the mark",
            &end.object["metadata"]["annotations"][mark],
            &json!("true"),
        )?;
        holds(
            "it is not older than the last write",
            end.version() >= version(&made),
        )?;
        holds(
            "only additions",
            there.iter().all(|event| event.kind == "ADDED"),
        )?;
        let names: Vec<&str> = there.iter().map(Event::name).collect();
        same("how many", names.len(), member + 2)?;
        holds("the last write is there", names.contains(&name.as_str()))?;
        let rest = watch.rest().await?;
        let marked = |event: &&Event| event.object["metadata"]["annotations"].get(mark).is_some();
        let again = rest.iter().filter(marked).count();
        same("marks after the first", again, 0)?;
    }
    Ok(())
}

async fn s11_options_that_mean_nothing_are_refused(p: &Place) -> Check {
    for query in [
        "watch=1&sendInitialEvents=true",
        "watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1",
        "sendInitialEvents=true",
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
        "watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=5",
    ] {
        let status = p
            .try_list("secrets", query)
            .await?
            .refused(422, "Invalid")?;
        let causes = status["details"]["causes"].as_array().map_or(0, Vec::len);
        holds(query, causes > 0)?;
    }
    Ok(())
}

async fn s12_a_watch_ends_with_its_time_and_is_gone_on_with(p: &Place) -> Check {
    let began = std::time::Instant::now();
    let mut watch = p.watch("secrets", "timeoutSeconds=5").await?;
    let made = p.secret("x").await?;
    let events = watch.rest().await?;
    let took = began.elapsed().as_secs_f64();
    holds(
        &format!("five seconds, more or less: {took}"),
        (4.5..15.0).contains(&took),
    )?;
    let short: Vec<String> = events.iter().map(Event::short).collect();
    same("the events", short, ["ADDED x"])?;
    let mut watch = p
        .watch("secrets", &format!("resourceVersion={}", version(&made)))
        .await?;
    p.label("secrets", "x", "y").await?;
    watch.expect("MODIFIED x").await.map(|_| ())
}

async fn s13_a_watch_of_a_name_sees_that_object_only(p: &Place) -> Check {
    let made = p.secret("x").await?;
    let from = format!("resourceVersion={}", version(&made));
    let legacy = format!("/api/v1/watch/namespaces/{}/secrets/x", p.namespace);
    let by_path = format!("{legacy}?{from}");
    let by_field = format!(
        "{}?{from}&fieldSelector=metadata.name%3Dx",
        p.all("secrets")
    );
    let mut watches = Vec::new();
    for path in [&by_path, &by_field] {
        watches.push(p.client.watch(path).await?);
    }
    p.secret("w").await?;
    p.label("secrets", "w", "z").await?;
    p.label("secrets", "x", "z").await?;
    for mut watch in watches {
        watch.expect("MODIFIED x").await?;
    }
    let other = format!("{legacy}?fieldSelector=metadata.name%3Dy");
    let answer = p.client.get(&other).await?;
    answer.refused(400, "BadRequest").map(|_| ())
}

async fn s14_a_table_watch_tells_its_columns_once_and_a_partial_one_no_spec(p: &Place) -> Check {
    p.create("configmaps", &labelled("x", "web")).await?;
    let path = format!("{}?labelSelector=app%3Dweb", p.all("configmaps"));
    let accept = |what: &str| format!("application/json;as={what};v=v1;g=meta.k8s.io");
    let mut tables = p.client.watch_as(&path, &accept("Table")).await?;
    let mut partial = p
        .client
        .watch_as(&path, &accept("PartialObjectMetadata"))
        .await?;
    p.create("configmaps", &labelled("y", "web")).await?;
    for columns in [true, false] {
        let event = tables.event().await?;
        same("kind", &event.object["kind"], &json!("Table"))?;
        let told = event.object["columnDefinitions"].as_array();
        same(
            "columns",
            told.is_some_and(|told| !told.is_empty()),
            columns,
        )?;
        same(
            "rows",
            event.object["rows"].as_array().map(Vec::len),
            Some(1),
        )?;
    }
    for name in ["x", "y"] {
        let event = partial.expect(&format!("ADDED {name}")).await?;
        same(
            "kind",
            &event.object["kind"],
            &json!("PartialObjectMetadata"),
        )?;
        let fields: Vec<&str> = event
            .object
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        same("fields", fields, ["apiVersion", "kind", "metadata"])?;
    }
    Ok(())
}
