//! Server-side apply: who owns which field, and what that means for a write.
//!
//! Every field of an object can have owners, listed in its managed fields. A client that *applies* says
//! what it wants of an object; it owns what it names, and what it names no longer goes, unless somebody
//! else owns it. Where another owner wants another value the apply is refused, or takes the field by
//! force. Every other write *updates*: it never conflicts and owns what it changes.
//!
//! [`apply()`] and [`update()`] are these two, as functions of the stored object, the request and a
//! time that is handed in. Below them: `path` names fields and keeps sets of them, `typed` sees objects
//! through the schema table, `managers` is the list of owners. `contest` finds who loses fields to a
//! write, `prune` what goes because nobody wants it any more, `last_applied` lets those in who applied
//! by `kubectl` on their own side before.
//!
//! What enters: objects that were decoded (within the limits of size and depth for requests), the type
//! table, the request's manager. An applied configuration is checked here. What never happens here: IO,
//! a clock, defaulting, admission, or a rule of one kind. The caller drops nulls and sets defaults
//! afterwards, and finds out by [`managers::settle_times`] whether anything is left to write.

pub mod managers;
pub mod path;
pub mod typed;

#[cfg(test)]
mod tests {
    pub(crate) mod table;
}
