//! Tells watchers what changed.
