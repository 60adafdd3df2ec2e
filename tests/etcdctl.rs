//! Unmodified etcdctl, and a program that uses etcd's Go client, against every member of a cluster.

use keelson_kit::check::{Check, Failure, holds, same};
use keelson_kit::cluster::{Binary, Cluster};
use keelson_kit::etcd::Peer;
use keelson_kit::keelson;
use keelson_kit::tools::{Output, run, skip};
use keelson_kit::wait::wait_until;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

/// etcdctl talking to some members.
#[derive(Clone)]
struct Etcdctl {
    program: PathBuf,
    endpoints: String,
}

impl Etcdctl {
    /// Runs a command to its end, with `input` to read.
    async fn output(&self, arguments: &[&str], input: &str) -> Check<Output> {
        let endpoints = format!("--endpoints={}", self.endpoints);
        let mut all = vec![endpoints.as_str()];
        all.extend(arguments);
        run(&self.program, &all, input, DEADLINE).await
    }

    /// What a command that must succeed prints.
    async fn run(&self, arguments: &[&str]) -> Check<String> {
        let output = self.output(arguments, "").await?;
        let printed = output.success();
        printed.map_err(|failure| Failure::new(format!("etcdctl {arguments:?}: {failure}")))
    }

    /// A command that runs until it is dropped; its lines are read one by one.
    fn start(&self, arguments: &[&str]) -> Check<Running> {
        let mut child = Command::new(&self.program)
            .arg(format!("--endpoints={}", self.endpoints))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| Failure::new("no stdout"))?;
        Ok(Running {
            child,
            lines: BufReader::new(stdout).lines(),
        })
    }
}

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    async fn line(&mut self) -> Check<String> {
        let line = timeout(DEADLINE, self.lines.next_line()).await;
        let line = line.map_err(|_| Failure::new("etcdctl printed nothing"))??;
        line.ok_or_else(|| Failure::new("etcdctl ended"))
    }

    async fn expect(&mut self, lines: &[&str]) -> Check {
        for want in lines {
            same("line", self.line().await?.as_str(), *want)?;
        }
        Ok(())
    }
}

/// Runs `checks` on a fresh cluster of three.
async fn on_cluster<F>(test: &str, of: fn(&Peer) -> Binary, checks: impl FnOnce(Peer, Cluster) -> F)
where
    F: Future<Output = Check<Cluster>>,
{
    let Some(peer) = Peer::find_or_skip(test).expect("the script runs") else {
        return;
    };
    let cluster = Cluster::start(&of(&peer), 3, &[])
        .await
        .expect("the cluster starts");
    if let Err(failure) = checks(peer, cluster).await {
        panic!("{failure}");
    }
}

/// All commands, with each member in turn as the only endpoint.
async fn every_command(peer: Peer, cluster: Cluster) -> Check<Cluster> {
    for (i, endpoint) in cluster.endpoints().into_iter().enumerate() {
        let etcdctl = Etcdctl {
            program: peer.etcdctl.clone(),
            endpoints: endpoint,
        };
        let p = format!("member{i}/");
        keys(&etcdctl, &p).await?;
        transaction(&etcdctl, &p).await?;
        watches(&etcdctl, &p).await?;
        leases(&etcdctl, &p).await?;
        locks(&etcdctl, &p).await?;
        compaction(&etcdctl, &p).await?;
        snapshot(&etcdctl, cluster.directory(), peer.etcdutl.as_deref()).await?;
    }
    let all = Etcdctl {
        program: peer.etcdctl.clone(),
        endpoints: cluster.endpoints().join(","),
    };
    endpoints(&all).await?;
    leadership(&peer, &cluster).await?;
    members(peer, cluster).await
}

