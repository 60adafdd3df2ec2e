//! gnostic's messages, as far as documents of ours have them: which field is written where.
//!
//! The numbers are those of `openapiv2/OpenAPIv2.proto` in google/gnostic-models, which never change.
//! Many of its messages hold one field of another message and nothing else. Here they have no name: a
//! field has a path of numbers, and those in front of its last one are such messages.

/// A message: the fields that it has.
pub(super) struct Shape {
    /// In the order of their numbers.
    pub(super) fields: &'static [Field],
    /// The number of the list of those whose names begin with `x-`, which may be anything. `None`: there
    /// is none.
    pub(super) extensions: Option<u32>,
}

/// A field of a value, and of the message that says it.
pub(super) struct Field {
    /// In JSON.
    pub(super) name: &'static str,
    /// Where it is. If there are several of it, the last number is there several times.
    pub(super) numbers: &'static [u32],
    pub(super) form: Form,
}

/// What a field holds.
pub(super) enum Form {
    Text,
    Texts,
    Flag,
    One(&'static Shape),
    /// Values by name. Each is a message of its name (1) and of the value, which is within these numbers.
    Named(&'static [u32], &'static Shape),
    /// Parameters, which are of different messages by where they are.
    Parameters,
}

/// A kind of parameter: where it is, the numbers within a `ParametersItem`, its message.
pub(super) static PARAMETERS: &[(&str, &[u32], &Shape)] = &[
    ("body", &[1, 1], &BODY_PARAMETER),
    ("query", &[1, 2, 3], &QUERY_PARAMETER),
    ("path", &[1, 2, 4], &PATH_PARAMETER),
];

/// The whole.
pub(super) static DOCUMENT: Shape = Shape {
    fields: &[
        field("swagger", &[1], Form::Text),
        field("info", &[2], Form::One(&INFO)),
        field("paths", &[8, 2], Form::Named(&[2], &PATH_ITEM)),
        field("definitions", &[9, 1], Form::Named(&[2], &SCHEMA)),
        field(
            "securityDefinitions",
            &[13, 1],
            Form::Named(&[2, 2], &API_KEY),
        ),
    ],
    extensions: Some(16),
};

static INFO: Shape = Shape {
    fields: &[
        field("title", &[1], Form::Text),
        field("version", &[2], Form::Text),
    ],
    extensions: Some(7),
};

static API_KEY: Shape = Shape {
    fields: &[
        field("type", &[1], Form::Text),
        field("name", &[2], Form::Text),
        field("in", &[3], Form::Text),
        field("description", &[4], Form::Text),
    ],
    extensions: Some(5),
};

static PATH_ITEM: Shape = Shape {
    fields: &[
        field("get", &[2], Form::One(&OPERATION)),
        field("put", &[3], Form::One(&OPERATION)),
        field("post", &[4], Form::One(&OPERATION)),
        field("delete", &[5], Form::One(&OPERATION)),
        field("patch", &[8], Form::One(&OPERATION)),
        field("parameters", &[9], Form::Parameters),
    ],
    extensions: Some(10),
};

static OPERATION: Shape = Shape {
    fields: &[
        field("tags", &[1], Form::Texts),
        field("description", &[3], Form::Text),
        field("operationId", &[5], Form::Text),
        field("produces", &[6], Form::Texts),
        field("consumes", &[7], Form::Texts),
        field("parameters", &[8], Form::Parameters),
        field("responses", &[9, 1], Form::Named(&[2, 1], &RESPONSE)),
        field("schemes", &[10], Form::Texts),
    ],
    extensions: Some(13),
};

static BODY_PARAMETER: Shape = Shape {
    fields: &[
        field("description", &[1], Form::Text),
        field("name", &[2], Form::Text),
        field("in", &[3], Form::Text),
        field("required", &[4], Form::Flag),
        field("schema", &[5], Form::One(&SCHEMA)),
    ],
    extensions: Some(6),
};

static QUERY_PARAMETER: Shape = Shape {
    fields: &[
        field("required", &[1], Form::Flag),
        field("in", &[2], Form::Text),
        field("description", &[3], Form::Text),
        field("name", &[4], Form::Text),
        field("type", &[6], Form::Text),
        field("uniqueItems", &[20], Form::Flag),
    ],
    extensions: Some(23),
};

static PATH_PARAMETER: Shape = Shape {
    fields: &[
        field("required", &[1], Form::Flag),
        field("in", &[2], Form::Text),
        field("description", &[3], Form::Text),
        field("name", &[4], Form::Text),
        field("type", &[5], Form::Text),
        field("uniqueItems", &[19], Form::Flag),
    ],
    extensions: Some(22),
};

static RESPONSE: Shape = Shape {
    fields: &[
        field("description", &[1], Form::Text),
        field("schema", &[2, 1], Form::One(&SCHEMA)),
    ],
    extensions: Some(5),
};

static SCHEMA: Shape = Shape {
    fields: &[
        field("$ref", &[1], Form::Text),
        field("format", &[2], Form::Text),
        field("description", &[4], Form::Text),
        field("required", &[19], Form::Texts),
        field("additionalProperties", &[21, 1], Form::One(&SCHEMA)),
        field("type", &[22, 1], Form::Text),
        field("items", &[23, 1], Form::One(&SCHEMA)),
        field("properties", &[25, 1], Form::Named(&[2], &SCHEMA)),
    ],
    extensions: Some(31),
};

const fn field(name: &'static str, numbers: &'static [u32], form: Form) -> Field {
    Field {
        name,
        numbers,
        form,
    }
}
