//! What stands behind a Service: which Pods, at which of their ports, and since when.
//!
//! | file | what |
//! |---|---|
//! | `selectors` | the Services that select a Pod, found without looking at all of them |
//! | `pods` | which Pods count, their addresses and ports, and what about them matters |
//! | `trigger` | since when it is as it is now, for those who measure how long it took |
//!
//! What may enter: what `endpoints` and `endpoint_slices` both decide. What never happens here: a write.

mod pods;
mod selectors;
#[cfg(test)]
mod testing;
mod trigger;

pub use pods::{
    Family, addresses, counts, has_changed, has_host_name, is_headless, port_number, reference,
};
pub use selectors::{Selectors, selector, selects};
pub use trigger::{LAST_CHANGE, since};
