//! The Kubernetes API server, as far as it is built: shapes of objects and what is done to them by
//! request alone. It does not serve anything yet.
//!
//! It will serve Kubernetes REST over any etcd-shaped store, which it reaches through a trait of its
//! own. What never happens here: a word about consensus.

pub mod admission;
pub mod apply;
pub mod authenticate;
pub mod authorize;
pub mod canonical;
pub mod decode;
pub mod defaults;
pub mod discovery;
pub mod encode;
pub mod http;
pub mod identity;
pub mod names;
pub mod openapi;
pub mod patch;
pub mod pki;
pub mod registry;
pub mod request;
pub mod resource;
pub mod schema;
pub mod selector;
pub mod status;
pub mod storage;
pub mod table;
pub mod validate;
