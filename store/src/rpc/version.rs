//! The versions this member reports, where etcd would report its own.
//!
//! Clients and kube-apiserver switch features by these numbers, so they say which etcd behaviour to
//! expect, not which Keelson this is: etcd 3.7, that is 3.6 and `RangeStream`.

/// The etcd release whose API is served: what `Status`, `/version`, the metrics and, under the name
/// `etcd`, `--version` report. Must parse as a semantic version.
pub const SERVER: &str = "3.7.1";
/// The lowest minor version that every member speaks.
pub const CLUSTER: &str = "3.7.0";
/// The version of the schema of the stored data, in etcd's counting.
pub const STORAGE: &str = "3.7.0";
/// The only version to which etcd of this version would agree to go back.
pub const DOWNGRADE_TARGET: (u64, u64) = (3, 6);
