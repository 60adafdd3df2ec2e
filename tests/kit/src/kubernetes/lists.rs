//! 16 to 27, but for what compaction takes: what a list answers.

use super::objects::secret;
use super::place::{Place, names};
use super::run::asked;
use super::watch::version;
use crate::check::{Check, holds, same, some};
use futures::future::{try_join, try_join_all};
use hyper::Method;
use serde_json::{Value, json};

asked![
    s16_pages_are_one_snapshot,
    s17_what_remains_is_told_without_selectors_and_not_at_the_end,
    s19_a_token_goes_with_no_version_and_with_any_selector,
    s20_a_limit_with_version_0_is_answered,
    s21_an_old_state_is_listed_exactly,
    s22_a_version_that_does_not_come_is_waited_for_and_then_too_large,
    s22_a_version_that_comes_in_time_is_answered,
    s23_every_member_sees_what_was_acknowledged_by_any,
    s24_an_empty_list_has_items_and_a_version,
    s25_a_limit_counts_what_is_selected,
    s26_names_and_fields_select,
    s27_a_collection_goes_by_both_selectors,
];

fn token(list: &Value) -> Option<&str> {
    let token = list["metadata"]["continue"].as_str();
    token.filter(|token| !token.is_empty())
}

async fn fill(p: &Place, count: usize) -> Check<Vec<String>> {
    let all: Vec<String> = (0..count).map(|n| format!("x{n:02}")).collect();
    try_join_all(all.iter().map(|name| p.secret(name))).await?;
    Ok(all)
}

async fn s16_pages_are_one_snapshot(p: &Place) -> Check {
    let all = fill(p, 12).await?;
    let first = p.list("secrets", "limit=5").await?;
    let mut found = names(&first);
    p.secret("x05a").await?;
    p.delete("secrets", "x09", &json!({})).await?.with(200)?;
    let mut next = token(&first).map(str::to_owned);
    while let Some(token_) = next {
        let page = p
            .list("secrets", &format!("limit=5&continue={token_}"))
            .await?;
        same("the version of each page", version(&page), version(&first))?;
        holds(
            "a page is no longer than its limit",
            names(&page).len() <= 5,
        )?;
        found.extend(names(&page));
        next = token(&page).map(str::to_owned);
    }
    same("all pages", found, all)
}

async fn s17_what_remains_is_told_without_selectors_and_not_at_the_end(p: &Place) -> Check {
    fill(p, 8).await?;
    let first = p.list("secrets", "limit=5").await?;
    same(
        "what remains",
        &first["metadata"]["remainingItemCount"],
        &json!(3),
    )?;
    let next = some("a token", token(&first))?;
    let last = p
        .list("secrets", &format!("limit=5&continue={next}"))
        .await?;
    same(
        "at the end",
        last["metadata"].get("remainingItemCount"),
        None,
    )?;
    same("a token at the end", token(&last), None)?;
    for selector in [
        "labelSelector=app%3Dweb",
        "fieldSelector=metadata.name!%3Dz",
    ] {
        let page = p.list("secrets", &format!("limit=5&{selector}")).await?;
        same(selector, page["metadata"].get("remainingItemCount"), None)?;
        some("a token", token(&page))?;
    }
    Ok(())
}

async fn s19_a_token_goes_with_no_version_and_with_any_selector(p: &Place) -> Check {
    let all = fill(p, 6).await?;
    let first = p.list("secrets", "limit=2").await?;
    let next = format!("limit=2&continue={}", some("a token", token(&first))?);
    let with = format!("{next}&resourceVersion={}", version(&first));
    p.try_list("secrets", &with)
        .await?
        .refused(400, "BadRequest")?;
    for (selector, wanted) in [
        ("labelSelector=app%3Dweb", &all[2..4]),
        ("labelSelector=app%3Dnone", &all[..0]),
        ("fieldSelector=metadata.name%3Dx05", &all[5..]),
        ("fieldSelector=metadata.name%3Dx01", &all[..0]),
    ] {
        let page = p.list("secrets", &format!("{next}&{selector}")).await?;
        same(selector, names(&page), wanted)?;
    }
    Ok(())
}

