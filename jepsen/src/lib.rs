//! The room of fault campaigns: what was asked of a cluster and what it answered while things broke,
//! and whether that keeps the promises of the store.
//!
//! Two halves. One judges and is pure: [`history`] is what was seen, [`model`] a store that is as
//! simple as the contract allows, [`check`] judges and [`report`] shows it to people. The other acts on
//! real processes and only writes histories. What will never happen here: a look into the store.
//! Clusters are seen from the outside, any server that speaks etcd's protocol can stand in, and
//! whoever checks knows the contract, not our code.
//!
//! The half that acts:
//!
//! | room | what |
//! |---|---|
//! | `enclosure` | namespaces that are gone with the run |
//! | `disk`, `net`, `clock`, `lie`, `cluster` | members on hosts and disks of their own |
//! | `offline` | a member alone, on a copy of its disk |
//! | `limits` | how many files and how much memory a running process may take |
//! | `doctor` | what this host can do |
//! | `session`, `claims`, `wire`, `large`, `errors`, `watcher`, `recorder` | clients that never repeat, and what they write down |
//! | `kubernetes` | the same for the Kubernetes API that members serve |
//! | `workload` | what clients do |
//! | `chronicle` | watches of everything, in every run |
//! | `nemesis` | what breaks, when, and how that is seen |
//! | `observer` | what members say about themselves |
//! | `campaign` | one run, from start to history |
//! | `coverage` | what many runs met |
//! | `sometimes` | what must happen now and then in runs |
//! | `ledger`, `sweeps` | what campaigns of many days, and sweeps of the simulation, add up to |
//! | `recovery` | how long clients wait when the leader is lost |
//! | `planted` | whether all this finds mistakes that are made on purpose |

pub mod campaign;
pub mod check;
pub mod chronicle;
pub mod claims;
pub mod clock;
pub mod cluster;
pub mod coverage;
pub mod disk;
pub mod doctor;
pub mod enclosure;
pub mod errors;
pub mod history;
pub mod kubernetes;
pub mod large;
pub mod ledger;
pub mod lie;
pub mod limits;
pub mod model;
pub mod nemesis;
pub mod net;
pub mod observer;
pub mod offline;
pub mod planted;
pub mod recorder;
pub mod recovery;
pub mod report;
pub mod session;
pub mod sometimes;
pub mod sweeps;
pub mod watcher;
pub mod wire;
pub mod workload;
