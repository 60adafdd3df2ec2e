//! Any bytes as a body of any kind: refused, or an object that every encoding says again.

use super::*;
use crate::decode::conform::conform;
use crate::decode::{json_any, yaml_any};
use crate::encode::{protobuf, protobuf_of_text};
use crate::schema::{Gvk, builtin};
use keelson_fuzz::memory::most_held;
use keelson_fuzz::{Form, Target};

/// The kinds of the release, and how their protobuf is read.
struct Kinds {
    gvks: Vec<Gvk>,
    wire: Wire,
}

impl Kinds {
    fn new() -> Kinds {
        let mut gvks: Vec<Gvk> = builtin().kinds.keys().cloned().collect();
        gvks.sort_by(|a, b| (&a.group, &a.version, &a.kind).cmp(&(&b.group, &b.version, &b.kind)));
        let wire = Wire::new(builtin());
        Kinds { gvks, wire }
    }

    /// The place of a kind: the first two bytes of an input.
    fn place(&self, kind: &str) -> [u8; 2] {
        let place = self.gvks.iter().position(|gvk| gvk.kind == kind);
        (place.expect("a kind of the release") as u16).to_le_bytes()
    }

    fn read(&self, media: MediaType, body: &[u8], gvk: &Gvk) -> Result<Value, Error> {
        let decoder = Decoder::new(builtin(), &self.wire);
        let decoded = decoder.decode(media, body, gvk, FieldValidation::Warn)?;
        assert_eq!(
            decoded.value["kind"].as_str(),
            Some(decoded.gvk.kind.as_str())
        );
        Ok(decoded.value)
    }

    fn check(&self, media: MediaType, input: &[u8]) {
        let Some((place, body)) = input.split_first_chunk::<2>() else {
            return;
        };
        let gvk = &self.gvks[usize::from(u16::from_le_bytes(*place)) % self.gvks.len()];
        let (read, held) = most_held(|| self.read(media, body, gvk));
        // An object takes up to a kilobyte once it has what is always there, and three bytes ask for it.
        assert!(
            held < 200_000 + 1500 * body.len(),
            "{held} bytes for {} of {gvk:?}",
            body.len()
        );
        if let Ok(value) = read {
            self.check_object(&value, gvk);
        }
    }

    /// What has been read is in form, and comes back from each encoding.
    fn check_object(&self, value: &Value, gvk: &Gvk) {
        let of = Gvk {
            kind: value["kind"].as_str().unwrap_or_default().to_owned(),
            ..gvk.clone()
        };
        let text = value.to_string();
        let again = self.read(MediaType::Json, text.as_bytes(), &of);
        assert_eq!(again.as_ref(), Ok(value), "from its own text {text}");
        let mut conformed = value.clone();
        let version = value["apiVersion"].as_str().unwrap_or_default();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let own = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            ..of
        };
        let id = builtin().kind(&own).expect("it was read as this kind");
        conform(builtin(), id, &mut conformed).expect("it was in form");
        // A few types that no client ever sends as an object do not have these two fields.
        for field in ["apiVersion", "kind"] {
            if let Some(fields) = conformed.as_object_mut() {
                fields.insert(field.to_owned(), value[field].clone());
            }
        }
        assert_eq!(&conformed, value, "conforming changes nothing");
        let Ok(message) = protobuf(builtin(), &self.wire, &own, value) else {
            // Some kinds have no protobuf.
            return;
        };
        let of_text = protobuf_of_text(builtin(), &self.wire, &own, text.as_bytes());
        assert_eq!(of_text.ok().as_deref(), Some(&message[..]), "of {text}");
        let first = self.read(MediaType::Protobuf, &message, &own);
        let first = first.unwrap_or_else(|error| panic!("{error}: {text}"));
        // Unknown fields of schemas within lists of schemas are kept in JSON, and have no tag in protobuf.
        if own.kind != "CustomResourceDefinition" && own.kind != "CustomResourceDefinitionList" {
            assert_eq!(bare(&first), bare(value), "through protobuf");
        }
        // What is always printed although it is empty is absent in protobuf; from there on nothing changes.
        let second = protobuf(builtin(), &self.wire, &own, &first).expect("of its kind");
        assert_eq!(
            self.read(MediaType::Protobuf, &second, &own).as_ref(),
            Ok(&first)
        );
    }
}

/// An object without what is empty.
fn bare(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let bare = fields
                .iter()
                .map(|(name, value)| (name.clone(), bare(value)));
            let empty = [
                Value::Null,
                Value::from(""),
                Value::Array(vec![]),
                Value::Object(Default::default()),
            ];
            bare.filter(|(_, value)| !empty.contains(value)).collect()
        }
        Value::Array(items) => items.iter().map(bare).collect(),
        other => other.clone(),
    }
}

