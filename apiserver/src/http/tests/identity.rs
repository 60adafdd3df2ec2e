//! Who is let in, and as whom.

use super::world::{ISSUER, Plan, World, allow, now, until};
use crate::authenticate::Place;
use crate::pki;
use hyper::Method;
use serde_json::{Value, json};

const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

fn who_am_i() -> Value {
    json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
}

#[tokio::test]
async fn a_certificate_of_the_cluster_is_a_user_in_a_group() {
    let world = World::new(Plan::default()).await;
    let review = world.admin().post(WHO, &who_am_i()).await;
    assert_eq!(review.code, 201, "{review:?}");
    let user = &review.json()["status"]["userInfo"];
    assert_eq!(user["username"], "kubernetes-admin");
    assert_eq!(
        user["groups"],
        json!(["system:masters", "system:authenticated"])
    );
    let id = &user["extra"]["authentication.kubernetes.io/credential-id"][0];
    assert!(id.as_str().unwrap().starts_with("X509SHA256="), "{id}");
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_answered_with_401() {
    let world = World::new(Plan::default()).await;
    let other = pki::Authority::generate(now()).unwrap();
    let forged = pki::Client::admin().issue(&other, now()).unwrap();
    let answer = world.client(Some(&forged)).get("/api").await;
    let expected = (401, "Unauthorized".to_owned(), "Unauthorized".to_owned());
    assert_eq!(answer.failure(), expected);
    // It believes to be somebody: not even what everybody may.
    assert_eq!(world.client(Some(&forged)).get("/version").await.code, 401);
}

#[tokio::test]
async fn a_certificate_for_servers_or_of_another_time_is_answered_with_401() {
    let world = World::new(Plan::default()).await;
    let serving = pki::Server::default()
        .issue(&world.authority, now())
        .unwrap();
    assert_eq!(world.client(Some(&serving)).get("/api").await.code, 401);
    let old = now() - 400 * 86_400;
    let expired = pki::Client::admin().issue(&world.authority, old).unwrap();
    assert_eq!(world.client(Some(&expired)).get("/api").await.code, 401);
}

#[tokio::test]
async fn without_a_name_only_health_and_version_are_answered() {
    let world = World::new(Plan::default()).await;
    let nobody = world.client(None);
    for path in ["/healthz", "/livez", "/readyz", "/version"] {
        assert_eq!(nobody.get(path).await.code, 200, "{path}");
    }
    for path in ["/api", "/apis", "/metrics", "/readyz/ping", "/api/v1/pods"] {
        let answer = nobody.get(path).await;
        assert_eq!(answer.failure().0, 401, "{path}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
}

#[tokio::test]
async fn a_token_is_a_user_and_a_wrong_one_is_nobody() {
    let world = World::new(Plan::default()).await;
    let review = world.bearer("jane-token").post(WHO, &who_am_i()).await;
    let user = &review.json()["status"]["userInfo"];
    assert_eq!(user["username"], "jane");
    assert_eq!(user["groups"], json!(["devs", "system:authenticated"]));
    assert_eq!(world.bearer("no-token").get("/version").await.code, 401);
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_with_who_what_and_where() {
    let world = World::new(Plan::default()).await;
    let jane = world.bearer("jane-token");
    let (code, reason, message) = jane.get("/api/v1/namespaces/shop/pods").await.failure();
    assert_eq!((code, reason.as_str()), (403, "Forbidden"));
    assert_eq!(
        message,
        "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the \
         namespace \"shop\""
    );
    let (_, _, message) = jane.get("/metrics").await.failure();
    assert_eq!(
        message,
        "forbidden: User \"jane\" cannot get path \"/metrics\""
    );
    assert_eq!(jane.get("/api").await.code, 200, "everybody may discover");
}

#[tokio::test]
async fn statement_100_impersonation_needs_a_right_for_each_part_and_shows_in_the_audit_log() {
    let plan = Plan {
        policy: allow("jane", &["impersonate"], &[""], &["users"]),
        ..Plan::default()
    };
    let world = World::new(plan).await;
    let jane = world.bearer("jane-token");
    let body = who_am_i().to_string();
    let as_bob = [("impersonate-user", "bob")];
    let review = jane.send(Method::POST, WHO, &as_bob, body.clone()).await;
    assert_eq!(review.json()["status"]["userInfo"]["username"], "bob");

    let as_master = [
        ("impersonate-user", "bob"),
        ("impersonate-group", "system:masters"),
    ];
    let refused = jane.send(Method::POST, WHO, &as_master, body.clone()).await;
    assert_eq!(
        refused.failure().2,
        "groups \"system:masters\" is forbidden: User \"jane\" cannot impersonate resource \
         \"groups\" in API group \"\" at the cluster scope"
    );
    let without_user = [("impersonate-group", "x")];
    assert_eq!(
        jane.send(Method::POST, WHO, &without_user, body).await.code,
        400
    );

    until("three lines", || world.paper.lines().len() == 3).await;
    let line = &world.paper.lines()[0];
    assert_eq!(line["user"]["username"], "jane");
    assert_eq!(line["impersonatedUser"]["username"], "bob");
    assert_eq!(line["auditID"], review.header("audit-id"));
    assert_eq!(line["responseStatus"]["code"], 201);
    assert_eq!(line["objectRef"]["resource"], "selfsubjectreviews");
    assert_eq!(
        line["annotations"]["authorization.k8s.io/decision"],
        "allow"
    );
}

fn account(world: &World) {
    let account = json!({"metadata": {"namespace": "shop", "uid": "u1"}});
    world
        .shelf
        .put(Place::ServiceAccount, "shop", "web", account);
    let pod = json!({
        "metadata": {"namespace": "shop", "uid": "p1"},
        "spec": {"serviceAccountName": "web", "nodeName": "n1"},
    });
    world.shelf.put(Place::Pod, "shop", "web-0", pod);
}

const TOKEN: &str = "/api/v1/namespaces/shop/serviceaccounts/web/token";

fn token_request(spec: Value) -> Value {
    json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
}

#[tokio::test]
async fn statement_99_a_bound_token_ends_with_its_pod() {
    let world = World::new(Plan::default()).await;
    account(&world);
    let pod = json!({"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "web-0"}});
    let issued = world.admin().post(TOKEN, &token_request(pod)).await;
    assert_eq!(issued.code, 201, "{issued:?}");
    assert_eq!(issued.json()["spec"]["expirationSeconds"], 3600);
    assert_eq!(issued.json()["spec"]["audiences"], json!([ISSUER]));
    let token = issued.json()["status"]["token"]
        .as_str()
        .unwrap()
        .to_owned();

    let review = world.bearer(&token).post(WHO, &who_am_i()).await.json();
    let user = &review["status"]["userInfo"];
    assert_eq!(user["username"], "system:serviceaccount:shop:web");
    assert_eq!(user["uid"], "u1");
    assert_eq!(
        user["extra"]["authentication.kubernetes.io/pod-name"],
        json!(["web-0"])
    );
    assert_eq!(
        user["extra"]["authentication.kubernetes.io/node-name"],
        json!(["n1"])
    );

    let ask = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token}});
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let status = world.admin().post(reviews, &ask).await.json()["status"].take();
    assert_eq!(status["authenticated"], true);
    assert_eq!(status["audiences"], json!([ISSUER]));

    world.shelf.remove(Place::Pod, "shop", "web-0");
    let status = world.admin().post(reviews, &ask).await.json()["status"].take();
    assert_eq!(status.get("authenticated"), None);
    assert_eq!(
        status["error"],
        "service account token has been invalidated"
    );
    assert_eq!(world.bearer(&token).get("/api").await.code, 401);
}

#[tokio::test]
async fn a_token_is_refused_for_too_short_a_time_or_for_what_is_not_there() {
    let world = World::new(Plan::default()).await;
    account(&world);
    let admin = world.admin();
    let ask = |spec: Value| {
        let (admin, request) = (admin.clone(), token_request(spec));
        async move { admin.post(TOKEN, &request).await.failure() }
    };
    let (code, _, message) = ask(json!({"expirationSeconds": 599})).await;
    assert_eq!(code, 422);
    assert_eq!(
        message,
        "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: \
         599: may not specify a duration less than 10 minutes"
    );
    let bound = |kind: &str, name: &str| json!({"boundObjectRef": {"apiVersion": "v1", "kind": kind, "name": name}});
    assert_eq!(ask(bound("Pod", "none")).await.0, 404);
    assert_eq!(ask(bound("Service", "x")).await.0, 400);
    let mut other = bound("Pod", "web-0");
    other["boundObjectRef"]["uid"] = "older".into();
    assert_eq!(ask(other).await.0, 409);
    let missing = TOKEN.replace("web", "none");
    let answer = admin.post(&missing, &token_request(json!({}))).await;
    assert_eq!(answer.failure().2, "serviceaccounts \"none\" not found");
}

#[tokio::test]
async fn keys_of_tokens_are_published() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let found = admin.get("/.well-known/openid-configuration").await.json();
    assert_eq!(found["issuer"], ISSUER);
    let keys = admin.get("/openid/v1/jwks").await;
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
    assert_eq!(keys.json()["keys"][0]["alg"], "ES256");
}
