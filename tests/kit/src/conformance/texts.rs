//! Texts of errors. Clients match on them, so they are part of the contract, byte for byte.

pub(super) const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
pub(super) const FUTURE: &str = "etcdserver: mvcc: required revision is a future revision";
pub(super) const NO_KEY: &str = "etcdserver: key is not provided";
pub(super) const NO_LEASE: &str = "etcdserver: requested lease not found";
pub(super) const NO_SPACE: &str = "etcdserver: mvcc: database space exceeded";
