//! An unmodified kubectl against three members: what it asks for is served by each of them alike.

use keelson_kit::check::{Check, Failure, holds, same};
use keelson_kit::dev::Dev;
use keelson_kit::kubectl::{Kubectl, programs};
use serde_json::Value;
use std::path::Path;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const MEMBERS: usize = 3;

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: nginx:1.27
        resources:
          requests: {cpu: 1000m}
";

/// What a person does in the first minutes, each command at the next member.
async fn first_minutes(kubectl: &Kubectl) -> Check {
    let version = kubectl.says(0, &["version", "-o", "json"], "").await?;
    let version: Value = serde_json::from_str(&version)?;
    same(
        "major",
        version["serverVersion"]["major"].as_str(),
        Some("1"),
    )?;
    let resources = kubectl
        .says(1, &["api-resources", "-o", "name"], "")
        .await?;
    for wanted in [
        "pods",
        "deployments.apps",
        "roles.rbac.authorization.k8s.io",
    ] {
        holds(wanted, resources.lines().any(|line| line == wanted))?;
    }
    let spaces = kubectl
        .says(1, &["get", "namespaces", "-o", "name"], "")
        .await?;
    holds(
        &spaces,
        spaces.lines().any(|line| line == "namespace/default"),
    )?;
    let made = kubectl
        .says(2, &["create", "namespace", "first"], "")
        .await?;
    same("created", made.trim(), "namespace/first created")?;
    let made = kubectl
        .says(0, &["-n", "first", "apply", "-f", "-"], DEPLOYMENT)
        .await?;
    same("applied", made.trim(), "deployment.apps/web created")?;
    // The loops have their say first: what they write has a version, too.
    let settled = "--for=jsonpath={.status.updatedReplicas}=2";
    let wait = [
        "-n",
        "first",
        "wait",
        "deployment/web",
        settled,
        "--timeout=60s",
    ];
    kubectl.says(1, &wait, "").await?;
    // kubectl sends the quantity again because its text differs; nothing is written for that.
    let version = "jsonpath={.metadata.resourceVersion}";
    let version = ["-n", "first", "get", "deployment", "web", "-o", version];
    let before = kubectl.says(1, &version, "").await?;
    let apply = ["-n", "first", "apply", "-f", "-"];
    kubectl.says(2, &apply, DEPLOYMENT).await?;
    same("version", kubectl.says(0, &version, "").await?, before)?;
    let table = kubectl
        .says(2, &["-n", "first", "get", "deployments"], "")
        .await?;
    let columns: Vec<&str> = table
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    same(
        "columns",
        columns,
        vec!["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"],
    )?;
    let cpu = ["-n", "first", "get", "deployment", "web", "-o"];
    let path = "jsonpath={.spec.template.spec.containers[0].resources.requests.cpu}";
    let cpu = kubectl.says(0, &[&cpu[..], &[path]].concat(), "").await?;
    same("a quantity has one text", cpu.as_str(), "1")?;
    let scaled = kubectl.says(
        1,
        &["-n", "first", "scale", "deployment", "web", "--replicas=5"],
        "",
    );
    same("scaled", scaled.await?.trim(), "deployment.apps/web scaled")?;
    let replicas = [
        "-n",
        "first",
        "get",
        "deployment",
        "web",
        "-o",
        "jsonpath={.spec.replicas}",
    ];
    same(
        "replicas",
        kubectl.says(2, &replicas, "").await?.as_str(),
        "5",
    )?;
    Ok(())
}

/// Writes of other kinds, in other ways.
async fn other_ways(kubectl: &Kubectl) -> Check {
    let space = ["-n", "first"];
    let with = |rest: &[&'static str]| [&space[..], rest].concat();
    kubectl
        .says(
            0,
            &with(&["create", "configmap", "c", "--from-literal=k=v"]),
            "",
        )
        .await?;
    kubectl
        .says(1, &with(&["label", "configmap", "c", "stage=test"]), "")
        .await?;
    let patch = with(&[
        "patch",
        "configmap",
        "c",
        "--type=merge",
        "-p",
        r#"{"data":{"k":"w"}}"#,
    ]);
    kubectl.says(2, &patch, "").await?;
    let value = with(&[
        "get",
        "configmap",
        "-l",
        "stage=test",
        "-o",
        "jsonpath={.items[*].data.k}",
    ]);
    same("value", kubectl.says(0, &value, "").await?.as_str(), "w")?;
    kubectl
        .says(
            1,
            &with(&["create", "secret", "generic", "s", "--from-literal=p=q"]),
            "",
        )
        .await?;
    let server_side = with(&["apply", "--server-side", "--force-conflicts", "-f", "-"]);
    let applied = kubectl.says(2, &server_side, DEPLOYMENT).await?;
    same(
        "applied",
        applied.trim(),
        "deployment.apps/web serverside-applied",
    )?;
    let explained = kubectl
        .says(0, &["explain", "deployment.spec.replicas"], "")
        .await?;
    holds(
        "explain says what the field is for",
        explained.contains("How many Pods should run."),
    )?;
    let can = kubectl
        .says(1, &["auth", "can-i", "create", "pods"], "")
        .await?;
    same("an administrator may", can.trim(), "yes")?;
    let strict = kubectl
        .on(
            2,
            &with(&["apply", "-f", "-"]),
            &DEPLOYMENT.replace("replicas", "replica"),
        )
        .await?;
    holds(
        &format!("{strict:?}"),
        strict.stderr.contains("unknown field"),
    )?;
    let delete = with(&["delete", "deployment", "web", "--cascade=background"]);
    let gone = kubectl.says(0, &delete, "").await?;
    holds("deleted", gone.contains("deleted"))?;
    let absent = kubectl
        .on(1, &with(&["get", "deployment", "web"]), "")
        .await?;
    holds(&format!("{absent:?}"), absent.stderr.contains("NotFound"))
}

#[tokio::test]
async fn kubectl_does_its_work_at_every_member() {
    let run = async {
        let Some(programs) = programs("kubectl_does_its_work_at_every_member", None)? else {
            return Ok(());
        };
        let dev = Dev::start(Path::new(PROGRAM), MEMBERS, &["--kubernetes"]).await?;
        let kubectl = Kubectl::new(&programs, dev.kubeconfig()?, "keelson-dev", MEMBERS);
        first_minutes(&kubectl).await?;
        other_ways(&kubectl).await?;
        Ok::<_, Failure>(())
    };
    Box::pin(run).await.expect("kubectl works");
}
