//! What is switched on, and what happens there.

use super::{MARKER, POINTS, Point};
use parking_lot::Mutex;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Between two looks of a thread that is paused.
const LOOK: Duration = Duration::from_millis(5);

static SWITCH: OnceLock<Switch> = OnceLock::new();

struct Switch {
    file: Option<PathBuf>,
    /// What the file was when it was read, and the points that it switched on.
    read: Mutex<(Option<Stamp>, Vec<&'static str>)>,
    /// Counts changes of what is switched on.
    changes: AtomicU64,
    /// Whether anything is.
    armed: AtomicBool,
}

/// By which one content of a file is told from the next: the file's number, its time, its length.
type Stamp = (u64, i64, i64, u64);

/// One point to be switched on.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    point: &'static Point,
    action: Action,
    /// Only the so-manieth time.
    at: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Action {
    Kill,
    Delay(Duration),
    Pause,
    Error,
    /// In the words of the crate `fail`.
    Other(String),
}

/// Lets the environment of this process switch failpoints on: see the room's essay. To be called once, when the
/// program starts. Ends the program if only the names are asked for.
///
/// # Errors
/// What is wrong in `KEELSON_FAILPOINTS`.
pub fn start() -> Result<(), String> {
    let text = std::env::var("KEELSON_FAILPOINTS").unwrap_or_default();
    if text == "help" {
        for point in POINTS {
            println!("{}\t{}", point.name, point.what);
        }
        std::process::exit(0);
    }
    let file = std::env::var_os("KEELSON_FAILPOINTS_FILE").map(PathBuf::from);
    if text.is_empty() && file.is_none() {
        return Ok(());
    }
    listen(file);
    switch_on(&text)
}

fn listen(file: Option<PathBuf>) -> &'static Switch {
    SWITCH.get_or_init(|| Switch {
        file,
        read: Mutex::default(),
        changes: AtomicU64::new(0),
        armed: AtomicBool::new(false),
    })
}

/// Switches points on, in the words of `KEELSON_FAILPOINTS`.
///
/// # Errors
/// What is wrong in the text; then nothing is switched on.
pub fn switch_on(text: &str) -> Result<(), String> {
    let orders = parse(text).map_err(|why| format!("{MARKER}: {why}"))?;
    let switch = listen(None);
    switch.carry_out(orders)
}

/// A thread has come to a failpoint, perhaps as the first one of this process.
pub(super) fn come_by(failpoint: &'static str, came_by: &AtomicBool) {
    if SWITCH.get().is_some()
        && !came_by.load(Ordering::Relaxed)
        && !came_by.swap(true, Ordering::Relaxed)
    {
        tracing::info!(failpoint, "first at a failpoint");
    }
}

/// A thread has come to a failpoint. What it returns is the error to be reported there.
pub(super) fn reach(name: &'static str) -> Option<io::Error> {
    let switch = SWITCH.get()?;
    switch.look();
    if !switch.armed.load(Ordering::Relaxed) {
        return None;
    }
    fail::eval(name, |_| {
        announce(name, "error");
        io::Error::other(format!("the failpoint {name} reports an error"))
    })
}

impl Switch {
    /// Does what the file says, if it says something new.
    fn look(&self) {
        let Some(file) = &self.file else { return };
        let found = std::fs::metadata(file).ok();
        let stamp = found.map(|it| (it.ino(), it.mtime(), it.mtime_nsec(), it.len()));
        let mut read = self.read.lock();
        if read.0 == stamp {
            return;
        }
        read.0 = stamp;
        for name in read.1.drain(..) {
            fail::remove(name);
        }
        // Whoever pauses goes on, whatever else the file says.
        self.changes.fetch_add(1, Ordering::SeqCst);
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let carried_out = parse(&text).and_then(|orders| {
            read.1.extend(orders.iter().map(|order| order.point.name));
            self.carry_out(orders)
        });
        if let Err(why) = carried_out {
            tracing::error!(why, "a failpoint was not switched on");
        }
    }

    fn carry_out(&self, orders: Vec<Order>) -> Result<(), String> {
        let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        for order in orders {
            self.armed.store(true, Ordering::Relaxed);
            order.carry_out(change)?;
        }
        Ok(())
    }
}

