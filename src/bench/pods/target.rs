//! The cluster that is measured, and what this run calls itself in it.

use super::options::Options as OwnOptions;
use super::template::{Plan, RUN, Template, name};
use super::{PODS, failed};
use crate::bench::options::{Options, Workload};
use crate::cli::error::{Error, Result};
use crate::cli::kubeconfig::destination;
use crate::kube::client::{Client, Config, Failure, Resource, query};
use crate::kube::clock::SystemClock;
use crate::version;
use keelson_apiserver::registry::Clock;
use serde::Deserialize;
use std::sync::{Arc, OnceLock};

const NAMESPACES: Resource = Resource {
    group: "",
    version: "v1",
    plural: "namespaces",
};
/// What Pods are called that stay for the next run.
const LASTING: &str = "pod";

/// See the module.
pub struct Target {
    pub config: Config,
    pub namespace: String,
    /// The names of all Pods begin with it.
    pub run: String,
    pub template: Template,
    /// Pods of this run are deleted at its end.
    pub is_tidied: bool,
    /// The namespace as it was before the clients started: watches begin there.
    pub version: OnceLock<String>,
}

/// The beginning of a list.
#[derive(Deserialize)]
pub struct Listed {
    metadata: ListMeta,
    items: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    #[serde(default)]
    remaining_item_count: u64,
}

impl Listed {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.items.len() as u64 + self.metadata.remaining_item_count
    }

    /// The `resourceVersion` of the list.
    pub fn version(self) -> String {
        self.metadata.resource_version
    }
}

impl Target {
    /// Reads the kubeconfig and writes the template.
    ///
    /// # Errors
    /// There is no kubeconfig that can be used.
    pub fn find(options: &Options) -> Result<Target> {
        let own: &OwnOptions = &options.pods;
        let path = own.kubeconfig.clone().map_or_else(destination, Ok)?;
        let config = Config::read(&path).map_err(|why| {
            Error::failure("cannot read the kubeconfig")
                .why(why)
                .fix("keelson kubeconfig --merge, or name another with --kubeconfig FILE")
        })?;
        let (does, is_lasting) = match options.workload {
            Workload::PodsList => ("list", true),
            Workload::PodsWatch => ("watch", true),
            Workload::PodsSchedule => ("schedule", false),
            _ => ("create", false),
        };
        let run = match is_lasting {
            true => LASTING.to_owned(),
            false => format!("run-{:x}", SystemClock.now_us()),
        };
        let plan = Plan {
            run: &run,
            size: options.value_size,
            is_scheduled: options.workload == Workload::PodsSchedule,
        };
        let template = Template::new(&plan, own.encoding)
            .map_err(|why| Error::failure("cannot make a Pod").why(why))?;
        Ok(Target {
            config,
            namespace: own
                .namespace
                .clone()
                .unwrap_or_else(|| format!("keelson-bench-{does}")),
            run,
            template,
            is_tidied: !is_lasting && !own.keep,
            version: OnceLock::new(),
        })
    }

    /// A client for this thread; its first lane leads to this server, as long as that lives.
    pub fn client(&self, server: usize, lanes: usize) -> Arc<Client> {
        client(self.config.beginning_at(server), lanes)
    }

    /// Where the Pods are.
    pub fn path(&self) -> String {
        PODS.path(&self.namespace, "", "")
    }

    /// Where one of them is.
    pub fn path_of(&self, number: u64) -> String {
        PODS.path(&self.namespace, &name(&self.run, number), "")
    }

    /// The selector of the Pods of this run.
    pub fn selector(&self) -> String {
        format!("{RUN}={}", self.run)
    }

    /// How many Pods there are, narrowed by the fields of a query.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn count(
        &self,
        client: &Client,
        fields: &[(&str, &str)],
    ) -> std::result::Result<Listed, Failure> {
        let mut all = vec![("limit", "1")];
        all.extend_from_slice(fields);
        first(client, &(self.path() + &query(&all))).await
    }

    /// The path of a watch from where the clients started.
    pub fn watch(&self, fields: &[(&str, &str)]) -> String {
        let version = self.version.get().map_or("", String::as_str);
        let mut all = vec![
            ("watch", "1"),
            ("timeoutSeconds", "7200"),
            ("resourceVersion", version),
        ];
        all.extend_from_slice(fields);
        self.path() + &query(&all)
    }
}

fn client(config: Config, lanes: usize) -> Arc<Client> {
    let agent = format!("keelson-bench/{}", version::KEELSON);
    Arc::new(Client::new(config, lanes, &agent))
}

/// Reads a list.
pub async fn first(client: &Client, path: &str) -> std::result::Result<Listed, Failure> {
    let bytes = client.get(path).await?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::Unknown(error.to_string()))
}

/// The store's revision now.
///
/// # Errors
/// The cluster cannot be asked.
pub async fn revision(config: &Config) -> Result<i64> {
    let path = NAMESPACES.path("", "", "") + &query(&[("limit", "1")]);
    let listed = first(&client(config.clone(), 1), &path).await;
    let listed = listed.map_err(|refused| failed("read the revision", &refused))?;
    Ok(listed.version().parse().unwrap_or(0))
}