/// Any state will do, also one that has the third object and not yet the first; whichever it is,
/// the answer is its beginning, and with no token all of it.
async fn s20_a_limit_with_version_0_is_answered(p: &Place) -> Check {
    let reads = async {
        for _ in 0..4 * p.client.members() {
            let page = p.list("secrets", "limit=4&resourceVersion=0").await?;
            let at = version(&page);
            let exact = format!("resourceVersion={at}&resourceVersionMatch=Exact");
            let mut there = names(&p.list("secrets", &exact).await?);
            if token(&page).is_some() {
                there.truncate(names(&page).len());
            }
            same("what was there", names(&page), there)?;
        }
        Ok(())
    };
    try_join(fill(p, 20), reads).await.map(|_| ())
}

async fn s21_an_old_state_is_listed_exactly(p: &Place) -> Check {
    let first = version(&p.secret("x").await?);
    let second = version(&p.secret("y").await?);
    p.delete("secrets", "x", &json!({})).await?.with(200)?;
    for member in 0..p.client.members() {
        for (at, wanted) in [(first, vec!["x"]), (second, vec!["x", "y"])] {
            let query = format!("resourceVersion={at}&resourceVersionMatch=Exact");
            let path = format!("{}?{query}", p.all("secrets"));
            let list = p.client.at(member).get(&path).await?.with(200)?;
            same("the list's version", version(&list), at)?;
            same("what was there", names(&list), wanted)?;
        }
    }
    Ok(())
}

async fn s22_a_version_that_does_not_come_is_waited_for_and_then_too_large(p: &Place) -> Check {
    let wanted = version(&p.secret("x").await?) + 1_000_000;
    let paths = [
        format!("{}?resourceVersion={wanted}", p.all("secrets")),
        format!(
            "{}?resourceVersion={wanted}&resourceVersionMatch=Exact",
            p.all("secrets")
        ),
        format!("{}?resourceVersion={wanted}", p.one("secrets", "x")),
    ];
    let reads = paths.iter().map(|path| async move {
        let began = std::time::Instant::now();
        let status = p.client.get(path).await?.refused(504, "Timeout")?;
        Check::Ok((status, began.elapsed().as_secs_f64()))
    });
    for (status, took) in try_join_all(reads).await? {
        holds(
            &format!("three seconds, more or less: {took}"),
            (2.5..30.0).contains(&took),
        )?;
        let start = format!("Timeout: Too large resource version: {wanted}, current: ");
        let message = status["message"].as_str().unwrap_or_default();
        holds(message, message.starts_with(&start))?;
        let cause = &status["details"]["causes"][0]["reason"];
        same("the cause", cause, &json!("ResourceVersionTooLarge"))?;
        same("retry", &status["details"]["retryAfterSeconds"], &json!(1))?;
    }
    Ok(())
}

async fn s22_a_version_that_comes_in_time_is_answered(p: &Place) -> Check {
    let wanted = version(&p.secret("x").await?) + 8;
    let query = format!("resourceVersion={wanted}");
    let reading = p.list("secrets", &query);
    let writing = async {
        let mut now = 0;
        while now < wanted {
            let patch = json!({"metadata": {"annotations": {"a": now.to_string()}}});
            now = version(&p.merge("secrets", "x", &patch).await?);
        }
        Check::Ok(())
    };
    let (list, written) = tokio::join!(reading, writing);
    written?;
    holds("not older than asked for", version(&list?) >= wanted)
}

