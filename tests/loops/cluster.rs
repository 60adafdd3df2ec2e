//! A development cluster with hollow nodes whose members come back, and kubectl at whichever is there.

use keelson_kit::check::Check;
use keelson_kit::dev::Dev;
use keelson_kit::kubectl::Kubectl;
use std::path::Path;

const PROGRAM: &str = env!("CARGO_BIN_EXE_keelson");
const MEMBERS: usize = 3;

/// See the module. It ends with this value.
pub struct Cluster {
    /// Its processes.
    pub dev: Dev,
    kubectl: Kubectl,
}

impl Cluster {
    /// Starts it, with so many hollow nodes.
    pub async fn start(programs: &Path, nodes: usize) -> Check<Cluster> {
        let nodes = nodes.to_string();
        let flags = ["--restart", "--nodes", &nodes];
        let dev = Dev::start(Path::new(PROGRAM), MEMBERS, &flags).await?;
        let kubectl = Kubectl::new(programs, dev.kubeconfig()?, "keelson-dev", MEMBERS);
        Ok(Cluster { dev, kubectl })
    }

    /// Runs kubectl until a member answers it. Only for what may be asked twice.
    pub async fn kubectl(&self, arguments: &[&str]) -> Check<String> {
        self.kubectl.anywhere(arguments).await
    }
}