async fn keys(c: &Etcdctl, p: &str) -> Check {
    let key = |name: &str| format!("{p}{name}");
    for name in ["a", "b", "c"] {
        same(
            "put",
            c.run(&["put", &key(name), "1"]).await?.as_str(),
            "OK\n",
        )?;
    }
    let old = c.run(&["put", "--prev-kv", &key("a"), "2"]).await?;
    same("put --prev-kv", old, format!("OK\n{p}a\n1\n"))?;
    same(
        "get",
        c.run(&["get", &key("a")]).await?,
        format!("{p}a\n2\n"),
    )?;
    let names = c.run(&["get", "--prefix", "--keys-only", p]).await?;
    same("keys only", names, format!("{p}a\n\n{p}b\n\n{p}c\n\n"))?;
    let arguments = [
        "get",
        "--prefix",
        p,
        "--limit=2",
        "--sort-by=key",
        "--order=descend",
    ];
    let last = c.run(&arguments).await?;
    same("sorted", last, format!("{p}c\n1\n{p}b\n1\n"))?;
    let json = c.run(&["get", &key("a"), "-w", "json"]).await?;
    let created = number_after(&json, "\"create_revision\":")?;
    let past = c
        .run(&["get", &key("a"), &format!("--rev={created}")])
        .await?;
    same("at a revision", past, format!("{p}a\n1\n"))?;
    let count = c
        .run(&["get", "--prefix", p, "--count-only", "-w", "fields"])
        .await?;
    holds(&count, count.contains("\"Count\" : 3"))?;
    same("del", c.run(&["del", &key("a")]).await?.as_str(), "1\n")?;
    same(
        "del --prefix",
        c.run(&["del", "--prefix", p]).await?.as_str(),
        "2\n",
    )
}

/// The number that follows `name` in JSON.
fn number_after(json: &str, name: &str) -> Check<i64> {
    let rest = json.split(name).nth(1).unwrap_or_default();
    let digits: String = rest
        .chars()
        .take_while(|letter| letter.is_ascii_digit())
        .collect();
    Ok(digits.parse()?)
}

async fn transaction(c: &Etcdctl, p: &str) -> Check {
    let script = format!("mod(\"{p}t\") = \"0\"\n\nput {p}t first\n\nget {p}t\n\n");
    let first = c.output(&["txn"], &script).await?.success()?;
    same("created", first.as_str(), "SUCCESS\n\nOK\n")?;
    let second = c.output(&["txn"], &script).await?.success()?;
    same("exists", second, format!("FAILURE\n\n{p}t\nfirst\n"))
}

