//! The system's randomness and its clocks, replaced.
//!
//! Ids, jitter, the order of a `HashMap` and the runtime's choices all begin with a few bytes from the
//! operating system. This program defines the function that gives them, and the linker prefers it to
//! the one of the C library. So the seed decides all of it, and store and libraries stay as they ship.
//!
//! The wall clock is asked for when a member is added: its id tells it from those that were there before
//! it, by the second. So that no two are ever added in the same second, this clock is a fast one.
//!
//! The clock that only rises is asked by libraries that do not know the runtime's: HTTP/2 forgets a stream that it has
//! reset after a second. On a slow machine that second would be over at another place of the simulation, so it is
//! a simulated one.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

/// SplitMix64's state. What is asked for before the seed is known is the same in every process.
static STATE: AtomicU64 = AtomicU64::new(0x6b65_656c_736f_6e21);

/// From here on the process's randomness follows from `seed`.
pub fn seed(seed: u64) {
    STATE.store(seed ^ 0x6b65_656c_736f_6e21, Ordering::SeqCst);
    IS_SIMULATED.store(true, Ordering::SeqCst);
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

/// When simulations begin, in seconds since 1970.
const BEGINNING_S: u64 = 1_800_000_000;
const CLOCK_REALTIME: c_int = 0;
const CLOCK_MONOTONIC: c_int = 1;
/// What the clock that only rises shows when simulations begin, in milliseconds.
const BEGINNING_MONOTONIC_MS: u64 = 1_000_000;
/// To [`dlsym`]: what would be called if this program had no function of that name.
const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;

/// Whether this process simulates. One that only starts others asks the system for all time but that of day.
static IS_SIMULATED: AtomicBool = AtomicBool::new(false);
/// Milliseconds since the simulation has begun.
static NOW_MS: AtomicU64 = AtomicU64::new(0);

/// From here on it is so late.
pub fn turn_clock(now_ms: u64) {
    NOW_MS.store(now_ms, Ordering::SeqCst);
}

/// The C library's, for times since 1970.
#[repr(C)]
pub struct Timespec {
    seconds: c_long,
    nanoseconds: c_long,
}

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

type ClockGettime = unsafe extern "C" fn(c_int, *mut Timespec) -> c_int;

/// The C library's own, which needs no call into the kernel: the runtime asks for the time whenever it looks for
/// work.
fn system() -> ClockGettime {
    static SYSTEM: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let mut found = SYSTEM.load(Ordering::Relaxed);
    if found.is_null() {
        // SAFETY: the name ends with a zero, and nothing is kept of it.
        found = unsafe { dlsym(RTLD_NEXT, c"clock_gettime".as_ptr()) };
        assert!(!found.is_null(), "the C library has a clock");
        SYSTEM.store(found, Ordering::Relaxed);
    }
    // SAFETY: it is the function of this name, which has this type.
    unsafe { std::mem::transmute::<*mut c_void, ClockGettime>(found) }
}

/// Stands in for the C library's function of this name: where the time of day is asked for, it lets a second
/// go by for each simulated millisecond; the clock that only rises shows simulated time; for others it asks the system.
///
/// # Safety
/// `time` must be good for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    let now_ms = NOW_MS.load(Ordering::SeqCst);
    let (seconds, nanoseconds) = match clock {
        CLOCK_REALTIME => (BEGINNING_S + now_ms, 0),
        CLOCK_MONOTONIC if IS_SIMULATED.load(Ordering::SeqCst) => {
            let shown_ms = BEGINNING_MONOTONIC_MS + now_ms;
            (shown_ms / 1000, shown_ms % 1000 * 1_000_000)
        }
        // SAFETY: it is the system's own function, with what the caller promises for it.
        _ => return unsafe { system()(clock, time) },
    };
    // SAFETY: the caller promises that it can be written.
    unsafe {
        time.write(Timespec {
            seconds: seconds as c_long,
            nanoseconds: nanoseconds as c_long,
        });
    }
    0
}