async fn s23_every_member_sees_what_was_acknowledged_by_any(p: &Place) -> Check {
    let members = p.client.members();
    for round in 0..4 * members {
        let name = format!("x{round:02}");
        let (writer, reader) = (p.client.at(round), p.client.at(round + 1 + round / members));
        let made = writer
            .post(&p.all("secrets"), &secret(&name, "web"))
            .await?
            .with(201)?;
        let read = reader.get(&p.one("secrets", &name)).await?.with(200)?;
        same("what is read", &read, &made)?;
        let list = reader.get(&p.all("secrets")).await?.with(200)?;
        holds("the list has it", names(&list).contains(&name))?;
        writer
            .delete(&p.one("secrets", &name), &json!({}))
            .await?
            .with(200)?;
        let gone = reader.get(&p.one("secrets", &name)).await?;
        gone.says(404, "NotFound", &format!("secrets \"{name}\" not found"))?;
    }
    Ok(())
}

async fn s24_an_empty_list_has_items_and_a_version(p: &Place) -> Check {
    let list = p.list("secrets", "").await?;
    same("kind", &list["kind"], &json!("SecretList"))?;
    same("items", &list["items"], &json!([]))?;
    holds("a version", version(&list) >= 1)
}

async fn s25_a_limit_counts_what_is_selected(p: &Place) -> Check {
    let create = (0..60).map(|n| async move {
        let app = if n % 20 == 19 { "rare" } else { "web" };
        p.create("secrets", &secret(&format!("x{n:02}"), app)).await
    });
    try_join_all(create).await?;
    let (mut next, mut found) = (String::new(), Vec::new());
    loop {
        let query = format!("limit=2&labelSelector=app%3Drare{next}");
        let page = p.list("secrets", &query).await?;
        found.extend(names(&page));
        let Some(token) = token(&page) else { break };
        same("only the last page may be short", names(&page).len(), 2)?;
        next = format!("&continue={token}");
    }
    same("what is selected", found, ["x19", "x39", "x59"])
}

async fn s26_names_and_fields_select(p: &Place) -> Check {
    for (name, kind) in [("x", "a.io/x"), ("y", "a.io/y"), ("z", "a.io/x")] {
        let mut object = secret(name, "web");
        object["type"] = kind.into();
        p.create("secrets", &object).await?;
    }
    for (selector, wanted) in [
        ("metadata.name!%3Dx", vec!["y", "z"]),
        ("metadata.name%3Dx", vec!["x"]),
        ("metadata.name%3D%3Dx,type%3Da.io/y", vec![]),
        ("type%3Da.io/x", vec!["x", "z"]),
        ("type%3Da.io/x,metadata.name!%3Dx", vec!["z"]),
    ] {
        let list = p
            .list("secrets", &format!("fieldSelector={selector}"))
            .await?;
        same(selector, names(&list), wanted)?;
    }
    let refused = p.try_list("pods", "fieldSelector=spec.foo%3Dbar").await?;
    let status = refused.refused(400, "BadRequest")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(
        message,
        message.ends_with("field label not supported: spec.foo"),
    )
}

async fn s27_a_collection_goes_by_both_selectors(p: &Place) -> Check {
    for (name, app) in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "x")] {
        p.create("secrets", &secret(name, app)).await?;
    }
    let from = version(&p.list("secrets", "").await?);
    let mut watch = p
        .watch("secrets", &format!("resourceVersion={from}"))
        .await?;
    let query = "labelSelector=app%3Dx&fieldSelector=metadata.name!%3Da";
    let path = format!("{}?{query}", p.all("secrets"));
    let answer = p
        .client
        .send(Method::DELETE, &path, &[], "")
        .await?
        .with(200)?;
    let kind = answer["kind"].as_str().unwrap_or_default();
    holds(kind, ["SecretList", "Status"].contains(&kind))?;
    p.secret("end").await?;
    let events = watch.until(|event| event.name() == "end").await?;
    let mut told: Vec<String> = events.iter().map(|event| event.short()).collect();
    told.sort();
    same("the events", told, ["ADDED end", "DELETED b", "DELETED d"])?;
    let left = p.list("secrets", "").await?;
    same("what is left", names(&left), ["a", "c", "end"])
}
