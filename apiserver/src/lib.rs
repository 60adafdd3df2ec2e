//! The room of the Kubernetes API server. Empty: nothing of it is built yet.
//!
//! It will serve Kubernetes REST over any etcd-shaped store, which it reaches through a trait of its
//! own. What will never happen here: a word about consensus.
