//! The scheduler: finds a node for every Pod that names `default-scheduler` and has none.
//!
//! Watches Pods and Nodes, and looks at Services and owners. Owns nothing. Writes bindings, the condition
//! `PodScheduled` of Pods that no node will do for, and events; deletes Pods that make room for more
//! important ones. It is settled when every Pod that wants a
//! node has one, or says why not.
//!
//! It decides on a [`snapshot`] that it keeps itself, one Pod after the other, and does not wait for
//! what it decided to be written: a Pod counts as placed from the decision on, and many bindings are on
//! their way at once. The API server looks at a binding again when it carries it out; if it will not have
//! it, whatever the reason, the Pod is taken back and tried again after a pause.
//!
//! | file | what |
//! |---|---|
//! | `scheduler` | the loop: changes in, decisions, bindings out |
//! | `inbox`, `state` | what was heard; what follows from it |
//! | `pod`, `amount`, `selector`, `group` | a Pod as decisions see it |
//! | `snapshot` | nodes and what is on them |
//! | `framework`, `plugins` | what decides on nodes |
//! | `cycle`, `decide`, `message` | one decision; why there is none |
//! | `preempt`, `nominations` | who makes room for more important Pods; for whom it is made |
//! | `queue` | whose turn it is |
//! | `write` | bindings, conditions, events |
//! | `meter` | what was done, for scrapes |
//!
//! Rules: I1 what is set aside on a node never exceeds what it has; I2 a Pod is bound once; I3 no binding
//! breaks a filter; I4 a Pod that fits is bound soon; I5 nobody goes for a Pod that is not more important;
//! I6 the best nodes are those of upstream's
//! arithmetic. I1 and I2 hold against others by the binding itself.
//!
//! What may enter: what decides where a Pod goes. What never happens here: a look into the store past the
//! world, a decision that waits for a write.

mod amount;
mod cycle;
mod decide;
mod framework;
mod group;
mod inbox;
mod message;
mod meter;
mod nominations;
mod plugins;
mod pod;
mod preempt;
mod queue;
#[allow(clippy::module_inception)] // the loop itself, as in upstream
mod scheduler;
mod selector;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod write;

pub use cycle::Chance;
pub use meter::Meter;
pub use scheduler::Scheduler;
