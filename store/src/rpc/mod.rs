//! Speaks etcd.
