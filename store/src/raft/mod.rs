//! Makes the members agree on one order of commands.

pub mod handle;

pub use handle::Handle;
