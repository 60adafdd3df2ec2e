//! What the runtime promises to loops.

mod leading;
mod queue;
mod world;
