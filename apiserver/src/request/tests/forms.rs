//! Forms of bodies and answers.

use super::super::*;
use super::{query, refusal};
use crate::status::Failure;
use proptest::prelude::*;

const BUILT_IN: Offer = Offer {
    protobuf: true,
    transforms: true,
    discovery: false,
    streams: false,
};

fn answer(accept: &str, offer: Offer) -> Result<(Encoding, Form), Failure> {
    let answer = negotiate(accept, "kubectl/v1", &query(""), offer)?;
    Ok((answer.encoding, answer.form))
}

#[test]
fn the_first_form_that_can_be_had_is_taken() {
    let custom = Offer {
        protobuf: false,
        ..BUILT_IN
    };
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
    let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
    let protobuf_table =
        "application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1, application/yaml";
    let cases = [
        ("", BUILT_IN, Encoding::Json, Form::Object),
        ("*/*", BUILT_IN, Encoding::Json, Form::Object),
        ("application/*", BUILT_IN, Encoding::Json, Form::Object),
        (
            "text/html, application/xhtml+xml, */*;q=0.8",
            BUILT_IN,
            Encoding::Json,
            Form::Object,
        ),
        (
            "application/vnd.kubernetes.protobuf,application/json",
            BUILT_IN,
            Encoding::Protobuf,
            Form::Object,
        ),
        (
            "application/vnd.kubernetes.protobuf,application/json",
            custom,
            Encoding::Json,
            Form::Object,
        ),
        (
            "application/json;q=0.5, application/yaml",
            BUILT_IN,
            Encoding::Yaml,
            Form::Object,
        ),
        (
            "*/*, application/yaml",
            BUILT_IN,
            Encoding::Yaml,
            Form::Object,
        ),
        (
            "application/json;q=0, application/yaml;q=0.1",
            BUILT_IN,
            Encoding::Yaml,
            Form::Object,
        ),
        (table, BUILT_IN, Encoding::Json, Form::Table("v1")),
        (table, Offer::default(), Encoding::Json, Form::Object),
        (
            metadata,
            BUILT_IN,
            Encoding::Protobuf,
            Form::MetadataList("v1"),
        ),
        (metadata, custom, Encoding::Json, Form::MetadataList("v1")),
        (protobuf_table, BUILT_IN, Encoding::Yaml, Form::Object),
        (
            "application/json;as=\"PartialObjectMetadata\";g=meta.k8s.io;v=v1",
            BUILT_IN,
            Encoding::Json,
            Form::Metadata("v1"),
        ),
    ];
    for (accept, offer, encoding, form) in cases {
        assert_eq!(answer(accept, offer), Ok((encoding, form)), "{accept}");
    }
}

#[test]
fn discovery_is_one_document_where_it_is_offered() {
    let offer = Offer {
        discovery: true,
        ..Offer::default()
    };
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    assert_eq!(
        answer(accept, offer),
        Ok((Encoding::Json, Form::Discovery("v2")))
    );
    assert_eq!(answer(accept, BUILT_IN), Ok((Encoding::Json, Form::Object)));
}

#[test]
fn what_cannot_be_had_is_406_and_names_what_can() {
    let all = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";
    for accept in [
        "text/plain",
        "application/cbor",
        "application/json;as=Table;v=v9;g=meta.k8s.io",
        "application/json;stream=watch",
        "application/json;q=0",
        "nonsense",
        "*/json",
    ] {
        assert_eq!(
            refusal(answer(accept, BUILT_IN)),
            (406, all.to_owned()),
            "{accept}"
        );
    }
    let streams = Offer {
        streams: true,
        ..BUILT_IN
    };
    assert_eq!(
        answer("application/json;stream=watch", streams),
        Ok((Encoding::Json, Form::Object))
    );
    assert_eq!(
        refusal(answer("application/yaml", streams)),
        (406, "only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch".to_owned())
    );
}

#[test]
fn people_get_indented_answers() {
    let pretty = |agent, text| {
        let answer = negotiate("", agent, &query(text), BUILT_IN);
        answer.expect("JSON can be had").is_pretty
    };
    assert!(pretty("curl/8", "") && pretty("x", "pretty=true") && pretty("Mozilla/5.0 (X)", ""));
    assert!(
        !pretty("curl/8", "pretty=false") && !pretty("kubectl/v1", "") && !pretty("x", "pretty=")
    );
}

#[test]
fn bodies_are_of_known_types() {
    assert_eq!(body_encoding("", true), Ok(Encoding::Json));
    assert_eq!(
        body_encoding("Application/JSON; charset=utf-8", true),
        Ok(Encoding::Json)
    );
    assert_eq!(
        body_encoding("application/vnd.kubernetes.protobuf", true),
        Ok(Encoding::Protobuf)
    );
    assert_eq!(
        refusal(body_encoding("application/vnd.kubernetes.protobuf", false)),
        (415, "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml".to_owned())
    );
    assert_eq!(
        patch_type("application/strategic-merge-patch+json", true),
        Ok(PatchType::Strategic)
    );
    assert_eq!(
        patch_type("application/apply-patch+yaml ; x=1", false),
        Ok(PatchType::Apply)
    );
    assert_eq!(
        refusal(patch_type("application/strategic-merge-patch+json", false)),
        (415, "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml".to_owned())
    );
    assert_eq!(refusal(patch_type("", true)).0, 415);
}

proptest! {
    #[test]
    fn no_header_is_too_odd(accept in "[a-z/*;=,.q01\" ]{0,60}", any in any::<String>()) {
        for header in [accept, any] {
            let _ = negotiate(&header, &header, &query(&header), BUILT_IN);
            let _ = body_encoding(&header, true);
            let _ = patch_type(&header, true);
        }
    }
}

#[test]
fn the_most_wanted_of_other_media_types_is_found() {
    let offered = ["application/json", "application/a@v1+b"];
    let wanted = |accept: &str| most_wanted(accept, &offered).map_err(|failure| failure.code());
    let cases = [
        ("", Ok(offered[0])),
        ("*/*", Ok(offered[0])),
        ("application/a@v1+b", Ok(offered[1])),
        ("application/json;q=0.5, application/a@v1+b", Ok(offered[1])),
        ("application/a@v1+b;q=0.5, */*", Ok(offered[0])),
        ("text/html, application/json;as=Table", Ok(offered[0])),
        ("text/*", Err(406)),
        ("application/json;q=0", Err(406)),
    ];
    for (accept, expected) in cases {
        assert_eq!(wanted(accept), expected, "{accept}");
    }
}
