//! The one text that each value has on the wire and at rest.
//!
//! Clients may write `1000m`, `1` or `1.0`; a server that stores what it was sent shows differences
//! where there are none. This room reads quantities, times, durations and base64 as generously as the
//! Kubernetes API does and writes each value in the one form that the API shows.
//!
//! What enters: text. What never happens here: JSON, a look at the schema table, the clock. Error texts
//! are those that clients of Kubernetes see, byte for byte where they can be told.

mod base64;
mod duration;
mod quantity;
mod quote;
#[cfg(test)]
mod tests;
mod time;
mod zone;

pub use base64::{decode_base64, encode_base64};
pub use duration::{format_duration, parse_duration};
pub use quantity::{Format, Quantity, QuantityError};
pub use quote::quote;
pub use time::{Instant, canonical_micro_time, canonical_time, format_micro_time, format_time};
pub use zone::Zone;
