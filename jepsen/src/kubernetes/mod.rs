//! Clients of the Kubernetes API that the members of a run serve.
//!
//! What they ask goes to one member over HTTPS, once, and is written down with its answer as it came; so are
//! events of watches. A refusal counts as "it did not happen" only where the server's own reason says so. What
//! never happens here: judging, or a request on behalf of a workload that the history does not have. Only what
//! belongs to no load, namespaces and whether members serve again, is asked beside it.
//!
//! | file | what |
//! |---|---|
//! | `session` | a logical process of the Kubernetes API |
//! | `informer` | a watch, written down as it comes |

mod informer;
mod session;

pub use informer::{Closed, Watching, watch};
pub use session::Api;

use crate::cluster::Cluster;
use crate::history::Node;
use keelson_kit::check::{Check, some};
use keelson_kit::cli::Cli;
use keelson_kit::kubernetes::Client;
use keelson_kit::wait::{wait_for, wait_until};
use serde_json::json;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// Time for all members to serve, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// A member that takes longer is asked again.
const ANSWER: Duration = Duration::from_secs(5);

/// How members are asked. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    client: Client,
    /// Where each member stands in the kubeconfig.
    places: Vec<usize>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access to {} members", self.places.len())
    }
}

impl Access {
    /// Waits until all members of a cluster serve the Kubernetes API.
    ///
    /// # Errors
    ///
    /// When they do not.
    pub async fn of(program: &Path, cluster: &Cluster) -> Check<Access> {
        let keelson = Cli::on(program, &cluster.endpoints());
        let urls = cluster.kubernetes_urls();
        let text = wait_for("all members say where they serve", PATIENCE, || async {
            let text = keelson.text(&["kubeconfig"]).await.ok()?;
            (text.matches("server: ").count() == urls.len()).then_some(text)
        })
        .await?;
        let file = cluster.directory().join("kubeconfig");
        std::fs::write(&file, &text)?;
        let servers = text.lines().map(str::trim);
        let servers: Vec<&str> = servers
            .filter_map(|line| line.strip_prefix("server: "))
            .collect();
        let place = |url: &String| servers.iter().position(|server| server == url);
        let places: Option<Vec<usize>> = urls.iter().map(place).collect();
        let access = Access {
            client: Client::read(&file)?,
            places: some("each member in the kubeconfig", places)?,
        };
        access.ready().await?;
        Ok(access)
    }

    /// How many members there are.
    pub fn members(&self) -> usize {
        self.places.len()
    }

    /// The operator at one member (counted from one), over a connection of its own.
    pub fn at(&self, node: Node) -> Client {
        let place = self.places[usize::from(node) - 1];
        self.client.apart().at(place)
    }

    /// Waits until all members serve.
    ///
    /// # Errors
    ///
    /// When one does not.
    pub async fn ready(&self) -> Check {
        for node in 1..=self.members() as Node {
            let why = format!("the API server of member {node} is ready");
            wait_until(&why, PATIENCE, || {
                let client = self.at(node);
                async move {
                    let asked = timeout(ANSWER, client.get("/readyz")).await;
                    matches!(asked, Ok(Ok(answer)) if answer.code == 200)
                }
            })
            .await?;
        }
        Ok(())
    }

    /// Makes a namespace, where a load will work.
    ///
    /// # Errors
    ///
    /// When it is not there in time.
    pub async fn namespace(&self, name: &str) -> Check {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let object = &object;
        wait_until("the namespace is there", PATIENCE, || {
            let client = self.at(1);
            async move {
                let asked = timeout(ANSWER, client.post("/api/v1/namespaces", object)).await;
                matches!(asked, Ok(Ok(answer)) if matches!(answer.code, 201 | 409))
            }
        })
        .await
    }
}
