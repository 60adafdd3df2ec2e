//! JSON text, read along the table or without one.

mod any;
mod lexer;
mod typed;

pub use any::read_any;
pub(crate) use any::{head, read_raw};
pub(crate) use typed::read;
