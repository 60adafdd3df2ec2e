//! Schemas, from the words of v3 to those of v2.

use serde_json::{Map, Value, json};

/// A schema in the words of v2. Schemas nest as deep as those of the table, which its loader bounds.
pub(super) fn schema(newer: Value) -> Value {
    let Value::Object(newer) = newer else {
        return newer;
    };
    let mut older = Map::new();
    for (word, value) in newer {
        match word.as_str() {
            "$ref" => drop(older.insert(word, reference(value))),
            // One reference with something beside it. Here it may stand beside it.
            "allOf" => {
                let all = value.as_array().into_iter().flatten();
                let targets = all.filter_map(|one| one.get("$ref").cloned());
                older.extend(targets.map(|target| ("$ref".to_owned(), reference(target))));
            }
            // A number or text: who reads v2 takes it for text, and knows better by its name or format.
            "oneOf" => drop(older.insert("type".to_owned(), json!("string"))),
            "default" | "enum" => {}
            "properties" => drop(older.insert(word, each(value))),
            "items" | "additionalProperties" => drop(older.insert(word, schema(value))),
            _ => drop(older.insert(word, value)),
        }
    }
    Value::Object(older)
}

/// What v2 can say of the schema of a custom resource. Its author may use more words than the built-in
/// shapes have: bounds, patterns, choices. Those are left out, and so is the type of what may be null:
/// clients check by v2 before they send, and the server checks by everything. Schemas nest as deep as the
/// definition, whose depth the decoder bounds.
pub(super) fn custom(newer: Value) -> Value {
    let Value::Object(newer) = newer else {
        return json!({});
    };
    let is_nullable = newer.get("nullable").is_some_and(|is| is == true);
    let mut older = Map::new();
    for (word, value) in newer {
        let said = match (word.as_str(), value) {
            ("type", Value::String(_)) if is_nullable => None,
            ("$ref" | "format" | "description" | "type", value @ Value::String(_)) => Some(value),
            ("required", Value::Array(names)) if names.iter().all(Value::is_string) => {
                Some(Value::Array(names))
            }
            ("properties", Value::Object(named)) => {
                let named = named.into_iter().map(|(name, one)| (name, custom(one)));
                Some(Value::Object(named.collect()))
            }
            ("items" | "additionalProperties", one @ Value::Object(_)) => Some(custom(one)),
            (word, value) if word.starts_with("x-") => Some(value),
            _ => None,
        };
        if let Some(said) = said {
            older.insert(word, said);
        }
    }
    Value::Object(older)
}

/// Schemas by name. A name may be a word of schemas, too.
fn each(newer: Value) -> Value {
    match newer {
        Value::Object(named) => {
            let named = named.into_iter().map(|(name, one)| (name, schema(one)));
            Value::Object(named.collect())
        }
        other => other,
    }
}

fn reference(target: Value) -> Value {
    match target.as_str() {
        Some(target) => json!(target.replacen("#/components/schemas/", "#/definitions/", 1)),
        None => target,
    }
}
