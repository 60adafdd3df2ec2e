//! Section 1.10 once more, and rights: what is refused to whom, for everything that discovery names, and
//! what becomes of bodies and paths that make no sense.

use super::client::Answer;
use super::objects::map;
use super::place::Place;
use super::run::asked;
use crate::check::{Check, Failure, holds, same, some};
use hyper::Method;
use serde_json::{Value, json};

asked![
    c10_whoever_has_no_role_is_refused_everything_that_discovery_names,
    c10_credentials_that_do_not_count_are_refused_everywhere,
    c10_bodies_that_make_no_sense_change_nothing,
    c10_paths_that_try_to_be_others_are_refused,
];

const FORM: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
/// What everybody who is somebody may create.
const FOR_ALL: [&str; 3] = [
    "selfsubjectaccessreviews",
    "selfsubjectreviews",
    "selfsubjectrulesreviews",
];

/// A resource as discovery names it.
struct Named {
    group: String,
    plural: String,
    path: String,
    is_local: bool,
    body: Value,
}

async fn named(p: &Place) -> Check<Vec<Named>> {
    let mut all = Vec::new();
    for root in ["/api", "/apis"] {
        let headers = [("accept", FORM)];
        let told = p.client.send(Method::GET, root, &headers, "").await?;
        let told = told.with(200)?;
        for item in told["items"].as_array().into_iter().flatten() {
            let group = item["metadata"]["name"].as_str().unwrap_or_default();
            for version in item["versions"].as_array().into_iter().flatten() {
                let number = version["version"].as_str().unwrap_or_default();
                let (api_version, root) = match group {
                    "" => (number.to_owned(), format!("/api/{number}")),
                    group => (
                        format!("{group}/{number}"),
                        format!("/apis/{group}/{number}"),
                    ),
                };
                for resource in version["resources"].as_array().into_iter().flatten() {
                    let plural = resource["resource"].as_str().unwrap_or_default();
                    let is_local = resource["scope"] == "Namespaced";
                    let path = match is_local {
                        true => format!("{root}/namespaces/{}/{plural}", p.namespace),
                        false => format!("{root}/{plural}"),
                    };
                    all.push(Named {
                        group: group.to_owned(),
                        plural: plural.to_owned(),
                        path,
                        is_local,
                        body: json!({"apiVersion": api_version, "kind": resource["responseKind"]["kind"],
                            "metadata": {"name": format!("{}-new", p.namespace)}}),
                    });
                }
            }
        }
    }
    holds("there are dozens of resources", all.len() > 60)?;
    Ok(all)
}

async fn token(p: &Place, account: &str) -> Check<String> {
    let ask = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let path = format!("{}/token", p.one("serviceaccounts", account));
    let issued = p.client.post(&path, &ask).await?.with(201)?;
    let token = some("a token", issued["status"]["token"].as_str())?;
    Ok(token.to_owned())
}

async fn c10_whoever_has_no_role_is_refused_everything_that_discovery_names(p: &Place) -> Check {
    p.with_account().await?;
    let holder = p.client.bearer(&token(p, "default").await?);
    let user = format!("system:serviceaccount:{}:default", p.namespace);
    for one in named(p).await? {
        let group = match one.group.as_str() {
            "" => String::new(),
            group => format!(".{group}"),
        };
        let place = match one.is_local {
            true => format!("in the namespace \"{}\"", p.namespace),
            false => "at the cluster scope".to_owned(),
        };
        for (verb, method) in [
            ("list", Method::GET),
            ("create", Method::POST),
            ("deletecollection", Method::DELETE),
        ] {
            let body = match verb {
                "create" => one.body.to_string(),
                _ => String::new(),
            };
            let headers = [("content-type", "application/json")];
            let answer = holder.send(method, &one.path, &headers, body).await?;
            if verb == "create" && FOR_ALL.contains(&one.plural.as_str()) {
                holds(&answer.text(), matches!(answer.code, 201 | 422))?;
                continue;
            }
            let message = format!(
                "{}{group} is forbidden: User \"{user}\" cannot {verb} resource \"{}\" in API group \"{}\" {place}",
                one.plural, one.plural, one.group
            );
            answer.says(403, "Forbidden", &message)?;
        }
    }
    let name = format!("{}-new", p.namespace);
    for resource in [
        "configmaps",
        "secrets",
        "rbac.authorization.k8s.io/v1/roles",
    ] {
        p.try_get(resource, &name).await?.refused(404, "NotFound")?;
    }
    Ok(())
}