impl Order {
    fn carry_out(self, change: u64) -> Result<(), String> {
        let Order { point, action, at } = self;
        let name = point.name;
        let words = match action {
            Action::Other(words) => words,
            Action::Error => match at {
                None => "return".to_owned(),
                Some(1) => "1*return->off".to_owned(),
                Some(at) => format!("{}*off->1*return->off", at - 1),
            },
            action => {
                let hits = AtomicU64::new(0);
                return fail::cfg_callback(name, move || {
                    let hit = hits.fetch_add(1, Ordering::SeqCst) + 1;
                    if at.is_none_or(|at| at == hit) {
                        act(name, &action, change);
                    }
                });
            }
        };
        fail::cfg(name, &words)
    }
}

fn act(name: &'static str, action: &Action, change: u64) {
    match action {
        Action::Kill => {
            announce(name, "kill");
            // SAFETY: a signal to this very process, which nobody handles.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            loop {
                std::thread::park();
            }
        }
        Action::Delay(time) => {
            announce(name, "delay");
            std::thread::sleep(*time);
        }
        Action::Pause => {
            announce(name, "pause");
            let Some(switch) = SWITCH.get() else { return };
            while switch.changes.load(Ordering::SeqCst) == change {
                std::thread::sleep(LOOK);
                switch.look();
            }
        }
        Action::Error | Action::Other(_) => {}
    }
}

/// Says what happens, before it does: who tests counts what was effective.
fn announce(failpoint: &'static str, action: &'static str) {
    if tracing::dispatcher::has_been_set() {
        tracing::warn!(failpoint, action, "a failpoint acts");
    } else {
        eprintln!("a failpoint acts: {failpoint} {action}");
    }
}

fn parse(text: &str) -> Result<Vec<Order>, String> {
    let parts = text.split([';', '\n']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(order).collect()
}

fn order(text: &str) -> Result<Order, String> {
    let (name, words) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not name=action"))?;
    let point = POINTS
        .iter()
        .find(|point| point.name == name)
        .ok_or_else(|| format!("`{name}` is no failpoint"))?;
    let (what, at) = match words.split_once('@') {
        None => (words, None),
        Some((what, at)) => match at.parse() {
            Ok(at) if at > 0 => (what, Some(at)),
            _ => return Err(format!("`{at}` in `{text}` is no number of hits")),
        },
    };
    let delay = what
        .strip_prefix("delay(")
        .and_then(|rest| rest.strip_suffix(')'));
    let action = match (what, delay) {
        ("kill", _) => Action::Kill,
        ("pause", _) => Action::Pause,
        ("error", _) if point.fails => Action::Error,
        ("error", _) => return Err(format!("`{name}` cannot report an error")),
        (_, Some(time)) => match time.parse() {
            Ok(time) => Action::Delay(Duration::from_millis(time)),
            Err(_) => return Err(format!("`{time}` in `{text}` is no number of milliseconds")),
        },
        (other, None) if at.is_none() => Action::Other(other.to_owned()),
        _ => return Err(format!("`{what}` in `{text}` is no action")),
    };
    // Once, unless it is said otherwise: a process dies once anyway.
    let at = if action == Action::Kill {
        at.or(Some(1))
    } else {
        at
    };
    Ok(Order { point, action, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_switched_on_is_read_or_refused_with_a_reason() {
        let orders =
            parse("wal-before-sync=kill@3; wal-after-sync=delay(20)\nwal-before-write=error")
                .expect("three orders");
        let read: Vec<_> = orders
            .iter()
            .map(|order| (order.point.name, &order.action, order.at))
            .collect();
        let delay = Action::Delay(Duration::from_millis(20));
        assert_eq!(
            read,
            [
                ("wal-before-sync", &Action::Kill, Some(3)),
                ("wal-after-sync", &delay, None),
                ("wal-before-write", &Action::Error, None),
            ]
        );
        for wrong in [
            "wal-before-sync",
            "nowhere=kill",
            "wal-before-sync=kill@0",
            "wal-before-sync=kill@x",
            "wal-before-sync=delay(x)",
            "wal-before-sync=boom@1",
            // Whoever has come there has nobody to report to.
            "wal-after-sync=error",
        ] {
            parse(wrong).expect_err(wrong);
        }
    }
}
