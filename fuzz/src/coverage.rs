//! Which code an input reached.
//!
//! The compiler can put a counter of eight bits at every edge of the code it makes, and a call that tells where
//! they lie (`scripts/fuzz-rustc.sh` asks it to). Without that there are none, and [`is_there`] says so.

use std::slice;
use std::sync::Mutex;

/// Where counters lie: address and length.
static PLACES: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// Called by compiled code before `main`.
///
/// # Safety
/// The bytes from `start` to `stop` are counters that live as long as the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    let place = (start as usize, stop as usize - start as usize);
    let mut places = PLACES.lock().unwrap_or_else(|held| held.into_inner());
    if !places.contains(&place) {
        places.push(place);
    }
}

/// Whether the program counts.
pub fn is_there() -> bool {
    !places().is_empty()
}

fn places() -> Vec<(usize, usize)> {
    PLACES
        .lock()
        .unwrap_or_else(|held| held.into_inner())
        .clone()
}

fn counters() -> impl Iterator<Item = &'static mut [u8]> {
    places().into_iter().map(|(start, length)| {
        // SAFETY: whoever registered them says that they live as long as the program. Other threads may count
        // meanwhile; that a count is lost does no harm, and nobody else makes slices of them.
        unsafe { slice::from_raw_parts_mut(start as *mut u8, length) }
    })
}

/// Forgets what was counted.
pub fn reset() {
    counters().for_each(|counters| counters.fill(0));
}

/// What has been reached since [`reset`]: one number for each edge and magnitude of its count.
pub fn reached() -> Vec<u32> {
    let mut found = Vec::new();
    let mut base = 0;
    for counters in counters() {
        for (at, eight) in counters.chunks(8).enumerate() {
            if eight.iter().all(|count| *count == 0) {
                continue;
            }
            for (more, count) in eight.iter().enumerate().filter(|(_, count)| **count > 0) {
                let edge = base + at * 8 + more;
                found.push(edge as u32 * 8 + magnitude(*count));
            }
        }
        base += counters.len();
    }
    found
}

/// The edge of one of [`reached`]'s numbers.
pub fn edge(feature: u32) -> u32 {
    feature / 8
}

fn magnitude(count: u8) -> u32 {
    match count {
        0..=3 => u32::from(count),
        4..=7 => 4,
        8..=15 => 5,
        16..=127 => 6,
        128.. => 7,
    }
}