async fn c10_credentials_that_do_not_count_are_refused_everywhere(p: &Place) -> Check {
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "gone"}});
    p.create("serviceaccounts", &account).await?;
    let gone = token(p, "gone").await?;
    // It counts until its account goes, and on every member no longer.
    p.client.bearer(&gone).get("/api").await?.with(200)?;
    p.delete("serviceaccounts", "gone", &json!({})).await?;
    for member in 0..p.client.members() {
        let holder = p.client.bearer(&gone).at(member);
        let refused = || async { holder.get("/api").await.is_ok_and(|it| it.code == 401) };
        let patience = std::time::Duration::from_secs(30);
        crate::wait::wait_until("the token counts no more", patience, refused).await?;
    }
    p.create("serviceaccounts", &account).await?;
    let good = token(p, "gone").await?;
    let (text, signature) = some("a signature", good.rsplit_once('.'))?;
    let (_, other) = some("a signature", gone.rsplit_once('.'))?;
    let (_, claims) = some("claims", text.split_once('.'))?;
    let half = &good[..good.len() / 2];
    let wrong = [
        ("an account that is gone, and is there again", gone.clone()),
        ("another's signature", format!("{text}.{other}")),
        ("no signature", format!("{text}.")),
        ("no need of one", format!("eyJhbGciOiJub25lIn0.{claims}.")),
        (
            "another algorithm",
            format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{signature}"),
        ),
        ("half of it", half.to_owned()),
        ("nothing known", "nobody".to_owned()),
        ("too much", "x".repeat(60_000)),
    ];
    let all = named(p).await?;
    for (what, token) in &wrong {
        let client = p.client.bearer(token);
        for one in all.iter().step_by(7) {
            let answer = client.get(&one.path).await?;
            let told = answer.says(401, "Unauthorized", "Unauthorized");
            told.map_err(|why| Failure::new(format!("{what}: {why}")))?;
        }
        // Not even what is for everybody.
        client.get("/version").await?.refused(401, "Unauthorized")?;
    }
    p.client
        .bearer(&good)
        .get("/api")
        .await?
        .with(200)
        .map(|_| ())
}

