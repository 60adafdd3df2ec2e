//! Objects with one part that is wrong.

use serde_json::{Map, Value, json};

/// Chance that is the same in every run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    /// A number below `most`.
    pub fn roll(&mut self, most: usize) -> usize {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most.max(1)
    }
}

/// What stands where something else should.
fn wrong_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(2_147_483_648_i64),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("\u{0}"),
        json!("../../x"),
        json!("é\u{202e}\u{fffd}"),
        json!("x".repeat(300)),
        json!("9".repeat(400)),
        json!("1e999999999999"),
        json!("-9223372036854775809"),
        json!("0000-00-00T00:00:00Z"),
        json!("9999-12-31T23:59:60.999999999999Z"),
        json!([]),
        json!([null]),
        json!([[]]),
        json!([{}]),
        json!([1, "x", {}]),
        json!({}),
        json!({"": null}),
        json!({"a": {"b": {"c": []}}}),
        json!({"$patch": "replace"}),
    ]
}

/// Pointers to all parts of an object, the whole left out.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    let mut visit = |key: &str, inner: &Value| {
        let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        all.push(at.clone());
        places(inner, &at, all);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, inner)| visit(key, inner)),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, inner)| visit(&index.to_string(), inner));
        }
        _ => {}
    }
}

/// So many objects, each with one or two parts replaced.
pub fn spoiled(good: &Value, count: usize, dice: &mut Dice) -> Vec<Value> {
    let (mut all, wrong) = (Vec::new(), wrong_values());
    places(good, "", &mut all);
    let one = |_| {
        let mut object = good.clone();
        for _ in 0..=dice.roll(2) {
            let place = &all[dice.roll(all.len())];
            if let Some(part) = object.pointer_mut(place) {
                *part = wrong[dice.roll(wrong.len())].clone();
            }
        }
        object
    };
    (0..count).map(one).collect()
}

/// The text of an object with a few bytes changed, left out or doubled.
pub fn scratched(good: &[u8], count: usize, dice: &mut Dice) -> Vec<Vec<u8>> {
    const MARKS: &[u8] = b"{}[]:,\"\\ntu0-9e.\0\xff&*!|>%@`#?\n\t ";
    let one = |_| {
        let mut text = good.to_vec();
        for _ in 0..=dice.roll(4) {
            let (at, mark) = (dice.roll(text.len()), MARKS[dice.roll(MARKS.len())]);
            match dice.roll(4) {
                0 if !text.is_empty() => text[at] = mark,
                1 => text.insert(at, mark),
                2 if !text.is_empty() => drop(text.remove(at)),
                _ => text.truncate(at.max(1)),
            }
        }
        text
    };
    (0..count).map(one).collect()
}

/// The text of an object in which each field of the outer levels stands twice.
pub fn doubled(good: &Value) -> Vec<u8> {
    fn write(value: &Value, depth: usize) -> String {
        match value {
            Value::Object(fields) if depth < 4 => {
                let both = fields.iter().map(|(key, inner)| {
                    let text = format!("{}:{}", json!(key), write(inner, depth + 1));
                    format!("{text},{}:null,{text}", json!(key))
                });
                format!("{{{}}}", both.collect::<Vec<_>>().join(","))
            }
            other => other.to_string(),
        }
    }
    write(good, 0).into_bytes()
}

/// The same object in a shell of the same name so many times.
pub fn wrapped(good: &Value, field: &str, times: usize) -> Value {
    let wrap = |inner: Value, _| Value::Object(Map::from_iter([(field.to_owned(), inner)]));
    (0..times).fold(good.clone(), wrap)
}

