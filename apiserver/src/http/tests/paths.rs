//! Discovery, documents and the other paths that are no resources.

use super::world::{Plan, World};
use hyper::Method;

#[tokio::test]
async fn discovery_is_told_in_the_form_that_is_asked_for() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let old = admin.get("/api").await;
    assert_eq!(old.json()["kind"], "APIVersions");
    assert_eq!(
        old.json()["serverAddressByClientCIDRs"][0]["serverAddress"],
        "here:6443"
    );
    assert_eq!(admin.get("/apis").await.json()["kind"], "APIGroupList");
    assert_eq!(admin.get("/apis/apps").await.json()["kind"], "APIGroup");
    let pods = admin.get("/api/v1").await.json();
    assert_eq!(pods["kind"], "APIResourceList");
    assert_eq!(
        admin.get("/apis/apps/v1").await.json()["groupVersion"],
        "apps/v1"
    );
    for version in ["v2", "v2beta1"] {
        let wanted =
            format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList");
        let headers = [("accept", wanted.as_str())];
        let new = admin.get_with("/apis", &headers).await;
        assert_eq!(new.header("content-type"), wanted);
        assert_eq!(
            new.json()["apiVersion"],
            format!("apidiscovery.k8s.io/{version}")
        );
        assert!(new.header("vary").contains("Accept"), "{:?}", new.headers);
    }
}

#[tokio::test]
async fn discovery_that_is_known_is_not_sent_again() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let wanted = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let first = admin.get_with("/apis", &[("accept", wanted)]).await;
    let tag = first.header("etag").to_owned();
    assert_eq!(tag.len(), 130, "a quoted sum of 64 bytes");
    let headers = [("accept", wanted), ("if-none-match", tag.as_str())];
    let second = admin.get_with("/apis", &headers).await;
    assert_eq!((second.code, second.bytes.len()), (304, 0));
    assert_eq!(second.header("etag"), tag);
    let core = admin.get_with("/api", &headers).await;
    assert_eq!(core.code, 200, "another document has another tag");
}

#[tokio::test]
async fn documents_are_found_by_the_index_and_can_be_kept_for_good() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let index = admin.get("/openapi/v3").await.json();
    let place = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap();
    let document = admin.get(place).await;
    assert_eq!(document.code, 200);
    assert!(document.header("cache-control").contains("immutable"));
    assert!(document.json()["paths"]["/apis/apps/v1/deployments"].is_object());

    let plain = admin.get("/openapi/v3/apis/apps/v1").await;
    assert_eq!(plain.header("cache-control"), "no-cache, private");
    let tag = plain.header("etag").to_owned();
    let known = [("if-none-match", tag.as_str())];
    assert_eq!(
        admin
            .get_with("/openapi/v3/apis/apps/v1", &known)
            .await
            .code,
        304
    );

    let wrong = admin.get("/openapi/v3/apis/apps/v1?hash=OLD").await;
    assert_eq!((wrong.code, wrong.header("location")), (301, place));
}

#[tokio::test]
async fn the_older_document_is_had_as_json_and_as_protobuf() {
    const ASKED: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    const ANSWERED: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let place = "/openapi/v2";
    let json = admin.get(place).await;
    assert_eq!(
        (json.code, json.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(json.header("vary"), "Accept");
    assert_eq!(json.json()["swagger"], "2.0");
    let deployment = &json.json()["definitions"]["io.k8s.api.apps.v1.Deployment"];
    assert!(deployment.is_object());
    let asked = [("accept", ASKED)];
    let protobuf = admin.get_with(place, &asked).await;
    assert_eq!(
        (protobuf.code, protobuf.header("content-type")),
        (200, ANSWERED)
    );
    assert!(protobuf.bytes.starts_with(b"\x0a\x032.0\x12"));
    let tag = protobuf.header("etag").to_owned();
    assert_eq!((tag.len(), json.header("etag")), (130, tag.as_str()));
    let known = [("accept", ASKED), ("if-none-match", tag.as_str())];
    let known = admin.get_with(place, &known).await;
    assert_eq!((known.code, known.bytes.len()), (304, 0));
    let packed = [("accept", ANSWERED), ("accept-encoding", "gzip")];
    let packed = admin.get_with(place, &packed).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let other = admin
        .get_with(place, &[("accept", "application/yaml")])
        .await;
    assert_eq!(other.code, 406);
    assert_eq!(admin.get("/openapi/v2/apps").await.code, 404);
}

#[tokio::test]
async fn large_answers_are_packed_for_those_who_take_it() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let place = "/openapi/v3/apis/apps/v1";
    let plain = admin.get(place).await;
    assert!(plain.bytes.len() > 128 * 1024);
    let packed = admin.get_with(place, &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut unpacked = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(&*packed.bytes);
    std::io::Read::read_to_end(&mut reader, &mut unpacked).unwrap();
    assert_eq!(unpacked, plain.bytes);
    let refused = admin
        .get_with(place, &[("accept-encoding", "gzip;q=0")])
        .await;
    assert_eq!(refused.header("content-encoding"), "");
    let small = admin
        .get_with("/version", &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(small.header("content-encoding"), "");
}

#[tokio::test]
async fn a_head_request_has_the_length_and_no_content() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let whole = admin.get("/version").await;
    let head = admin.send(Method::HEAD, "/version", &[], "").await;
    assert_eq!((head.code, head.bytes.len()), (200, 0));
    assert_eq!(head.header("content-length"), whole.bytes.len().to_string());
}

#[tokio::test]
async fn the_root_lists_what_there_is_and_yaml_is_spoken() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let paths = admin.get("/").await.json();
    let paths = paths["paths"].as_array().unwrap();
    assert!(paths.iter().any(|path| path == "/apis/apps/v1"));
    let yaml = admin
        .get_with("/api", &[("accept", "application/yaml")])
        .await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert!(
        yaml.text().contains("kind: APIVersions\n"),
        "{}",
        yaml.text()
    );
}
