//! An unmodified kubectl against three members: what it asks for is served by each of them alike.

use keelson_kit::check::{Check, Failure, holds, same, some};
use keelson_kit::port::free_row;
use keelson_kit::tools::{self, Output, skip};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);
const MEMBERS: usize = 3;

/// Where the script put kubectl and helm; `None`, and loudly, if they cannot be had.
fn programs(test: &str) -> Check<Option<PathBuf>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/kubectl.sh");
    let run = std::process::Command::new(script)
        .stderr(Stdio::inherit())
        .output()?;
    match run.status.code() {
        Some(0) => Ok(Some(PathBuf::from(
            String::from_utf8_lossy(&run.stdout).trim(),
        ))),
        Some(3) => {
            skip(test, "kubectl cannot be had here");
            Ok(None)
        }
        code => Err(Failure::new(format!("scripts/kubectl.sh: {code:?}"))),
    }
}

/// A development cluster that serves Kubernetes. It ends with this value.
struct Dev {
    _child: Child,
    kubectl: PathBuf,
    kubeconfig: String,
    contexts: Vec<String>,
    _scratch: tempfile::TempDir,
}

impl Dev {
    async fn start(programs: &Path) -> Check<Dev> {
        let scratch = tempfile::tempdir()?;
        let base = free_row(10 * MEMBERS as u16)?;
        let mut child = Command::new(PROGRAM)
            .args(["dev", "--kubernetes", "--members", &MEMBERS.to_string()])
            .args(["--base-port", &base.to_string(), "--data-dir"])
            .arg(scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = some("stdout", child.stdout.take())?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, lines.next_line()).await??;
        let banner: Value = serde_json::from_str(&some("a banner", line)?)?;
        let kubeconfig = some("a kubeconfig", banner["kubeconfig"].as_str())?.to_owned();
        let contexts = ["keelson-dev", "keelson-dev-2", "keelson-dev-3"];
        Ok(Dev {
            _child: child,
            kubectl: programs.join("kubectl"),
            kubeconfig,
            contexts: contexts.map(str::to_owned).to_vec(),
            _scratch: scratch,
        })
    }

    /// Runs kubectl against one member.
    async fn on(&self, member: usize, arguments: &[&str], input: &str) -> Check<Output> {
        let mut all = vec![
            "--kubeconfig",
            &self.kubeconfig,
            "--context",
            &self.contexts[member % MEMBERS],
        ];
        all.extend_from_slice(arguments);
        tools::run(&self.kubectl, &all, input, PATIENCE).await
    }

    /// Runs kubectl, which must succeed; returns what it prints.
    async fn says(&self, member: usize, arguments: &[&str], input: &str) -> Check<String> {
        self.on(member, arguments, input).await?.success()
    }
}

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
async fn first_minutes(dev: &Dev) -> Check {
    let version = dev.says(0, &["version", "-o", "json"], "").await?;
    let version: Value = serde_json::from_str(&version)?;
    same(
        "major",
        version["serverVersion"]["major"].as_str(),
        Some("1"),
    )?;
    let resources = dev.says(1, &["api-resources", "-o", "name"], "").await?;
    for wanted in [
        "pods",
        "deployments.apps",
        "roles.rbac.authorization.k8s.io",
    ] {
        holds(wanted, resources.lines().any(|line| line == wanted))?;
    }
    let spaces = dev
        .says(1, &["get", "namespaces", "-o", "name"], "")
        .await?;
    holds(
        &spaces,
        spaces.lines().any(|line| line == "namespace/default"),
    )?;
    let made = dev.says(2, &["create", "namespace", "first"], "").await?;
    same("created", made.trim(), "namespace/first created")?;
    let made = dev
        .says(0, &["-n", "first", "apply", "-f", "-"], DEPLOYMENT)
        .await?;
    same("applied", made.trim(), "deployment.apps/web created")?;
    // kubectl sends the quantity again because its text differs; nothing is written for that.
    let version = "jsonpath={.metadata.resourceVersion}";
    let version = ["-n", "first", "get", "deployment", "web", "-o", version];
    let before = dev.says(1, &version, "").await?;
    let apply = ["-n", "first", "apply", "-f", "-"];
    dev.says(2, &apply, DEPLOYMENT).await?;
    same("version", dev.says(0, &version, "").await?, before)?;
    let table = dev
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
    let cpu = dev.says(0, &[&cpu[..], &[path]].concat(), "").await?;
    same("a quantity has one text", cpu.as_str(), "1")?;
    let scaled = dev.says(
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
    same("replicas", dev.says(2, &replicas, "").await?.as_str(), "5")?;
    Ok(())
}

/// Writes of other kinds, in other ways.
async fn other_ways(dev: &Dev) -> Check {
    let space = ["-n", "first"];
    let with = |rest: &[&'static str]| [&space[..], rest].concat();
    dev.says(
        0,
        &with(&["create", "configmap", "c", "--from-literal=k=v"]),
        "",
    )
    .await?;
    dev.says(1, &with(&["label", "configmap", "c", "stage=test"]), "")
        .await?;
    let patch = with(&[
        "patch",
        "configmap",
        "c",
        "--type=merge",
        "-p",
        r#"{"data":{"k":"w"}}"#,
    ]);
    dev.says(2, &patch, "").await?;
    let value = with(&[
        "get",
        "configmap",
        "-l",
        "stage=test",
        "-o",
        "jsonpath={.items[*].data.k}",
    ]);
    same("value", dev.says(0, &value, "").await?.as_str(), "w")?;
    dev.says(
        1,
        &with(&["create", "secret", "generic", "s", "--from-literal=p=q"]),
        "",
    )
    .await?;
    let server_side = with(&["apply", "--server-side", "--force-conflicts", "-f", "-"]);
    let applied = dev.says(2, &server_side, DEPLOYMENT).await?;
    same(
        "applied",
        applied.trim(),
        "deployment.apps/web serverside-applied",
    )?;
    let explained = dev
        .says(0, &["explain", "deployment.spec.replicas"], "")
        .await?;
    holds(
        "explain says what the field is for",
        explained.contains("How many Pods should run."),
    )?;
    let can = dev
        .says(1, &["auth", "can-i", "create", "pods"], "")
        .await?;
    same("an administrator may", can.trim(), "yes")?;
    let strict = dev
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
    let gone = dev.says(0, &delete, "").await?;
    holds("deleted", gone.contains("deleted"))?;
    let absent = dev.on(1, &with(&["get", "deployment", "web"]), "").await?;
    holds(&format!("{absent:?}"), absent.stderr.contains("NotFound"))
}

#[tokio::test]
async fn kubectl_does_its_work_at_every_member() {
    let run = async {
        let Some(programs) = programs("kubectl_does_its_work_at_every_member")? else {
            return Ok(());
        };
        let dev = Dev::start(&programs).await?;
        first_minutes(&dev).await?;
        other_ways(&dev).await?;
        Ok::<_, Failure>(())
    };
    Box::pin(run).await.expect("kubectl works");
}
