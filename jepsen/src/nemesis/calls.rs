//! Calls of the system that report an error of the disk, to one member, by a tracer that is attached to it.

use super::active::{Active, Means};
use super::{Injector, Nemesis};
use keelson_kit::check::{Check, some};
use keelson_kit::process::Process;
use rand::Rng;
use std::fs;
use std::path::Path;

/// The calls, and what they are to a reader. Writes are those at an offset: our log and etcd's database are written so.
/// Others are of sockets, too, and of what is said on standard error.
fn calls(nemesis: Nemesis) -> (&'static str, &'static str) {
    match nemesis {
        Nemesis::WriteError => ("pwrite64,pwritev,pwritev2", "writes"),
        Nemesis::ReadError => ("pread64,preadv,preadv2", "reads"),
        _ => ("fdatasync,fsync", "syncs"),
    }
}

impl Injector<'_> {
    pub(super) fn fail_calls(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let pid = some("a process", self.cluster.pid(victim))?.to_string();
        let seen = self.cluster.directory().join(format!("strace-{pid}.log"));
        let (calls, _) = calls(fault.step.nemesis);
        let when = fault.random.random_range(1..5);
        let (trace, inject) = (
            format!("trace={calls}"),
            format!("inject={calls}:error=EIO:when={when}+"),
        );
        let words = ["-f", "-qq", "-e", &trace, "-e", &inject, "-p", &pid];
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        fault.means = Means::Tracer(Process::start(Path::new("strace"), &words, &seen)?, seen);
        Ok(None)
    }

    pub(super) fn end_tracer(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        let Means::Tracer(mut tracer, seen) = std::mem::replace(&mut fault.means, Means::None)
        else {
            return Ok(String::new());
        };
        tracer.kill();
        let text = fs::read_to_string(seen)?;
        let failed = text
            .lines()
            .filter(|line| line.contains("(INJECTED)"))
            .count();
        if failed > 0 {
            let (_, calls) = calls(fault.step.nemesis);
            self.effective(fault, format!("{failed} {calls} failed"));
        }
        // After a sync or a write that failed it must not go on: what was written may be lost and look as if it were
        // not.
        let how = match fault.ended.take() {
            Some(how) => format!("ended by itself with {how}"),
            None => "did not end".to_owned(),
        };
        if self.cluster.kill(victim) {
            self.note_exit(victim, "signal 9");
        }
        // It may have been about to end when it was killed, and have said why.
        if fault.is_effective {
            self.cluster.excuse(victim, fault.log_from);
        }
        self.start(fault)?;
        Ok(format!("the member {how}, and was started again"))
    }
}
