//! The long run: libFuzzer decides what is tried, by way of bolero.
//!
//! Compiled only for such a run (`--cfg fuzzing`), as `scripts/fuzz.sh` or `cargo bolero` start it. libFuzzer sees
//! which code an input reached, in libraries, too, and with what it was compared there, and keeps what
//! reaches something new. What it does not know is what inputs look like: so it asks here for changes ([`Form`]), and
//! makes its own every other time.

use crate::corpus::{self, Named};
use crate::mutate::{Form, mutate};
use crate::target::Target;
use bolero::TargetLocation;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::env;
use std::ffi::c_uint;
use std::panic::{AssertUnwindSafe, Location};
use std::path::PathBuf;
use std::slice;
use std::sync::OnceLock;

/// libFuzzer's arguments, as bolero hands them on.
const ARGUMENTS: &str = "BOLERO_LIBFUZZER_ARGS";

/// What the target of this process looks like, and how long an input may be.
static LIMITS: OnceLock<(Form, usize)> = OnceLock::new();

/// libFuzzer looks for these by name. Without a word about them here the linker would leave them out.
#[used]
static MUTATOR: unsafe extern "C" fn(*mut u8, usize, usize, c_uint) -> usize =
    LLVMFuzzerCustomMutator;
#[used]
static CROSSING: unsafe extern "C" fn(
    *const u8,
    usize,
    *const u8,
    usize,
    *mut u8,
    usize,
    c_uint,
) -> usize = LLVMFuzzerCustomCrossOver;

unsafe extern "C" {
    /// libFuzzer's own changes.
    fn LLVMFuzzerMutate(data: *mut u8, size: usize, size_max: usize) -> usize;
}

/// Whether somebody started a long run, or asks which there are.
pub fn is_asked_for() -> bool {
    env::var_os(ARGUMENTS).is_some() || env::var_os("CARGO_BOLERO_SELECT").is_some()
}

/// Tries inputs until libFuzzer's time is over or one fails, and then ends the process.
pub fn run(
    target: &Target,
    seeds: &[Named],
    check: &dyn Fn(&[u8]),
    caller: &'static Location<'static>,
) {
    let location = location(target, caller);
    if !location.should_run() {
        return;
    }
    LIMITS.get_or_init(|| (target.form, target.length_max));
    put_seeds(seeds);
    let check = AssertUnwindSafe(check);
    bolero::test(location).for_each(|input: &[u8]| (*check)(input));
}

/// Where bolero takes the target to be. Tests are alone in a long run, and named on its command line.
fn location(target: &Target, caller: &'static Location<'static>) -> TargetLocation {
    let named = env::args().nth(1).filter(|name| name.contains("fuzz_"));
    let name = named.unwrap_or_else(|| format!("fuzz_{}", target.name));
    TargetLocation {
        package_name: env!("CARGO_PKG_NAME"),
        manifest_dir: env!("CARGO_MANIFEST_DIR"),
        module_path: "",
        file: caller.file(),
        line: caller.line(),
        item_path: format!("keelson::{name}::__bolero_item_path__").leak(),
        test_name: None,
    }
}

/// libFuzzer reads inputs from directories alone, so seeds go into the first, where what it finds goes, too.
fn put_seeds(seeds: &[Named]) {
    let arguments = env::var(ARGUMENTS).unwrap_or_default();
    let first = arguments
        .split(' ')
        .find(|argument| !argument.starts_with('-'));
    let Some(place) = first.map(PathBuf::from).filter(|place| place.is_dir()) else {
        return;
    };
    for seed in seeds {
        if let Err(error) = corpus::write(&place, "seed-", &seed.bytes) {
            eprintln!("fuzz: a seed cannot be written: {error}");
        }
    }
}

/// What a change needs to know: what inputs look like, how long the new one may be, and its chance.
fn change(size_max: usize, seed: c_uint) -> (Form, usize, SmallRng) {
    let (form, length_max) = *LIMITS.get_or_init(|| (Form::Bytes, usize::MAX));
    let random = SmallRng::seed_from_u64(u64::from(seed));
    (form, size_max.min(length_max), random)
}

/// Puts what was made where libFuzzer wants it.
///
/// # Safety
/// There is room for `length_max` bytes at `out`.
unsafe fn give(made: &[u8], out: *mut u8, length_max: usize) -> usize {
    let length = made.len().min(length_max);
    // SAFETY: the room is there, and `made` is a place of its own.
    unsafe { out.copy_from_nonoverlapping(made.as_ptr(), length) };
    length
}

/// An input of libFuzzer's.
///
/// # Safety
/// The bytes are there for as long as the call in which this is used lasts.
unsafe fn input<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    // SAFETY: as above.
    unsafe { slice::from_raw_parts(data, size) }
}

/// Changes one input.
///
/// # Safety
/// Called by libFuzzer: there are `size` bytes at `data`, and room for `size_max`.
#[unsafe(no_mangle)]
#[allow(non_snake_case)]
unsafe extern "C" fn LLVMFuzzerCustomMutator(
    data: *mut u8,
    size: usize,
    size_max: usize,
    seed: c_uint,
) -> usize {
    let (form, most, mut random) = change(size_max, seed);
    if matches!(form, Form::Bytes) || size > most || random.random_bool(0.5) {
        // SAFETY: the room is as large as we were told, or larger.
        return unsafe { LLVMFuzzerMutate(data, size.min(most), most) };
    }
    // SAFETY: libFuzzer's promise.
    let made = mutate(form, unsafe { input(data, size) }, &[], most, &mut random);
    // SAFETY: the same.
    unsafe { give(&made, data, most) }
}

/// Makes one input of two.
///
/// # Safety
/// Called by libFuzzer: there are two inputs of so many bytes, and room for `size_max` at `out`.
#[unsafe(no_mangle)]
#[allow(non_snake_case)]
unsafe extern "C" fn LLVMFuzzerCustomCrossOver(
    one: *const u8,
    one_size: usize,
    other: *const u8,
    other_size: usize,
    out: *mut u8,
    size_max: usize,
    seed: c_uint,
) -> usize {
    let (form, most, mut random) = change(size_max, seed);
    // SAFETY: libFuzzer's promise.
    let (one, other) = unsafe { (input(one, one_size), input(other, other_size)) };
    let made = mutate(form, one, other, most, &mut random);
    // SAFETY: the same.
    unsafe { give(&made, out, most) }
}
