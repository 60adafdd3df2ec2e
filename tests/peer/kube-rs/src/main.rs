//! An informer and a candidate of a leader election, made with kube-rs as its documentation says. It prints
//! what it is told, one JSON object a line, and judges nothing.
//!
//!     keelson-kube-rs-client -kubeconfig FILE -namespace NAME -lease NAME -identity NAME -lease-seconds 6

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Config, ResourceExt};
use kube_lease_manager::LeaseManagerBuilder;
use serde_json::json;
use std::error::Error;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The value behind a flag.
fn flag(name: &str) -> Outcome<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    let value = arguments.nth(1);
    value.ok_or_else(|| format!("{name} is missing").into())
}

fn tell(event: &str, map: &ConfigMap) {
    let data = map.data.as_ref();
    let value = data.and_then(|data| data.get("value"));
    let version = map.resource_version();
    println!(
        "{}",
        json!({"event": event, "name": map.name_any(), "version": version, "value": value})
    );
}

/// Tells every change of a namespace's ConfigMaps. Errors end nothing: the stream goes on behind them.
async fn inform(maps: Api<ConfigMap>) {
    let (_reader, writer) = reflector::store();
    let events = watcher(maps, watcher::Config::default()).default_backoff();
    let mut events = std::pin::pin!(reflector(writer, events));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::InitApply(map)) => tell("listed", &map),
            Ok(Event::Apply(map)) => tell("applied", &map),
            Ok(Event::Delete(map)) => tell("deleted", &map),
            Ok(Event::Init | Event::InitDone) => {}
            Err(error) => eprintln!("watch: {error}"),
        }
    }
}

/// Competes for the lease for ever.
async fn compete(client: Client, namespace: &str) -> Outcome {
    let manager = LeaseManagerBuilder::new(client, flag("-lease")?)
        .with_namespace(namespace)
        .with_identity(flag("-identity")?)
        .with_duration(flag("-lease-seconds")?.parse()?)
        .with_grace(flag("-lease-seconds")?.parse::<u64>()? * 2 / 3)
        .build()
        .await?;
    let (mut leads, task) = manager.watch().await;
    let mut did_lead = false;
    while leads.changed().await.is_ok() {
        let leads_now = *leads.borrow_and_update();
        if leads_now != did_lead {
            let event = if leads_now { "leading" } else { "lost" };
            println!("{}", json!({"event": event}));
            did_lead = leads_now;
        }
    }
    task.await??;
    Err("the election has ended".into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let kubeconfig = Kubeconfig::read_from(flag("-kubeconfig")?)?;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    let client = Client::try_from(config)?;
    let namespace = flag("-namespace")?;
    let maps = Api::namespaced(client.clone(), &namespace);
    let (_, competed) = tokio::join!(inform(maps), compete(client, &namespace));
    competed
}
