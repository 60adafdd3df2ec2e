//! The system's randomness, replaced.
//!
//! Ids, jitter, the order of a `HashMap` and the runtime's choices all begin with a few bytes from the
//! operating system. This program defines the function that gives them, and the linker prefers it to
//! the one of the C library. So the seed decides all of it, and store and libraries stay as they ship.

use std::ffi::{c_uint, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

/// SplitMix64's state. What is asked for before the seed is known is the same in every process.
static STATE: AtomicU64 = AtomicU64::new(0x6b65_656c_736f_6e21);

/// From here on the process's randomness follows from `seed`.
pub fn seed(seed: u64) {
    STATE.store(seed ^ 0x6b65_656c_736f_6e21, Ordering::SeqCst);
}

fn next() -> u64 {
    let state = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
    let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Stands in for the C library's function of this name.
///
/// # Safety
/// `buffer` must have room for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, _flags: c_uint) -> isize {
    // SAFETY: the caller promises the room.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&next().to_le_bytes()[..chunk.len()]);
    }
    length as isize
}