const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"x":"y"},"creationTimestamp":"2024-01-01T00:00:00Z","ownerReferences":[{"apiVersion":"v1","kind":"K","name":"o","uid":"u"}]},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"1000m"}},"livenessProbe":{"httpGet":{"port":"web"}}}],"volumes":[{"name":"v","emptyDir":{}}]},"status":{}}"#;
const SECRET: &str =
    r#"{"kind":"Secret","data":{"a":"AP8="},"stringData":{"b":"c"},"immutable":true}"#;
const JOB: &str = r#"{"kind":"Job","spec":{"completions":3,"backoffLimit":null,"template":{"spec":{"restartPolicy":"Never"}}}}"#;
const DEFINITION: &str = r#"{"spec":{"group":"g","names":{"kind":"K","plural":"ks"},"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"type":"object","default":{"a":[1,null]},"properties":{"b":{"items":[{"maximum":1.5}]}},"additionalProperties":true}}}]}}"#;
const LEASE: &str = r#"{"spec":{"holderIdentity":"x","renewTime":"2024-01-01T00:00:00.000001Z","leaseDurationSeconds":15}}"#;

const OBJECTS: [(&str, &str); 5] = [
    ("Pod", POD),
    ("Secret", SECRET),
    ("Job", JOB),
    ("CustomResourceDefinition", DEFINITION),
    ("Lease", LEASE),
];

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "0.5",
    "9223372036854775808",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "é",
    "\"spec\":{",
    "\"metadata\":{",
    "\"status\":",
    "\"name\":\"a\"",
    "\"kind\":\"PodList\"",
    "\"apiVersion\":\"apps/v1\"",
    "\"items\":[",
    "\"data\":{",
    "\"1.5Gi\"",
    "\"2024-01-01T00:00:00Z\"",
    "\"creationTimestamp\":",
];

const YAML_WORDS: &[&str] = &[
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    ": ",
    "? ",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "!!binary ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "# ",
    "---\n",
    "...\n",
    "null",
    "~",
    "yes",
    "on",
    "0o7",
    "0x1f",
    "1_000",
    "1e3",
    ".inf",
    ".nan",
    "2024-01-01",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\t",
    "é",
    "spec:",
    "metadata:",
    "name: a",
    "items:",
];

fn target(name: &'static str, form: Form) -> Target {
    // An object of a whole kind takes a millisecond where nothing is optimised.
    Target::new(name, form).rounds(500).length_max(2000)
}

/// Bodies in JSON.
#[test]
fn fuzz_kube_json() {
    let kinds = Kinds::new();
    let seeds = OBJECTS.map(|(kind, text)| [&kinds.place(kind)[..], text.as_bytes()].concat());
    target("kube_json", Form::Text(WORDS)).run(seeds.into(), |input| {
        kinds.check(MediaType::Json, input);
        let _ = json_any(input);
    });
}

/// Bodies in YAML.
#[test]
fn fuzz_kube_yaml() {
    let kinds = Kinds::new();
    let seed = |kind: &str, text: &str| [&kinds.place(kind)[..], text.as_bytes()].concat();
    let seeds = vec![
        seed(
            "Pod",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - {name: c, image: i}\n",
        ),
        seed(
            "ConfigMap",
            "data: &a\n  x: |\n    text\n  y: 'yes'\nbinaryData: *a\n",
        ),
        seed(
            "Service",
            "spec:\n  ports: [{port: 0x50, targetPort: web}]\n  <<: {type: \"ClusterIP\"}\n---\n",
        ),
        seed("Lease", LEASE),
    ];
    target("kube_yaml", Form::Text(YAML_WORDS)).run(seeds, |input| {
        kinds.check(MediaType::Yaml, input);
        let _ = yaml_any(input);
    });
}

/// Bodies in Kubernetes' protobuf.
#[test]
fn fuzz_kube_protobuf() {
    let kinds = Kinds::new();
    let seeds = OBJECTS.map(|(kind, text)| {
        let place = kinds.place(kind);
        let gvk = &kinds.gvks[usize::from(u16::from_le_bytes(place))];
        let value = kinds.read(MediaType::Json, text.as_bytes(), gvk);
        let value = value.expect("an object");
        let body = protobuf(builtin(), &kinds.wire, gvk, &value).expect("of its kind");
        [&place[..], &body[..]].concat()
    });
    // The place of the kind, and the four bytes with which every body begins.
    target("kube_protobuf", Form::Message(6)).run(seeds.into(), |input| {
        kinds.check(MediaType::Protobuf, input);
    });
}
