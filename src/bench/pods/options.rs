//! The part of `keelson bench`'s command line that only the workloads of Kubernetes look at.

use crate::kube::client::Encoding;
use std::path::PathBuf;

/// Arguments of the workloads whose names begin with `pods-`.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Kubernetes (workloads pods-...)")]
#[group(id = "kubernetes")]
pub struct Options {
    /// Where the cluster is and who one is there [default: the first of $KUBECONFIG, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Where the Pods are made [default: keelson- and what is done, such as keelson-bench-list]
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// How many Pods are listed (50000), updated (1000) or scheduled (10000)
    #[arg(
        long,
        value_name = "COUNT",
        hide_default_value = true,
        default_value_t = 1000,
        default_value_ifs = [
            ("workload", "pods-list", "50000"),
            ("workload", "pods-schedule", "10000"),
        ]
    )]
    pub objects: u64,
    /// How Pods are written when they are made or listed
    #[arg(long, value_enum, default_value = "json")]
    pub encoding: Encoding,
    /// Do not delete the Pods that pods-create and pods-schedule have made
    #[arg(long)]
    pub keep: bool,
}
