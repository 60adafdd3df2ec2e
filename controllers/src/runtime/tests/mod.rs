//! What the runtime promises to loops.

mod careless;
mod leading;
mod queue;
mod tellers;
mod world;
