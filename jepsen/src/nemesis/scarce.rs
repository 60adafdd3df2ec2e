//! Faults of a machine that has too little: processor, files, memory, threads.

use super::duty::Duty;
use super::{Active, Injector, Means};
use crate::limits::{FileLimit, Group, ThreadLimit, file_limit, open_files};
use keelson_kit::check::{Check, Failure, holds, some};
use keelson_kit::client::Client;
use keelson_proto::etcdserverpb::SnapshotRequest;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// A starved member stands still for so many hundredths of the time, at least.
const STILL: u128 = 75;
/// And so often.
const STOPS: u32 = 5;
/// What a member may open beside what it has open.
const LEFT: u64 = 2;
/// Connections that come then.
const COMING: usize = 16;
/// A member that has room answers a connection within this time.
const GREETS: Duration = Duration::from_secs(3);
/// All connections that come together are waited for so long.
const GREETS_ALL: Duration = Duration::from_millis(800);
/// Who has met an error and ends because of it does so within this time.
const DECIDES: Duration = Duration::from_millis(700);
/// Between two looks at whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// What a client of HTTP/2 says first, with empty settings. A server answers with its own.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A member that may open nothing.
#[derive(Debug)]
pub(super) struct Files {
    pid: u32,
    before: FileLimit,
    /// Connections that keep open what it has left.
    held: Vec<TcpStream>,
}

impl Injector<'_> {
    pub(super) fn starve(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let pid = some("a process", self.cluster.pid(victim))?;
        fault.means = Means::Duty(Duty::start(pid)?);
        // How much it got is known at the end.
        Ok(None)
    }

    pub(super) fn feed(&mut self, fault: &mut Active) -> Check<String> {
        if let Means::Duty(duty) = std::mem::replace(&mut fault.means, Means::None) {
            let stood = duty.end()?;
            if stood.stops >= STOPS && stood.percent() >= STILL {
                let (percent, whole, stops) =
                    (stood.percent(), stood.whole.as_millis(), stood.stops);
                let evidence = format!(
                    "it stood still for {percent} % of {whole} ms, in {stops} stops that the kernel confirmed"
                );
                self.effective(fault, evidence);
            }
        }
        Ok("it runs whenever it can".to_owned())
    }

    pub(super) fn take_files(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let pid = some("a process", self.cluster.pid(victim))?;
        let address = some("an address", self.cluster.client_address(victim))?;
        let before = file_limit(pid, None)?;
        let (_, greeted) = come(pid, address, 1, GREETS)?;
        holds("a connection is answered while there is room", greeted == 1)?;
        let less = FileLimit {
            rlim_cur: open_files(pid)? + LEFT,
            ..before
        };
        file_limit(pid, Some(&less))?;
        let mut files = Files {
            pid,
            before,
            held: Vec::new(),
        };
        let come = come(pid, address, COMING, GREETS_ALL);
        let now = file_limit(pid, None)?.rlim_cur;
        let greeted = come.map(|(held, greeted)| {
            files.held = held;
            greeted
        });
        fault.means = Means::Files(files);
        let refused = COMING - greeted?;
        let evidence = format!(
            "it may open {now} files, and {refused} of {COMING} new connections had no answer"
        );
        Ok((now == less.rlim_cur && refused > 0).then_some(evidence))
    }

    pub(super) async fn give_files(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        let Means::Files(files) = std::mem::replace(&mut fault.means, Means::None) else {
            return Ok(String::new());
        };
        drop(files.held);
        if fault.ended.is_none() {
            file_limit(files.pid, Some(&files.before))?;
            if !self.ends_late(fault, victim).await {
                return Ok("it went on, and may open files again".to_owned());
            }
        }
        self.start_after(fault)
    }

    /// Whether a member ends that met an error a moment ago.
    async fn ends_late(&mut self, fault: &mut Active, victim: usize) -> bool {
        let decided = Instant::now() + DECIDES;
        while self.cluster.runs(victim) {
            if Instant::now() >= decided {
                return false;
            }
            sleep(LOOK).await;
        }
        self.note_late_end(fault, victim);
        true
    }

    /// What a group of processes is called on this host, so that the end of the run finds it.
    fn group_name(&self, victim: usize) -> Check<String> {
        let scratch = self.cluster.data(victim);
        let scratch = scratch.ancestors().nth(2).and_then(|one| one.file_name());
        let name = some("a name for the group", scratch)?;
        Ok(name.to_string_lossy().into_owned())
    }

    /// A member has ended because of a fault, and nobody has asked how yet.
    fn note_late_end(&mut self, fault: &mut Active, victim: usize) {
        self.cluster.kill(victim);
        self.cluster.excuse(victim, fault.log_from);
        let how = "an end of its own";
        self.note_exit(victim, how);
        fault.ended = Some(how.to_owned());
    }

    pub(super) fn take_memory(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let pid = some("a process", self.cluster.pid(victim))?;
        let group = Group::new(&self.group_name(victim)?)?;
        group.take(pid)?;
        fault.means = Means::Memory(group);
        // The kernel kills it when it wants more than it may have.
        Ok(None)
    }

    pub(super) fn give_memory(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        let Means::Memory(group) = std::mem::replace(&mut fault.means, Means::None) else {
            return Ok(String::new());
        };
        let killed = group.killed()?;
        drop(group);
        if killed > 0 {
            if fault.ended.is_none() {
                self.note_late_end(fault, victim);
            }
            let evidence = "the kernel counts that it killed it for want of memory";
            self.effective(fault, evidence.to_owned());
        }
        match fault.ended {
            None => Ok("it went on".to_owned()),
            Some(_) => self.start_after(fault),
        }
    }

    pub(super) async fn take_threads(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let victim = *some("a victim", fault.victims.first())?;
        let pid = some("a process", self.cluster.pid(victim))?;
        let limit = ThreadLimit::new(&self.group_name(victim)?, pid)?;
        let wanted = self.want_thread(victim).await;
        let refused = limit.refused();
        fault.means = Means::Threads(limit);
        let evidence = format!("the kernel refused it one for a snapshot, which {wanted}");
        Ok((refused? > 0).then_some(evidence))
    }

    /// Asks for a snapshot, which ours sends from a thread of its own. Returns what came of it.
    async fn want_thread(&self, victim: usize) -> &'static str {
        let Ok(client) = Client::new(&self.cluster.endpoints()) else {
            return "was not asked for";
        };
        let mut maintenance = client.member(victim).maintenance();
        let asked = async {
            let mut parts = maintenance.snapshot(SnapshotRequest {}).await?.into_inner();
            parts.message().await
        };
        match timeout(GREETS, asked).await {
            Ok(Ok(Some(_))) => "came",
            Ok(Ok(None)) => "was empty",
            Ok(Err(_)) => "it refused",
            Err(_) => "did not come",
        }
    }

    pub(super) async fn give_threads(&mut self, fault: &mut Active) -> Check<String> {
        let victim = *some("a victim", fault.victims.first())?;
        let Means::Threads(limit) = std::mem::replace(&mut fault.means, Means::None) else {
            return Ok(String::new());
        };
        let refused = limit.refused()?;
        drop(limit);
        if refused > 0 && !fault.is_effective {
            let evidence = format!("the kernel refused it a thread {refused} times");
            self.effective(fault, evidence);
        }
        if fault.ended.is_none() && !self.ends_late(fault, victim).await {
            return Ok("it went on, and may have threads again".to_owned());
        }
        self.start_after(fault)
    }

    /// Starts a member that has ended by itself, as its operator does.
    fn start_after(&mut self, fault: &mut Active) -> Check<String> {
        let how = fault.ended.take();
        self.start(fault)?;
        Ok(match how {
            Some(how) => format!("it ended by itself with {how}, and was started again"),
            None => "it was started again".to_owned(),
        })
    }
}

