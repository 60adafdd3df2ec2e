//! What `keelson dev` says once its cluster serves: five lines for people, one object for programs.

use super::plan::Plan;
use crate::cli::output;
use crate::version;
use serde_json::json;
use std::io::{self, IsTerminal};

fn kubeconfig(plan: &Plan) -> Option<std::path::PathBuf> {
    let serves = plan
        .members
        .iter()
        .any(|member| member.kubernetes_port.is_some());
    serves.then(|| super::kubernetes::file(plan))
}

/// Prints it on stdout.
pub fn print(plan: &Plan, is_temporary: bool, restarts: bool, nodes: Option<u32>) {
    let directory = plan.directory.display();
    if !io::stdout().is_terminal() {
        let members: Vec<_> = plan
            .members
            .iter()
            .map(
                |m| json!({"name": m.name, "client_url": m.client_url(), "peer_url": m.peer_url()}),
            )
            .collect();
        return output::json_line(&json!({
            "msg": "dev cluster is ready",
            "version": version::KEELSON,
            "endpoints": plan.endpoints(),
            "data_dir": plan.directory,
            "temporary": is_temporary,
            "members": members,
            "kubeconfig": kubeconfig(plan),
            "hollow_nodes": nodes,
        }));
    }
    let keep = match is_temporary {
        true => "gone on exit; --data-dir DIR keeps it",
        false => "kept on exit",
    };
    let deaths = match restarts {
        true => "a member that dies is started again",
        false => "a member that dies stays down",
    };
    let kubernetes = kubeconfig(plan).map_or_else(String::new, |file| {
        format!(
            "\x20 kube   export KUBECONFIG={}; kubectl get namespaces\n",
            file.display()
        )
    });
    let hollow = nodes.map_or_else(String::new, |nodes| {
        format!("\x20 nodes  {nodes} without machines are coming; kubectl get nodes\n")
    });
    output::data(&format!(
        "keelson {}  dev cluster, {} members, each its own process; {deaths}\n\
         \x20 etcd   {}\n\
         {kubernetes}{hollow}\x20 data   {directory}   ({keep}; logs in {directory}/*.log)\n\
         \x20 try    keelson kv put greeting hello; keelson status --data-dir {directory}\n\
         \x20 stop   Ctrl-C\n",
        version::KEELSON,
        plan.members.len(),
        plan.endpoints(),
    ));
}
