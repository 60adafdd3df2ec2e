//! Nodes without machines: they register, renew their leases and tell of Pods that nobody runs, so that a
//! control plane can be looked at with thousands of nodes on one machine.
//!
//! All nodes of a process are one [`Fleet`]: a state machine that is told what happened and when, and
//! answers with calls to make. It keeps no clock and makes no call, so a test can lead it through a day in a
//! moment. What a Pod does is a table of [`stages`](stage::STAGES): what it looks like decides what comes
//! next, after how long, and what is then said about it. One watch brings the Pods of all nodes; what an
//! event costs does not depend on how many nodes or Pods there are.
//!
//! Each call says which node makes it, and whoever carries it out does so in the name of that node: nodes
//! may here what nodes may anywhere, and no more. The two watches are the fleet's, since a watch per node
//! would cost the cluster what one for all of them does not.
//!
//! A node renews its lease each ten seconds and its status each five minutes or when it has changed (L1). A
//! node that is down does nothing at all, like a machine without power; its Pods stay as they were said to
//! be. A Node that a user deletes is gone.
//!
//! | file | what |
//! |---|---|
//! | `plan` | how many nodes, what they have, how they fail |
//! | `api` | what the fleet asks of a cluster: four calls and two streams |
//! | `seen` | Pods and Nodes as far as they are looked at |
//! | `stage`, `look` | what comes next for a Pod |
//! | `pod_status`, `container_status` | what is said about it |
//! | `node_object` | what a node says about itself |
//! | `addresses` | addresses of Pods |
//! | `wheel` | what is due when |
//! | `fleet` | all of it as one state machine |
//! | `run` | the loop around it |
//!
//! What may enter: what a kubelet tells the API server. What never happens here: a container, a decision
//! where a Pod goes, a look at what owns a Pod.

mod addresses;
mod api;
mod container_status;
mod fleet;
mod look;
mod node_object;
mod plan;
mod pod_status;
mod run;
mod seen;
mod stage;
#[cfg(test)]
mod tests;
mod wheel;

pub use api::{Api, Ask, Call, Outcome, Told};
pub use fleet::{Counts, Fleet, Now, Ticket};
pub use plan::{Failing, Flapping, Plan};
pub use run::run;
pub use seen::{Node as SeenNode, Pod as SeenPod, duration};
pub use stage::{STAGES, Stage};