/// Opens connections from the host of a process, where no cut wire matters, and returns them with how many were
/// answered within `patience`.
fn come(
    pid: u32,
    to: SocketAddr,
    count: usize,
    patience: Duration,
) -> Check<(Vec<TcpStream>, usize)> {
    // A thread of its own: a network belongs to a thread, and this one is never used again.
    let visit = std::thread::spawn(move || -> Check<(Vec<TcpStream>, usize)> {
        enter(pid)?;
        let until = Instant::now() + patience;
        let mut streams = Vec::new();
        for _ in 0..count {
            let mut stream = connect(&to, until)?;
            stream.write_all(HELLO)?;
            streams.push(stream);
        }
        let mut greeted = 0;
        for stream in &mut streams {
            // Never zero, which would mean for ever.
            let left = until.saturating_duration_since(Instant::now());
            stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            greeted += usize::from(matches!(stream.read(&mut [0; 9]), Ok(1..)));
        }
        Ok((streams, greeted))
    });
    let panicked = |_| Err(Failure::new("a visit panicked"));
    visit.join().unwrap_or_else(panicked)
}

/// A connection. Who was started a moment ago is about to listen, and is waited for.
fn connect(to: &SocketAddr, until: Instant) -> std::io::Result<TcpStream> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match TcpStream::connect_timeout(to, left.max(LOOK)) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused && left > LOOK => {
                std::thread::sleep(LOOK);
            }
            tried => return tried,
        }
    }
}

/// Puts the present thread into the network of a process, unless it is there already.
fn enter(pid: u32) -> Check {
    let theirs = format!("/proc/{pid}/ns/net");
    if fs::read_link(&theirs)? == fs::read_link("/proc/thread-self/ns/net")? {
        return Ok(());
    }
    let network = fs::File::open(theirs)?;
    // SAFETY: the descriptor is open, and the call touches no memory.
    match unsafe { libc::setns(network.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(Failure::from(std::io::Error::last_os_error())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn who_is_about_to_listen_is_waited_for() {
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let address = address.unwrap();
        let patience = Duration::from_secs(20);
        let listening = std::thread::spawn(move || {
            let visitor = std::thread::spawn(move || connect(&address, Instant::now() + patience));
            let listener = TcpListener::bind(address).unwrap();
            listener.accept().unwrap();
            visitor.join().unwrap()
        });
        assert!(listening.join().unwrap().is_ok());
        let refused = connect(&address, Instant::now() + 3 * LOOK).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn who_greets_is_told_from_who_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            first.write_all(b"settings!").unwrap();
            // The others wait in the queue for as long as the test lasts.
            std::thread::park();
            drop(listener);
        });
        let (held, greeted) =
            come(std::process::id(), address, 4, Duration::from_millis(400)).unwrap();
        assert_eq!((held.len(), greeted), (4, 1));
    }
}
