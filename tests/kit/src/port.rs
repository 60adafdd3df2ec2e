//! Free TCP ports that stay free while a member is down.

use crate::check::{Check, Failure};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which the kernel takes ports for outgoing connections: a port found here is
/// not taken by a stranger's connection between a kill and a restart.
const FIRST: u32 = 12_000;
const COUNT: u32 = 18_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port nobody listens on, and that this process hands out once.
///
/// # Errors
///
/// When the whole range is in use.
pub fn free_port() -> Check<u16> {
    // Test binaries that run side by side begin at different places.
    let start = std::process::id().wrapping_mul(61);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = (FIRST + start.wrapping_add(step) % COUNT) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Failure::new(format!(
        "no free port between {FIRST} and {}",
        FIRST + COUNT
    )))
}

/// The first of `width` ports in a row that nobody listens on, and that this process hands out once: for
/// clusters that count their ports up from one.
///
/// # Errors
///
/// When there is no such row.
pub fn free_row(width: u16) -> Check<u16> {
    let start = std::process::id().wrapping_mul(61);
    for _ in 0..COUNT / u32::from(width.max(1)) {
        let step = NEXT.fetch_add(u32::from(width), Ordering::Relaxed);
        let first = start.wrapping_add(step) % COUNT;
        // Not around the end of the range.
        let first = (FIRST + first.min(COUNT - u32::from(width))) as u16;
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (first..first + width).all(is_free) {
            return Ok(first);
        }
    }
    Err(Failure::new(format!("no {width} free ports in a row")))
}
