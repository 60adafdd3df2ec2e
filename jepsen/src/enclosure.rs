//! A world of its own for a run: network, mounts and processes that are gone when it ends, however it ends.
//!
//! The program starts itself once more inside. The outer process stays in the same space of mounts, so that it
//! can thaw a file system that the inner one had frozen when it died: a process that waits for a frozen disk
//! cannot be killed, and an end that waits for it would never come.

use keelson_kit::check::{Check, Failure};
use keelson_kit::process::die_with_parent;
use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use crate::disk::{self, SCRATCH};
use crate::limits;

/// Tells the inner process that it is inside, and by which means.
const INSIDE: &str = "KEELSON_JEPSEN_INSIDE";
/// Number of the pipe whose end says that the inner process has died.
const LIFELINE: i32 = 63;

/// What keeps a run apart from the rest of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enclosure {
    /// Network, mounts and processes, as root: all faults are possible.
    Full,
    /// Network and processes, as root of a namespace of users: no disk images.
    Rootless,
    /// Nothing: members listen on loopback and keep their data in plain directories. Nothing can be cut.
    None,
}

impl Enclosure {
    /// In words, as reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Enclosure::Full => "namespaces and disk images",
            Enclosure::Rootless => "namespaces, plain directories",
            Enclosure::None => "loopback, plain directories",
        }
    }

    /// The best one that this host allows.
    pub fn best() -> Enclosure {
        const ROOTLESS: &[&str] = &["--user", "--map-root-user"];
        let tried = |flags: &[&str]| {
            let mut probe = Command::new("unshare");
            probe
                .args(flags)
                .args(SPACES)
                .args(["ip", "link", "add", "probe", "type", "bridge"]);
            let status = probe.stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        if tried(&[]) {
            return Enclosure::Full;
        }
        match tried(ROOTLESS) {
            true => Enclosure::Rootless,
            false => Enclosure::None,
        }
    }

    /// The one this process is in already, if it is the inner one.
    pub fn current() -> Option<Enclosure> {
        let name = std::env::var(INSIDE).ok()?;
        let all = [Enclosure::Full, Enclosure::Rootless, Enclosure::None];
        all.into_iter().find(|one| format!("{one:?}") == name)
    }
}

/// Where the inner process may make what shall be gone afterwards.
const SCRATCH_AT: &str = "KEELSON_JEPSEN_SCRATCH";
/// What `unshare` makes.
const SPACES: &[&str] = &[
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

/// Runs this program once more with the same arguments, inside, and returns how it ended. Must be called before
/// there is a second thread: it changes what the whole process sees.
///
/// # Errors
///
/// When the namespaces cannot be made; nothing has run then.
pub fn run_inside(enclosure: Enclosure) -> Check<ExitStatus> {
    let program = std::env::current_exe()?;
    let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir()?;
    let mut command = match enclosure {
        Enclosure::Full => {
            own_spaces()?;
            Command::new(&program)
        }
        Enclosure::Rootless => {
            let mut unshare = Command::new("unshare");
            unshare
                .args(["--user", "--map-root-user"])
                .args(SPACES)
                .arg(&program);
            unshare
        }
        Enclosure::None => Command::new(&program),
    };
    // Opened in the new space and before there is another /proc; it shows what is mounted whenever it is read.
    let mounts = File::open("/proc/self/mounts")?;
    command
        .args(std::env::args_os().skip(1))
        .env(INSIDE, format!("{enclosure:?}"))
        .env(SCRATCH_AT, scratch.path());
    let lifeline = lifeline(&mut command)?;
    let mut child = die_with_parent(&mut command).spawn()?;
    // The copy that the command holds would keep the pipe open.
    drop(command);
    pass_interrupts_on(child.id());
    clean_up(lifeline, mounts, scratch.path());
    let status = child.wait()?;
    limits::forget(
        &scratch
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy(),
    );
    Ok(status)
}

/// From here on this process has mounts and a network of its own, and its children have numbers of their own.
fn own_spaces() -> Check {
    let spaces = libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWPID;
    let (flags, root) = (libc::MS_REC | libc::MS_PRIVATE, c"/".as_ptr());
    let null = std::ptr::null();
    // SAFETY: plain system calls; there is one thread, as the caller promises.
    let done = unsafe {
        libc::unshare(spaces) == 0 && libc::mount(null, root, null, flags, null.cast()) == 0
    };
    match done {
        true => Ok(()),
        false => Err(Failure::from(std::io::Error::last_os_error())),
    }
}

/// A pipe whose writing end lives as long as the inner process.
fn lifeline(command: &mut Command) -> Check<File> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for both descriptors, which are owned right after.
    let (reading, writing) = unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(Failure::from(std::io::Error::last_os_error()));
        }
        (File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    };
    // SAFETY: dup2 is async-signal-safe.
    unsafe {
        command.pre_exec(move || match libc::dup2(writing.as_raw_fd(), LIFELINE) {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    Ok(reading)
}

/// To be called first inside. Returns where the run may make its files.
///
/// # Errors
///
/// When the processes of the new space cannot be shown.
pub fn settle(enclosure: Enclosure) -> Check<PathBuf> {
    // SAFETY: system calls on a descriptor that is ours or not open at all, and on this process. Members must not
    // inherit the lifeline, and an interrupt of the terminal must reach none of them.
    unsafe {
        libc::fcntl(LIFELINE, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::setsid();
    }
    if enclosure == Enclosure::Full {
        let proc = c"proc".as_ptr();
        // SAFETY: all texts end with a zero byte.
        let done = unsafe { libc::mount(proc, c"/proc".as_ptr(), proc, 0, std::ptr::null()) };
        if done != 0 {
            return Err(Failure::from(std::io::Error::last_os_error()));
        }
    }
    let scratch = std::env::var_os(SCRATCH_AT).map(PathBuf::from);
    keelson_kit::check::some("a directory from the outer process", scratch)
}

/// Waits until the inner process has died, thaws what it left frozen, and unmounts what it left mounted.
fn clean_up(mut lifeline: File, mut mounts: File, scratch: &Path) {
    let mut nothing = [0; 1];
    // An error says the same as the end: nobody is there any more.
    while matches!(lifeline.read(&mut nothing), Ok(1..)) {}
    let mut text = String::new();
    let _ = mounts.read_to_string(&mut text);
    for line in text.lines() {
        let Some(at) = line.split(' ').nth(1).map(Path::new) else {
            continue;
        };
        if !at.starts_with(scratch) {
            continue;
        }
        // Fails for those that were not frozen, which is nearly always.
        let _ = disk::thaw(at);
        if let Ok(path) = CString::new(at.as_os_str().as_bytes()) {
            // SAFETY: the path ends with a zero byte.
            unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
        }
    }
}

/// The inner process, once it runs.
static INNER: AtomicI32 = AtomicI32::new(0);

/// An interrupt is passed on to the inner process alone, which ends the run; members and hosts stay until it has.
fn pass_interrupts_on(to: u32) {
    extern "C" fn pass_on(signal: libc::c_int) {
        // SAFETY: kill is async-signal-safe, and the number is that of a child nobody has waited for.
        unsafe { libc::kill(INNER.load(Relaxed), signal) };
    }
    INNER.store(to as i32, Relaxed);
    let handler = pass_on as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler makes one async-signal-safe call.
    unsafe {
        libc::signal(libc::SIGINT, handler);
        libc::signal(libc::SIGTERM, handler);
    }
}
