//! How much memory a check takes.
//!
//! A test program that wants to know says
//! `#[global_allocator] static ALLOCATOR: keelson_fuzz::memory::Counting = keelson_fuzz::memory::Counting;`
//! and gets the system's allocator, which counts for each thread what it holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counting.
pub struct Counting;

/// Notes that this thread holds so many bytes more, or fewer. A thread that is about to end may have no place
/// left to count in.
fn note(bytes: isize) {
    let _ = HELD.try_with(|held| {
        let now = held.get() + bytes;
        held.set(now);
        let _ = MOST.try_with(|most| most.set(most.get().max(now)));
    });
}

// SAFETY: every call is the system allocator's own, with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        // SAFETY: the caller keeps the promises of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// Runs something on this thread and says how many bytes it held at most, beside what was held before. Zero if
/// the program does not count.
pub fn most_held<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.with(Cell::get);
    MOST.with(|most| most.set(before));
    let outcome = run();
    let most = MOST.with(Cell::get);
    (outcome, usize::try_from(most - before).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn what_is_given_back_again_counts_too() {
        let (length, most) = most_held(|| {
            let large: Vec<u8> = vec![1; 100_000];
            drop(large);
            vec![1u8; 1000].len()
        });
        assert_eq!(length, 1000);
        assert!((100_000..110_000).contains(&most), "{most}");
        let (_kept, most) = most_held(|| vec![1u8; 1000]);
        assert!((1000..2000).contains(&most), "{most}");
    }
}
