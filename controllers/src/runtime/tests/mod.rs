//! What the runtime promises to loops.

mod careless;
mod custom;
mod events;
mod leading;
mod queue;
mod tellers;
mod world;
