//! Operations, from the words of v3 to those of v2.
//!
//! v3 tells types of content with each body and answer; v2 tells them once per operation (`consumes`,
//! `produces`), and the body is one of the parameters.

use super::schemas::schema;
use serde_json::{Map, Value, json};

/// What can be done at a path.
pub(super) fn path_item(newer: Value) -> Value {
    let Value::Object(newer) = newer else {
        return newer;
    };
    let part = |(word, value): (String, Value)| match word.as_str() {
        "parameters" => (word, parameters(value).into()),
        _ => (word, operation(value)),
    };
    Value::Object(newer.into_iter().map(part).collect())
}

fn operation(mut newer: Value) -> Value {
    let body = newer["requestBody"].take();
    let mut given: Vec<Value> = body_parameter(&body).into_iter().collect();
    given.extend(parameters(newer["parameters"].take()));
    let consumes = match types(&body) {
        types if types.is_empty() => vec![json!("*/*")],
        types => types,
    };
    let produces = types(&newer["responses"]["200"]);
    let mut older = json!({
        "consumes": consumes,
        "produces": produces,
        "responses": responses(newer["responses"].take()),
        "schemes": ["https"],
    });
    if !given.is_empty() {
        older["parameters"] = given.into();
    }
    if let Value::Object(rest) = newer {
        for (word, value) in rest {
            // What has been taken is null.
            if !value.is_null() {
                older[word] = value;
            }
        }
    }
    older
}

/// Parameters of paths and queries. Their type stands beside their name here.
fn parameters(newer: Value) -> Vec<Value> {
    let Value::Array(newer) = newer else {
        return Vec::new();
    };
    let flat = |mut one: Value| {
        if let Value::Object(of_type) = schema(one["schema"].take()) {
            for (word, value) in of_type {
                one[word] = value;
            }
        }
        if let Some(fields) = one.as_object_mut() {
            fields.remove("schema");
        }
        one
    };
    newer.into_iter().map(flat).collect()
}

/// The body as a parameter.
fn body_parameter(body: &Value) -> Option<Value> {
    let mut shape = content(body).next().map(|(_, shape)| shape.clone())?;
    // A patch: an object of which nothing is said.
    if shape.as_object().is_some_and(Map::is_empty) {
        shape = json!({"type": "object"});
    }
    let mut older = json!({"in": "body", "name": "body", "schema": schema(shape)});
    if body["required"] == true {
        older["required"] = json!(true);
    }
    Some(older)
}

fn responses(newer: Value) -> Value {
    let Value::Object(newer) = newer else {
        return newer;
    };
    let older = newer.into_iter().map(|(code, response)| {
        let mut older = json!({"description": response["description"]});
        if let Some((_, shape)) = content(&response).next() {
            older["schema"] = schema(shape.clone());
        }
        (code, older)
    });
    Value::Object(older.collect())
}

/// The types of content of a body or an answer, with their schemas.
fn content(of: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let content = of.get("content").and_then(Value::as_object);
    let entries = content.into_iter().flatten();
    entries.map(|(name, one)| (name.as_str(), &one["schema"]))
}

fn types(of: &Value) -> Vec<Value> {
    content(of).map(|(name, _)| json!(name)).collect()
}