async fn watches(c: &Etcdctl, p: &str) -> Check {
    let k = format!("{p}w/k");
    c.run(&["put", &k, "1"]).await?;
    let json = c.run(&["get", &k, "-w", "json"]).await?;
    let revision = format!("--rev={}", number_after(&json, "\"mod_revision\":")?);
    let prefix = format!("{p}w/");
    let mut watch = c.start(&["watch", "--prefix", &prefix, &revision, "--prev-kv"])?;
    watch.expect(&["PUT", &k, "1"]).await?;
    c.run(&["put", &k, "2"]).await?;
    c.run(&["del", &k]).await?;
    watch
        .expect(&["PUT", &k, "1", &k, "2", "DELETE", &k, "2", &k, ""])
        .await?;
    let mut interactive = c.start(&["watch", "-i"])?;
    let input = interactive.child.stdin.as_mut();
    let input = input.ok_or_else(|| Failure::new("no stdin"))?;
    let command = format!("watch {k}\n");
    input.write_all(command.as_bytes()).await?;
    // The answer to a progress request is dropped until the watch is up to date.
    let asking = async {
        loop {
            input.write_all(b"progress\n").await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let line = tokio::select! {
        failed = asking => return failed,
        line = timeout(DEADLINE, interactive.lines.next_line()) => {
            line.map_err(|_| Failure::new("no progress"))??
        }
    };
    holds(
        &format!("{line:?}"),
        line.is_some_and(|line| line.starts_with("progress notify:")),
    )
}

async fn leases(c: &Etcdctl, p: &str) -> Check {
    let granted = c.run(&["lease", "grant", "60"]).await?;
    let id = granted.split_whitespace().nth(1).unwrap_or_default();
    same(
        "grant",
        granted.as_str(),
        format!("lease {id} granted with TTL(60s)\n").as_str(),
    )?;
    let k = format!("{p}leased");
    c.run(&["put", &k, "v", &format!("--lease={id}")]).await?;
    let renewed = c.run(&["lease", "keep-alive", "--once", id]).await?;
    same(
        "keep-alive",
        renewed,
        format!("lease {id} keepalived with TTL(60)\n"),
    )?;
    let left = c.run(&["lease", "timetolive", "--keys", id]).await?;
    let wanted = left.contains("granted with TTL(60s)") && left.contains(&format!("[{k}]"));
    holds(&left, wanted)?;
    let listed = c.run(&["lease", "list"]).await?;
    holds(&listed, listed.contains(id))?;
    let revoked = c.run(&["lease", "revoke", id]).await?;
    same("revoke", revoked, format!("lease {id} revoked\n"))?;
    same("the key is gone", c.run(&["get", &k]).await?.as_str(), "")
}

async fn locks(c: &Etcdctl, p: &str) -> Check {
    let name = format!("{p}lock");
    let mut first = c.start(&["lock", &name])?;
    let key = first.line().await?;
    holds(&key, key.starts_with(&name))?;
    let waiting = ["lock", name.as_str(), "echo", "owned"];
    let second = c.output(&waiting, "");
    let unlock = async {
        // Ends the first owner's program, as a user would with Ctrl-C: the key is deleted.
        let pid = first
            .child
            .id()
            .ok_or_else(|| Failure::new("the first owner ended"))?;
        let kill = Command::new("kill")
            .args(["-INT", &pid.to_string()])
            .status()
            .await?;
        holds("kill -INT", kill.success())
    };
    let (second, unlocked) = tokio::join!(second, unlock);
    unlocked?;
    same("the second owner", second?.success()?.as_str(), "owned\n")?;
    let election = format!("{p}election");
    let mut leader = c.start(&["elect", &election, "red"])?;
    let key = leader.line().await?;
    holds(&key, key.starts_with(&election))?;
    same("proposal", leader.line().await?.as_str(), "red")?;
    let mut listener = c.start(&["elect", "-l", &election])?;
    same("observed key", listener.line().await?, key)?;
    same("observed", listener.line().await?.as_str(), "red")
}

async fn compaction(c: &Etcdctl, p: &str) -> Check {
    let k = format!("{p}compacted");
    for value in ["1", "2"] {
        c.run(&["put", &k, value]).await?;
    }
    let json = c.run(&["get", &k, "-w", "json"]).await?;
    let revision = number_after(&json, "\"revision\":")?;
    let done = c.run(&["compaction", &revision.to_string()]).await?;
    same(
        "compaction",
        done,
        format!("compacted revision {revision}\n"),
    )?;
    let early = c
        .output(&["get", &k, &format!("--rev={}", revision - 1)], "")
        .await?;
    let text = "required revision has been compacted";
    holds(
        &early.stderr,
        early.code == Some(1) && early.stderr.contains(text),
    )?;
    let defragmented = c.run(&["defrag"]).await?;
    holds(
        &defragmented,
        defragmented.contains("Finished defragmenting"),
    )
}

async fn snapshot(c: &Etcdctl, directory: &Path, etcdutl: Option<&Path>) -> Check {
    let path = directory.join("snapshot.db");
    let file = path.display().to_string();
    let saved = c.run(&["snapshot", "save", &file]).await?;
    holds(&saved, saved.contains("Snapshot saved at"))?;
    let size = std::fs::metadata(&path)?.len();
    same("size % 512", size % 512, 32)?;
    if let Some(etcdutl) = etcdutl {
        let status = run(
            etcdutl,
            &["snapshot", "status", &file, "-w", "json"],
            "",
            DEADLINE,
        )
        .await?;
        // Only a file in etcd's own format can be read by etcdutl; that is not asked of every server.
        println!(
            "etcdutl snapshot status: {:?} {}",
            status.code,
            status.stdout.trim()
        );
    }
    std::fs::remove_file(path)?;
    Ok(())
}

async fn endpoints(c: &Etcdctl) -> Check {
    let healthy = c.output(&["endpoint", "health"], "").await?;
    let text = format!("{}{}", healthy.stdout, healthy.stderr);
    same("healthy endpoints", text.matches("is healthy").count(), 3)?;
    let status = c.run(&["endpoint", "status", "-w", "json"]).await?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    let leaders: Vec<_> = status.as_array().into_iter().flatten().collect();
    same("statuses", leaders.len(), 3)?;
    let leaders = leaders.iter().map(|status| &status["Status"]["leader"]);
    let leaders: Vec<_> = leaders.filter_map(serde_json::Value::as_u64).collect();
    holds(
        &format!("one leader: {leaders:?}"),
        leaders == [leaders[0]; 3],
    )?;
    let hashes = c.run(&["endpoint", "hashkv"]).await?;
    let hashes: Vec<_> = hashes
        .lines()
        .filter_map(|line| line.split(", ").nth(1))
        .collect();
    same("hashes", hashes.len(), 3)?;
    holds(
        &format!("all the same: {hashes:?}"),
        hashes.iter().all(|hash| *hash == hashes[0]),
    )?;
    same("alarm list", c.run(&["alarm", "list"]).await?.as_str(), "")?;
    same(
        "alarm disarm",
        c.run(&["alarm", "disarm"]).await?.as_str(),
        "",
    )
}

async fn leadership(peer: &Peer, cluster: &Cluster) -> Check {
    let (leader, _) = cluster.leader().await?;
    let heir = (leader + 1) % cluster.size();
    let from = cluster.client_of(leader)?.member_id().await?;
    let to = cluster.client_of(heir)?.member_id().await?;
    let all = Etcdctl {
        program: peer.etcdctl.clone(),
        endpoints: cluster.endpoints().join(","),
    };
    let moved = all.run(&["move-leader", &format!("{to:x}")]).await?;
    let want = format!("Leadership transferred from {from:x} to {to:x}\n");
    same("move-leader", moved, want)?;
    wait_until("the heir leads", DEADLINE, || async {
        cluster
            .leader()
            .await
            .is_ok_and(|(leader, _)| leader == heir)
    })
    .await
}

async fn members(peer: Peer, mut cluster: Cluster) -> Check<Cluster> {
    let etcdctl = Etcdctl {
        program: peer.etcdctl.clone(),
        endpoints: cluster.endpoints().join(","),
    };
    let list = etcdctl.run(&["member", "list"]).await?;
    same("members", list.matches("started").count(), 3)?;
    let id = format!("{:x}", cluster.add_member(true).await?);
    wait_until("the learner is promoted", DEADLINE, || {
        let (etcdctl, id) = (etcdctl.clone(), id.clone());
        async move { etcdctl.run(&["member", "promote", &id]).await.is_ok() }
    })
    .await?;
    let list = etcdctl.run(&["member", "list"]).await?;
    same("voters", list.matches(", false").count(), 4)?;
    cluster.ready(3).await?;
    let removed = etcdctl.run(&["member", "remove", &id]).await?;
    holds(
        &removed,
        // Padded to sixteen digits with blanks.
        removed.starts_with(&format!("Member {id:>16} removed from cluster")),
    )?;
    let added = etcdctl
        .run(&[
            "member",
            "add",
            "later",
            "--learner",
            "--peer-urls=http://127.0.0.1:9",
        ])
        .await?;
    holds(
        &added,
        added.contains(" to cluster ") && added.contains("ETCD_INITIAL_CLUSTER="),
    )?;
    let id = added.split_whitespace().nth(1).unwrap_or_default();
    let arguments = ["member", "update", id, "--peer-urls=http://127.0.0.1:10"];
    let updated = etcdctl.run(&arguments).await?;
    holds(&updated, updated.contains("updated in cluster"))?;
    etcdctl.run(&["member", "remove", id]).await?;
    Ok(cluster)
}

/// The Go client, with one member and with all.
async fn go_client(peer: Peer, cluster: Cluster) -> Check<Cluster> {
    let Some(program) = &peer.clientv3 else {
        skip("go client", "no Go toolchain on this machine");
        return Ok(cluster);
    };
    let mut choices = cluster.endpoints();
    choices.push(cluster.endpoints().join(","));
    for endpoints in choices {
        let arguments = ["-endpoints", endpoints.as_str()];
        let output = run(program, &arguments, "", Duration::from_secs(90)).await?;
        same("clientv3", output.success()?.as_str(), "ok\n")?;
    }
    Ok(cluster)
}

#[tokio::test]
async fn etcdctl_drives_etcd() {
    on_cluster("etcdctl_drives_etcd", Peer::binary, every_command).await;
}

#[tokio::test]
async fn etcdctl_drives_keelson() {
    on_cluster("etcdctl_drives_keelson", |_| keelson!(), every_command).await;
}

#[tokio::test]
async fn the_go_client_drives_etcd() {
    on_cluster("the_go_client_drives_etcd", Peer::binary, go_client).await;
}

#[tokio::test]
async fn the_go_client_drives_keelson() {
    on_cluster("the_go_client_drives_keelson", |_| keelson!(), go_client).await;
}
