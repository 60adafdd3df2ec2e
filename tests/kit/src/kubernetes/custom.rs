//! 71, 83, 89, 90, 92: objects of kinds that users define.

use super::client::Patch;
use super::definition::{DEFINITIONS, Own, PATIENCE, define, undefine, until, version};
use super::place::{Place, names};
use super::run::asked;
use crate::check::{Check, holds, same, some};
use crate::wait::wait_until;
use hyper::Method;
use serde_json::{Value, json};

asked![
    s83_what_is_defined_is_served_by_every_member_from_then_on,
    s83_what_is_defined_is_told_by_every_member,
    s89_status_and_scale_are_written_apart,
    s90_an_object_of_one_version_is_read_in_another,
    s92_columns_and_fields_to_select_by_are_the_definitions,
    s71_custom_resources_are_applied,
    s83_a_watch_of_custom_resources_tells_what_became_of_them,
];

fn replicas() -> Value {
    json!({"type": "object", "properties": {
        "replicas": {"type": "integer", "minimum": 0, "default": 1},
        "name": {"type": "string"}}})
}

async fn s83_what_is_defined_is_served_by_every_member_from_then_on(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    for member in 0..p.client.members() {
        let before = p.client.at(member).get(&p.all(&apes)).await?;
        before.refused(404, "NotFound")?;
    }
    define(p, &own.definition("apes", "Ape", &replicas())).await?;
    // At once, wherever: nobody waits for a member that has not heard of it.
    for member in 0..p.client.members() {
        let client = p.client.at(member);
        let list = client.get(&p.all(&apes)).await?.with(200)?;
        same("kind", &list["kind"], &json!("ApeList"))?;
        let ape = own.object("Ape", &format!("a{member}"), &json!({}));
        client.post(&p.all(&apes), &ape).await?.with(201)?;
    }
    let list = p.list(&apes, "").await?;
    same("apes", names(&list).len(), p.client.members())?;
    undefine(p, &own, "apes").await
}

async fn s83_what_is_defined_is_told_by_every_member(p: &Place) -> Check {
    const WANTED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let own = Own::of(p);
    let mut definition = own.definition("apes", "Ape", &replicas());
    definition["spec"]["names"]["shortNames"] = json!(["ap"]);
    definition["spec"]["names"]["categories"] = json!(["all"]);
    define(p, &definition).await?;
    for member in 0..p.client.members() {
        let client = &p.client.at(member);
        let root = format!("/apis/{}/v1", own.group);
        wait_until("a group is told of", PATIENCE, || async {
            client.get(&root).await.is_ok_and(|one| one.code == 200)
        })
        .await?;
        let told = client.get(&root).await?.with(200)?;
        let told = told["resources"].as_array().cloned().unwrap_or_default();
        let all: Vec<&Value> = told.iter().map(|one| &one["name"]).collect();
        same("resources", all, ["apes", "apes/scale", "apes/status"])?;
        same("short", &told[0]["shortNames"], &json!(["ap"]))?;
        same("singular", &told[0]["singularName"], &json!("ape"))?;
        same("categories", &told[0]["categories"], &json!(["all"]))?;
        let headers = [("accept", WANTED)];
        let groups = client.send(Method::GET, "/apis", &headers, "").await?;
        let groups = groups.with(200)?;
        let mut groups = groups["items"].as_array().into_iter().flatten();
        let group = groups.find(|one| one["metadata"]["name"] == own.group.as_str());
        let group = some("the group", group)?;
        let kind = &group["versions"][0]["resources"][0]["responseKind"]["kind"];
        same("kind", kind, &json!("Ape"))?;
        let index = client.get("/openapi/v3").await?.with(200)?;
        let place = &index["paths"][format!("apis/{}/v1", own.group)]["serverRelativeURL"];
        let place = some("a document", place.as_str())?;
        let document = client.get(place).await?.with(200)?;
        let name = type_name(&own.group, "Ape");
        let shape = &document["components"]["schemas"][&name];
        let replicas = &shape["properties"]["spec"]["properties"]["replicas"];
        same("minimum", replicas["minimum"].as_f64(), Some(0.0))?;
        let older = client.get("/openapi/v2").await?.with(200)?;
        let shape = &older["definitions"][&name];
        let spec = &shape["properties"]["spec"];
        same("type", &spec["type"], &json!("object"))?;
        let headers = [("accept", PROTOBUF)];
        let older = client
            .send(Method::GET, "/openapi/v2", &headers, "")
            .await?;
        same("protobuf", older.code, 200)?;
    }
    undefine(p, &own, "apes").await?;
    for member in 0..p.client.members() {
        let client = &p.client.at(member);
        let root = format!("/apis/{}", own.group);
        wait_until("a group is not told of any more", PATIENCE, || async {
            client.get(&root).await.is_ok_and(|one| one.code == 404)
        })
        .await?;
    }
    Ok(())
}

