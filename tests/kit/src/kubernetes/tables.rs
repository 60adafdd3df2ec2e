//! Section 1.9: other forms of the same objects.

use super::place::Place;
use super::run::asked;
use super::watch::version;
use crate::check::{Check, holds, same};
use hyper::Method;
use serde_json::{Value, json};

asked![
    c9_a_table_has_columns_and_a_row_per_object,
    c9_a_partial_object_has_its_metadata_alone,
    c9_yaml_is_read_and_written,
    c9_protobuf_is_written_in_its_envelope,
    c9_large_answers_are_packed_for_those_who_unpack,
];

async fn as_(p: &Place, path: &str, accept: &str) -> Check<Value> {
    let accept = format!("application/json;as={accept};v=v1;g=meta.k8s.io");
    let headers = [("accept", accept.as_str())];
    p.client
        .send(Method::GET, path, &headers, "")
        .await?
        .with(200)
}

async fn c9_a_table_has_columns_and_a_row_per_object(p: &Place) -> Check {
    for name in ["a", "b"] {
        p.secret(name).await?;
    }
    let table = as_(p, &p.all("secrets"), "Table").await?;
    same("kind", &table["kind"], &json!("Table"))?;
    same("apiVersion", &table["apiVersion"], &json!("meta.k8s.io/v1"))?;
    let columns = table["columnDefinitions"].as_array().into_iter().flatten();
    let columns: Vec<&str> = columns.filter_map(|one| one["name"].as_str()).collect();
    same("columns", columns, ["Name", "Type", "Data", "Age"])?;
    let rows = table["rows"].as_array().cloned().unwrap_or_default();
    let cells: Vec<&Value> = rows.iter().map(|row| &row["cells"][0]).collect();
    same("rows", cells, ["a", "b"])?;
    let kind = &rows[0]["object"]["kind"];
    same("each row's object", kind, &json!("PartialObjectMetadata"))?;
    holds("a version", version(&table) >= 1)?;
    let whole = as_(
        p,
        &format!("{}?includeObject=Object", p.all("secrets")),
        "Table",
    )
    .await?;
    same(
        "the whole object",
        &whole["rows"][0]["object"]["kind"],
        &json!("Secret"),
    )?;
    let none = as_(
        p,
        &format!("{}?includeObject=None", p.all("secrets")),
        "Table",
    )
    .await?;
    let object = none["rows"][0]
        .get("object")
        .filter(|object| !object.is_null());
    same("no object", object, None)?;
    let one = as_(p, &p.one("secrets", "a"), "Table").await?;
    same("rows of one", one["rows"].as_array().map(Vec::len), Some(1))
}

async fn c9_a_partial_object_has_its_metadata_alone(p: &Place) -> Check {
    p.map("a").await?;
    let one = as_(p, &p.one("configmaps", "a"), "PartialObjectMetadata").await?;
    same("kind", &one["kind"], &json!("PartialObjectMetadata"))?;
    same("apiVersion", &one["apiVersion"], &json!("meta.k8s.io/v1"))?;
    same("data", one.get("data"), None)?;
    let list = as_(p, &p.all("configmaps"), "PartialObjectMetadataList").await?;
    same("kind", &list["kind"], &json!("PartialObjectMetadataList"))?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let is_bare = items.iter().all(|item| item.get("data").is_none());
    holds("no data", is_bare && !items.is_empty())
}

async fn c9_yaml_is_read_and_written(p: &Place) -> Check {
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: 'yes'\n";
    let headers = [
        ("content-type", "application/yaml"),
        ("accept", "application/yaml"),
    ];
    let answer = p
        .client
        .send(Method::POST, &p.all("configmaps"), &headers, yaml)
        .await?;
    same("code", answer.code, 201)?;
    same(
        "type",
        answer.header("content-type").as_str(),
        "application/yaml",
    )?;
    let told = answer.text();
    holds(&told, told.contains("name: a\n") && !told.starts_with('{'))?;
    same(
        "data",
        &p.get("configmaps", "a").await?["data"],
        &json!({"k": "yes"}),
    )
}

async fn c9_protobuf_is_written_in_its_envelope(p: &Place) -> Check {
    p.map("a").await?;
    let media = "application/vnd.kubernetes.protobuf";
    let headers = [("accept", media)];
    let answer = p
        .client
        .send(Method::GET, &p.one("configmaps", "a"), &headers, "")
        .await?;
    same("type", answer.header("content-type").as_str(), media)?;
    holds("the envelope", answer.body.starts_with(b"k8s\0"))?;
    // What was read that way can be sent that way.
    let headers = [("content-type", media)];
    let put = p
        .client
        .send(
            Method::PUT,
            &p.one("configmaps", "a"),
            &headers,
            answer.body,
        )
        .await?;
    same(
        "what is stored",
        put.with(200)?,
        p.get("configmaps", "a").await?,
    )
}

async fn c9_large_answers_are_packed_for_those_who_unpack(p: &Place) -> Check {
    let large = super::objects::map("a", &"x".repeat(200 * 1024));
    p.create("configmaps", &large).await?;
    let path = p.one("configmaps", "a");
    let headers = [("accept-encoding", "gzip")];
    let packed = p.client.send(Method::GET, &path, &headers, "").await?;
    same("packed", packed.header("content-encoding").as_str(), "gzip")?;
    holds("smaller", packed.body.len() < 100 * 1024)?;
    let plain = p.client.get(&path).await?;
    same("plain", plain.header("content-encoding").as_str(), "")?;
    p.map("b").await?;
    let small = p
        .client
        .send(Method::GET, &p.one("configmaps", "b"), &headers, "")
        .await?;
    same("small", small.header("content-encoding").as_str(), "")
}