/// JSON patches that ask for what cannot be.
pub fn json_patches() -> Vec<Value> {
    let op = |op: &str, path: &str, value: Value| json!([{"op": op, "path": path, "value": value}]);
    let mut all = vec![
        json!([{}]),
        json!([null]),
        json!([[]]),
        json!([{"op": "none", "path": "/a"}]),
        json!([{"op": "add"}]),
        json!([{"op": "add", "path": 1, "value": 1}]),
        json!([{"op": 1, "path": "/a"}]),
        json!([{"op": "move", "path": "/metadata/name"}]),
        json!([{"op": "move", "from": "/metadata", "path": "/metadata/labels"}]),
        json!([{"op": "move", "from": "", "path": "/metadata"}]),
        json!([{"op": "copy", "from": "", "path": "/spec"}]),
        json!([{"op": "copy", "from": "/none", "path": "/metadata/labels"}]),
        json!([{"op": "test", "path": "/metadata/name", "value": "other"}]),
        json!([{"op": "test", "path": "/none"}]),
        json!([{"op": "remove", "path": ""}]),
        json!([{"op": "remove", "path": "/metadata"}]),
        json!([{"op": "remove", "path": "/kind"}]),
        json!([{"op": "remove", "path": "/metadata/name"}]),
        json!([{"op": "remove", "path": "/metadata/uid"}]),
    ];
    for path in [
        "",
        "/",
        "//",
        "x",
        "/~",
        "/~2",
        "/spec/-",
        "/spec/containers/-1",
        "/metadata/0",
        "/spec/containers/18446744073709551616",
        "/spec/containers/00",
        "/metadata/labels/a~1b~0",
        "/a/b/c",
    ] {
        for value in [Value::Null, json!([]), json!("x"), json!({"a": 1})] {
            all.extend(["add", "replace", "test"].map(|name| op(name, path, value.clone())));
        }
    }
    // Each copy doubles what is there.
    let double =
        json!({"op": "copy", "from": "/metadata/annotations", "path": "/metadata/annotations/x"});
    let mut bomb = vec![json!({"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}})];
    bomb.extend(vec![double; 60]);
    all.push(bomb.into());
    all.push(vec![json!({"op": "test", "path": "/kind", "value": 1}); 10_001].into());
    all
}

/// Merge patches with directives that make no sense.
pub fn directives() -> Vec<Value> {
    let list = |inner: Value| json!({"spec": {"containers": inner, "template": {"spec": {"containers": inner}}}});
    let mut all = vec![
        json!({"$patch": "delete"}),
        json!({"$patch": 5}),
        json!({"$patch": "nothing"}),
        json!({"metadata": {"$patch": "delete"}}),
        json!({"metadata": {"$patch": "replace"}}),
        json!({"metadata": {"$retainKeys": "name"}}),
        json!({"metadata": {"$retainKeys": [1, null]}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": "x"}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": [{}, null, 1]}}),
        json!({"metadata": {"$deleteFromPrimitiveList/": []}}),
        json!({"metadata": {"$setElementOrder/finalizers": {}}}),
        json!({"metadata": {"$setElementOrder/none": [1]}}),
        json!({"spec": {"$setElementOrder/containers": [{}]}}),
        json!({"spec": {"$setElementOrder/containers": ["x", 1, null]}}),
        json!({"spec": {"$setElementOrder/containers": [{"name": "none"}], "containers": [{"name": "main"}]}}),
        json!({"spec": null}),
        json!({"metadata": null}),
        json!({"metadata": {"name": null}}),
        json!({"metadata": {"uid": "other"}}),
        json!({"metadata": {"resourceVersion": "x"}}),
        json!({"metadata": {"managedFields": [{"fieldsV1": {"f:a": 1}}]}}),
        json!({"metadata": {"managedFields": [{"manager": "a", "operation": "Apply", "fieldsType": "FieldsV1",
            "apiVersion": "v1", "fieldsV1": {"k:{": {}, "v:": {}, "i:x": {}, "": {}, "f:": {".": {"x": 1}}}}]}}),
        json!({"kind": "Other"}),
        json!({"apiVersion": "v9"}),
    ];
    for inner in [
        json!([null]),
        json!([1]),
        json!([[]]),
        json!([{}]),
        json!([{"name": null}]),
        json!([{"name": 1}]),
        json!([{"name": {}}]),
        json!([{"name": "main"}, {"name": "main"}]),
        json!([{"$patch": "delete"}]),
        json!([{"$patch": "replace"}]),
        json!([{"name": "main", "$patch": "delete"}]),
        json!({"$patch": "delete"}),
        json!([{"name": "main", "ports": [{"$patch": "replace"}, null, {"containerPort": "x"}]}]),
    ] {
        all.push(list(inner));
    }
    all
}
