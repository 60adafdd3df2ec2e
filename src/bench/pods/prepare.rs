//! What must be there before the first request, and what is removed after the last one.

use super::failed;
use super::target::{Target, first};
use crate::bench::Setup;
use crate::bench::options::{Options, Workload};
use crate::bench::workload::random;
use crate::cli::error::{Error, Result};
use crate::cli::output::Progress;
use crate::kube::client::{Client, Failure, Resource, query};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

/// Pods that are made at one time.
const AHEAD: usize = 64;
/// A server that does not do it is asked again so often, after a pause.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
/// Deleting is given up when so many looks in a row show no progress.
const LOOKS: u32 = 60;

const fn core(plural: &'static str) -> Resource {
    Resource {
        group: "",
        version: "v1",
        plural,
    }
}

/// Makes the namespace, and the Pods that are listed or watched.
///
/// # Errors
/// The cluster cannot be reached, or cannot do this workload.
pub async fn run(target: &Target, setup: &Setup) -> Result<()> {
    let options = &setup.options;
    let client = target.client(0, target.config.servers());
    let nodes = core("nodes").path("", "", "") + &query(&[("limit", "1")]);
    let nodes = first(&client, &nodes).await;
    let nodes = nodes.map_err(|refused| failed("reach the cluster", &refused))?;
    if options.workload == Workload::PodsSchedule && nodes.count() == 0 {
        return Err(
            Error::failure("there are no nodes to schedule to").fix("keelson hollow --nodes 1000")
        );
    }
    namespace(&client, &target.namespace).await?;
    if matches!(options.workload, Workload::PodsList | Workload::PodsWatch) {
        fill(&client, target, setup).await?;
    }
    let listed = target.count(&client, &[]).await;
    let listed = listed.map_err(|refused| failed("list the Pods", &refused))?;
    let _ = target.version.set(listed.version());
    Ok(())
}

/// The namespace, and the account that its Pods have.
async fn namespace(client: &Client, name: &str) -> Result<()> {
    let object = |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    let both = [
        (
            core("namespaces").path("", "", ""),
            object("Namespace", name),
        ),
        (
            core("serviceaccounts").path(name, "", ""),
            object("ServiceAccount", "default"),
        ),
    ];
    for (path, object) in both {
        match client.create(&path, text(&object)).await {
            Err(refused) if !refused.is_existing() => {
                return Err(failed("make the namespace", &refused));
            }
            _ => {}
        }
    }
    Ok(())
}

fn text(object: &Value) -> Bytes {
    object.to_string().into()
}

/// Makes the Pods that are missing. What an earlier run left is as good.
async fn fill(client: &Client, target: &Target, setup: &Setup) -> Result<()> {
    let options = &setup.options;
    let wanted = options.pods.objects;
    let there = target.count(client, &[]).await;
    let there = there.map_err(|refused| failed("list the Pods", &refused))?;
    let there = there.count();
    if there == wanted {
        return Ok(());
    }
    if there > wanted {
        return Err(Error::failure(format!(
            "the namespace {} has {there} Pods, which is more than --objects {wanted}",
            target.namespace
        ))
        .fix("name another --namespace, or delete this one"));
    }
    let mut random = random(setup, usize::MAX - 1);
    let path = target.path();
    let pods = (0..wanted).map(|number| {
        let text = setup.values.random(&mut random);
        target.template.pod(number, &text)
    });
    let mut made = futures::stream::iter(pods)
        .map(|pod| make(client, &path, options, pod))
        .buffer_unordered(AHEAD);
    let mut progress = Progress::new();
    let mut done = 0;
    while let Some(made) = made.next().await {
        made.map_err(|refused| failed("make the Pods", &refused))?;
        done += 1;
        let share = done as f64 / wanted as f64;
        progress.at(Some(share), &format!("making Pods: {done} of {wanted}"));
    }
    progress.end();
    Ok(())
}

async fn make(
    client: &Client,
    path: &str,
    options: &Options,
    pod: Bytes,
) -> std::result::Result<(), Failure> {
    let encoding = options.pods.encoding;
    let mut attempts = 0;
    loop {
        attempts += 1;
        match client.create_in(path, encoding, pod.clone()).await {
            Err(refused) if refused.is_existing() => return Ok(()),
            Err(refused) if refused.is_passing() && attempts < ATTEMPTS => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer.map(drop),
        }
    }
}

/// Deletes the Pods of this run, unless they shall stay.
///
/// # Errors
/// They do not go away.
pub async fn tidy(target: &Target) -> Result<()> {
    if !target.is_tidied {
        return Ok(());
    }
    let client = target.client(0, 1);
    let selector = target.selector();
    let fields = [("labelSelector", selector.as_str())];
    let path = target.path() + &query(&fields);
    let at_once = text(&json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
    }));
    let mut progress = Progress::new();
    let mut why = Failure::Unknown("they are still there".to_owned());
    for _ in 0..LOOKS {
        // It may take longer than one waits for an answer: then it is asked again for the rest.
        if let Err(refused) = client.delete(&path, at_once.clone()).await {
            why = refused;
        }
        match target.count(&client, &fields).await {
            Ok(listed) if listed.count() == 0 => {
                progress.end();
                return Ok(());
            }
            Ok(_) => progress.at(None, "deleting the Pods of this run"),
            Err(refused) => why = refused,
        }
        tokio::time::sleep(PAUSE).await;
    }
    progress.end();
    Err(failed("delete the Pods of this run", &why))
}
