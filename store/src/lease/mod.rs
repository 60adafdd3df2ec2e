//! Leases and their clocks.