/// Whether it is a Status, below 500.
fn refused(answer: &Answer) -> Check {
    let status: Value = serde_json::from_slice(&answer.body)?;
    let is_right = (400..500).contains(&answer.code)
        && status["kind"] == "Status"
        && status["code"] == answer.code
        && status["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
        && status["reason"]
            .as_str()
            .is_some_and(|text| !text.is_empty());
    match is_right {
        true => Ok(()),
        false => Err(Failure::new(format!("{}: {status:.500}", answer.asked))),
    }
}

async fn c10_bodies_that_make_no_sense_change_nothing(p: &Place) -> Check {
    let before = p.map("kept").await?;
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let huge = "x".repeat(1_600_000);
    let aliases: String = (1..12)
        .map(|level| {
            format!(
                "a{level}: &a{level} [{}]\n",
                vec![format!("*a{}", level - 1); 10].join(",")
            )
        })
        .collect();
    let bomb = format!("a0: &a0 [x]\n{aliases}");
    let (head, tail) = (
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept"},"data":"#,
        "}",
    );
    let typed = |data: &str| format!("{head}{data}{tail}");
    let json_ = "application/json";
    let merge = "application/merge-patch+json";
    let apply = "application/apply-patch+yaml";
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        (json_, Vec::new()),
        (json_, b"\0\xff\xfe".to_vec()),
        (json_, b"{\"a\":\"\xff\"}".to_vec()),
        (json_, deep.clone().into_bytes()),
        (json_, typed(&deep).into_bytes()),
        (json_, typed("5").into_bytes()),
        (json_, typed(r#"{"a":{}}"#).into_bytes()),
        (json_, typed(&format!("{{\"a\":\"{huge}\"}}")).into_bytes()),
        (json_, vec![b' '; 3 * 1024 * 1024 + 1]),
        ("application/yaml", bomb.clone().into_bytes()),
        ("application/yaml", b"a: &a *a".to_vec()),
        (
            "application/vnd.kubernetes.protobuf",
            b"k8s\0\x12\xff\xff\xff\xff\x0f".to_vec(),
        ),
        ("application/vnd.kubernetes.protobuf", b"{}".to_vec()),
        ("application/json; charset", b"{".to_vec()),
        ("nothing", b"{}".to_vec()),
        (merge, deep.into_bytes()),
        (merge, br#"{"metadata":{"name":"other"}}"#.to_vec()),
        (merge, br#"{"metadata":[]}"#.to_vec()),
        (merge, br#"{"data":{"a":[]}}"#.to_vec()),
        (
            "application/json-patch+json",
            br#"[{"op":"copy","from":"","path":"/data/a"}]"#.to_vec(),
        ),
        (
            "application/json-patch+json",
            br#"[{"op":"remove","path":""}]"#.to_vec(),
        ),
        (
            "application/json-patch+json",
            br#"{"op":"remove"}"#.to_vec(),
        ),
        (
            "application/strategic-merge-patch+json",
            br#"{"$patch":"nothing"}"#.to_vec(),
        ),
        (apply, bomb.into_bytes()),
        (
            apply,
            br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"kept"}}"#.to_vec(),
        ),
    ];
    let one = p.one("configmaps", "kept");
    for (media, body) in bodies {
        let (method, path) = match media {
            media if media == apply => (Method::PATCH, format!("{one}?fieldManager=me&force=true")),
            media if media.contains("patch") => (Method::PATCH, one.clone()),
            _ => (Method::PUT, one.clone()),
        };
        let answer = p
            .client
            .send(method, &path, &[("content-type", media)], body)
            .await?;
        refused(&answer)?;
    }
    let after = p.get("configmaps", "kept").await?;
    same("the object", after, before)
}

async fn c10_paths_that_try_to_be_others_are_refused(p: &Place) -> Check {
    p.create("configmaps", &map("kept", "1")).await?;
    let own = &p.namespace;
    for path in [
        format!("/api/v1/namespaces/{own}/configmaps/.."),
        format!("/api/v1/namespaces/{own}/../kube-system/secrets"),
        format!("/api/v1/namespaces/{own}/configmaps/%2e%2e/secrets"),
        format!("/api/v1/namespaces/{own}%2fconfigmaps"),
        format!("/api/v1/namespaces/{own}/configmaps%2fkept"),
        format!("/api/v1/namespaces/{own}//configmaps"),
        format!("/api/v1/namespaces/{own}/configmaps//kept"),
        format!("/api/v1/namespaces/{own}/configmaps/kept%00"),
        format!("/api/v1/namespaces/{own}/configmaps/%ff"),
        format!("/api/v1/namespaces/{own}/configmaps/%"),
        format!("/api/v1/namespaces/{own}/configmaps/kept/nothing"),
        format!("/api/v1/namespaces/{own}/configmaps/{}", "x".repeat(20_000)),
        "/api/v1/../v1/pods".to_owned(),
        "/version/../metrics".to_owned(),
        "/etc/passwd".to_owned(),
    ] {
        for method in [Method::GET, Method::DELETE] {
            refused(&p.client.send(method, &path, &[], "").await?)?;
        }
    }
    p.get("configmaps", "kept").await.map(|_| ())
}
