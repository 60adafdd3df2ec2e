//! What an operator gives to a member for Kubernetes' clients: tokens, and a place for the audit log.

use keelson_kit::check::{Check, holds, same};
use keelson_kit::cli::Cli;
use keelson_kit::cluster::{Binary, Cluster};
use keelson_kit::kubernetes::Client;
use keelson_kit::port::free_port;
use keelson_kit::wait::wait_for;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const PATIENCE: Duration = Duration::from_secs(60);
const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// The line of the audit log about a request that ended.
fn line(log: &Path, uri: &str) -> Option<Value> {
    let text = std::fs::read_to_string(log).ok()?;
    let events = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let mut events = events.filter(|event: &Value| {
        let asked = event["requestURI"].as_str().unwrap_or_default();
        asked == uri && event["responseStatus"]["code"] == 200
    });
    events.next()
}

async fn works() -> Check {
    let scratch = tempfile::tempdir()?;
    let (tokens, log) = (scratch.path().join("tokens"), scratch.path().join("audit"));
    std::fs::write(&tokens, "# ours\nsesame,ali,7,\"system:masters,readers\"\n")?;
    let binary = Binary {
        path: PROGRAM.into(),
        leading: vec!["server".into()],
        flags: Vec::new(),
        environment: Vec::new(),
    };
    let url = format!("https://127.0.0.1:{}", free_port()?);
    let flags = [
        format!("--listen-kubernetes-url={url}"),
        format!("--kubernetes-token-auth-file={}", tokens.display()),
        format!("--kubernetes-audit-log-path={}", log.display()),
    ];
    let flags = flags.each_ref().map(String::as_str);
    let cluster = Cluster::start(&binary, 1, &flags).await?;
    let keelson = Cli::on(PROGRAM, &cluster.endpoints());
    let config = wait_for("a kubeconfig", PATIENCE, || async {
        keelson.text(&["kubeconfig"]).await.ok()
    })
    .await?;
    holds(
        "the first one names the server",
        config.contains("server: "),
    )?;
    let file = scratch.path().join("kubeconfig");
    std::fs::write(&file, config)?;
    let operator = Client::read(&file)?;

    let ali = operator.bearer("sesame");
    let review = serde_json::json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    });
    let answer = wait_for("an answer", PATIENCE, || async {
        ali.post(WHO, &review).await.ok()
    })
    .await?;
    let said: Value = serde_json::from_slice(&answer.body)?;
    let user = &said["status"]["userInfo"];
    same("user", user["username"].as_str(), Some("ali"))?;
    same("uid", user["uid"].as_str(), Some("7"))?;
    let path = "/api/v1/namespaces?limit=1";
    same("listed", ali.get(path).await?.code, 200)?;
    let stranger = operator.bearer("sesam").get("/api").await?;
    same("another token", stranger.code, 401)?;

    let event = wait_for("a line", PATIENCE, || async { line(&log, path) }).await?;
    same("verb", event["verb"].as_str(), Some("list"))?;
    same("who", event["user"]["username"].as_str(), Some("ali"))?;
    let text = std::fs::read_to_string(&log)?;
    holds("no token is written down", !text.contains("sesam"))
}

#[tokio::test]
async fn tokens_of_a_file_are_taken_and_requests_are_written_down() {
    works().await.expect("it works");
}
