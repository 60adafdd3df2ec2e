//! What the system says about this process.

use super::Samples;
use std::fmt;
use std::fs;

/// Reads `/proc`; what it does not say is left out.
pub(super) fn samples(samples: &mut Samples<'_>) -> fmt::Result {
    if let Some(stat) = fs::read_to_string("/proc/self/stat")
        .ok()
        .as_deref()
        .and_then(parse)
    {
        samples.counter(
            "process_cpu_seconds",
            "Processor time used, in seconds",
            stat.cpu_seconds,
        )?;
        samples.gauge(
            "process_resident_memory_bytes",
            "Memory in use, in bytes",
            stat.resident_bytes,
        )?;
        samples.gauge(
            "process_virtual_memory_bytes",
            "Address space in use, in bytes",
            stat.virtual_bytes,
        )?;
        samples.gauge("process_threads", "Threads", stat.threads)?;
        if let Some(boot) = boot_time() {
            samples.gauge(
                "process_start_time_seconds",
                "Start of the process in seconds since 1970",
                boot + stat.started_seconds,
            )?;
        }
    }
    // The directory being read is one of them.
    let open = fs::read_dir("/proc/self/fd").map(|fds| fds.count().saturating_sub(1));
    if let Ok(open) = open {
        for name in ["process_open_fds", "os_fd_used"] {
            samples.gauge(name, "Open file descriptors", open as f64)?;
        }
    }
    if let Some(limit) = fd_limit() {
        for name in ["process_max_fds", "os_fd_limit"] {
            samples.gauge(name, "Most file descriptors allowed", limit)?;
        }
    }
    Ok(())
}

struct Stat {
    cpu_seconds: f64,
    threads: f64,
    /// Since the machine started.
    started_seconds: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

/// Reads `/proc/self/stat`. The second field is a name that may contain anything, so counting starts
/// behind its closing parenthesis, at the third field.
fn parse(stat: &str) -> Option<Stat> {
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let ticks = configured(libc::_SC_CLK_TCK)?;
    Some(Stat {
        cpu_seconds: (field(14)? + field(15)?) / ticks,
        threads: field(20)?,
        started_seconds: field(22)? / ticks,
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * configured(libc::_SC_PAGESIZE)?,
    })
}

fn configured(name: libc::c_int) -> Option<f64> {
    // SAFETY: takes a number, returns a number.
    let value = unsafe { libc::sysconf(name) };
    (value > 0).then_some(value as f64)
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn fd_limit() -> Option<f64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place to write to for the length of the call.
    let outcome = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    (outcome == 0).then_some(limit.rlim_cur as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_still_read() {
        let mut stat = String::from("7 (a ) (b) S");
        for field in 4..=52 {
            stat.push_str(&format!(" {field}"));
        }
        let stat = parse(&stat).expect("readable");
        assert_eq!((stat.threads, stat.virtual_bytes), (20.0, 23.0));
        assert!(stat.resident_bytes >= 24.0 * 4096.0);
    }

    #[test]
    fn this_process_uses_memory() {
        let stat = fs::read_to_string("/proc/self/stat").expect("on Linux");
        assert!(parse(&stat).expect("readable").resident_bytes > 1e6);
    }
}