/// How documents name a kind of version 1.
fn type_name(group: &str, kind: &str) -> String {
    let parts: Vec<&str> = group.split('.').rev().collect();
    format!("{}.v1.{kind}", parts.join("."))
}

async fn s89_status_and_scale_are_written_apart(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    define(p, &own.definition("apes", "Ape", &replicas())).await?;
    let mut new = own.object("Ape", "a", &json!({"replicas": 2}));
    new["status"] = json!({"phase": "Wild"});
    let made = p.create(&apes, &new).await?;
    same("status of a new one", made.get("status"), None)?;
    same("generation", &made["metadata"]["generation"], &json!(1))?;
    let mut both = made.clone();
    both["spec"]["replicas"] = 3.into();
    both["status"] = json!({"phase": "Tame", "replicas": 2, "selector": "a=b"});
    let path = format!("{}/status", p.one(&apes, "a"));
    let after = p.client.put(&path, &both).await?.with(200)?;
    same("spec", &after["spec"], &made["spec"])?;
    same("phase", &after["status"]["phase"], &json!("Tame"))?;
    same("generation", &after["metadata"]["generation"], &json!(1))?;
    both["metadata"]["resourceVersion"] = after["metadata"]["resourceVersion"].clone();
    both["status"]["phase"] = "Wild".into();
    let after = p.put(&apes, &both).await?;
    same("replicas", &after["spec"]["replicas"], &json!(3))?;
    same("phase", &after["status"]["phase"], &json!("Tame"))?;
    same("generation", &after["metadata"]["generation"], &json!(2))?;
    let path = format!("{}/scale", p.one(&apes, "a"));
    let scale = p.client.get(&path).await?.with(200)?;
    same("kind", &scale["kind"], &json!("Scale"))?;
    same("wanted", &scale["spec"]["replicas"], &json!(3))?;
    let status = json!({"replicas": 2, "selector": "a=b"});
    same("status", &scale["status"], &status)?;
    let patch = json!({"spec": {"replicas": 5}});
    let scaled = p.client.patch(&path, Patch::Merge, &patch).await?;
    same("scaled", &scaled.with(200)?["spec"]["replicas"], &json!(5))?;
    let found = p.get(&apes, "a").await?;
    same("replicas", &found["spec"]["replicas"], &json!(5))?;
    same("generation", &found["metadata"]["generation"], &json!(3))?;
    let patch = json!({"spec": {"replicas": -1}});
    let refused = p.client.patch(&path, Patch::Merge, &patch).await?;
    refused.refused(422, "Invalid")?;
    undefine(p, &own, "apes").await
}

async fn s90_an_object_of_one_version_is_read_in_another(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    let mut definition = own.definition("apes", "Ape", &replicas());
    let mut second = version("v2", false, &replicas());
    second["deprecated"] = true.into();
    second["deprecationWarning"] = "use v1".into();
    let first = definition["spec"]["versions"][0].take();
    definition["spec"]["versions"] = json!([first, second]);
    define(p, &definition).await?;
    p.create(&apes, &own.object("Ape", "a", &json!({"name": "x"})))
        .await?;
    let others = apes.replace("/v1/", "/v2/");
    let answer = p.try_get(&others, "a").await?;
    same(
        "warning",
        answer.header("warning").as_str(),
        "299 - \"use v1\"",
    )?;
    let found = answer.with(200)?;
    let v2 = format!("{}/v2", own.group);
    same("version", &found["apiVersion"], &json!(v2))?;
    same("name", &found["spec"]["name"], &json!("x"))?;
    // The other one becomes the stored one; there may be objects in both.
    let path = format!("{DEFINITIONS}/{}", own.name("apes"));
    let patch = json!([
        {"op": "replace", "path": "/spec/versions/0/storage", "value": false},
        {"op": "replace", "path": "/spec/versions/1/storage", "value": true}]);
    let after = p
        .client
        .patch(&path, Patch::Json, &patch)
        .await?
        .with(200)?;
    same(
        "stored",
        &after["status"]["storedVersions"],
        &json!(["v1", "v2"]),
    )?;
    let found = p.get(&apes, "a").await?;
    let v1 = format!("{}/v1", own.group);
    same("version", &found["apiVersion"], &json!(v1))?;
    let patch = json!([{"op": "remove", "path": "/spec/versions/0"}]);
    let refused = p.client.patch(&path, Patch::Json, &patch).await?;
    let status = refused.refused(422, "Invalid")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(
        message,
        message.contains("missing from spec.versions; v1 was previously a storage version"),
    )?;
    undefine(p, &own, "apes").await
}

