//! The room of reconcilers, scheduler and simulated nodes. Empty: nothing of it is built yet.
//!
//! They will use the API server's in-process object client. What will never happen here: a call to
//! the store, or one controller calling another.