async fn s92_columns_and_fields_to_select_by_are_the_definitions(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    let mut definition = own.definition("apes", "Ape", &replicas());
    definition["spec"]["versions"][0]["additionalPrinterColumns"] = json!([
        {"name": "Wanted", "type": "integer", "jsonPath": ".spec.replicas"},
        {"name": "Called", "type": "string", "jsonPath": ".spec.name", "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]);
    definition["spec"]["versions"][0]["selectableFields"] = json!([{"jsonPath": ".spec.name"}]);
    define(p, &definition).await?;
    for (name, called) in [("a", "x"), ("b", "y")] {
        let ape = own.object("Ape", name, &json!({"name": called}));
        p.create(&apes, &ape).await?;
    }
    let headers = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let all = p.all(&apes);
    let table = p.client.send(Method::GET, &all, &headers, "").await?;
    let table = table.with(200)?;
    let columns = table["columnDefinitions"].as_array().into_iter().flatten();
    let columns: Vec<(&str, u64)> = columns
        .filter_map(|one| Some((one["name"].as_str()?, one["priority"].as_u64()?)))
        .collect();
    let wanted = [("Name", 0), ("Wanted", 0), ("Called", 1), ("Age", 0)];
    same("columns", columns, wanted)?;
    let cells = table["rows"][0]["cells"].as_array().cloned();
    let cells = cells.unwrap_or_default();
    same(
        "cells",
        cells.get(..3),
        Some(&[json!("a"), json!(1), json!("x")][..]),
    )?;
    let age = cells.get(3).and_then(Value::as_str).unwrap_or_default();
    holds(age, age.ends_with('s'))?;
    let query = "fieldSelector=spec.name%3Dy";
    same("chosen", names(&p.list(&apes, query).await?), ["b"])?;
    let mut watch = p.watch(&apes, query).await?;
    watch.expect("ADDED b").await?;
    let refused = p.try_list(&apes, "fieldSelector=spec.replicas%3D1").await?;
    refused.refused(400, "BadRequest")?;
    undefine(p, &own, "apes").await
}

async fn s71_custom_resources_are_applied(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    define(p, &own.definition("apes", "Ape", &replicas())).await?;
    let ape = own.object("Ape", "a", &json!({"replicas": 2, "name": "x"}));
    p.apply(&apes, "one", &ape).await?.with(201)?;
    let first = p.get(&apes, "a").await?;
    let same_again = p.apply(&apes, "one", &ape).await?.with(200)?;
    same(
        "nothing is written",
        &same_again["metadata"]["resourceVersion"],
        &first["metadata"]["resourceVersion"],
    )?;
    let other = own.object("Ape", "a", &json!({"replicas": 3}));
    let refused = p
        .apply(&apes, "two", &other)
        .await?
        .refused(409, "Conflict")?;
    let message = refused["message"].as_str().unwrap_or_default();
    holds(
        message,
        message.contains("conflict with \"one\": .spec.replicas"),
    )?;
    // What nobody applies any more goes, and a default takes its place.
    let less = own.object("Ape", "a", &json!({"name": "x"}));
    let after = p.apply(&apes, "one", &less).await?.with(200)?;
    same("replicas", &after["spec"]["replicas"], &json!(1))?;
    let strategic = p.patch(Patch::Strategic, &apes, "a", &json!({})).await?;
    strategic.refused(415, "UnsupportedMediaType")?;
    let odd = own.object("Ape", "a", &json!({"odd": 1}));
    let refused = p.apply(&apes, "one", &odd).await?;
    holds("a field nobody knows is refused", refused.code >= 400)?;
    let text = refused.text();
    holds(&text, text.contains("field not declared in schema"))?;
    undefine(p, &own, "apes").await
}

async fn s83_a_watch_of_custom_resources_tells_what_became_of_them(p: &Place) -> Check {
    let own = Own::of(p);
    let apes = own.resource("apes");
    define(p, &own.definition("apes", "Ape", &replicas())).await?;
    let mut watch = p.watch(&apes, "").await?;
    p.create(&apes, &own.object("Ape", "a", &json!({}))).await?;
    let added = watch.expect("ADDED a").await?;
    same("defaults", &added.object["spec"]["replicas"], &json!(1))?;
    p.merge(&apes, "a", &json!({"spec": {"replicas": 2}}))
        .await?;
    watch.expect("MODIFIED a").await?;
    p.delete(&apes, "a", &json!({})).await?.with(200)?;
    watch.expect("DELETED a").await?;
    let found = until(p, &own.name("apes"), "it is there", |_| true).await?;
    let accepted = &found["status"]["acceptedNames"];
    let wanted = json!({"plural": "apes", "singular": "ape", "kind": "Ape", "listKind": "ApeList"});
    same("names", accepted, &wanted)?;
    undefine(p, &own, "apes").await
}
