//! Hosts of their own on one machine, on wires that can be cut: network namespaces of this kernel.
//!
//! A test that needs them runs itself once more in a namespace ([`enter`]), where it may do as it likes: with
//! the last process in it everything is gone, however that process ended. Each host has two wires: on one
//! the members talk to each other, on the other clients talk to them. A wire is cut in one direction by a
//! neighbour with an address that nobody has: frames leave and get nowhere, silently, as behind a firewall
//! or a broken cable. No packet filter is needed.

use crate::check::{Check, Failure};
use crate::process::die_with_parent;
use crate::tools::skip;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Says to a test which of them runs inside.
const INSIDE: &str = "KEELSON_INSIDE_NAMESPACE";
/// How a namespace is made: as root, or by whoever may be root of a namespace of users.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
/// Time for a process to be in its namespace.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nobody has it. Locally administered, like those that somebody has.
const NOBODY: &str = "02:00:00:00:ff:ff";

/// Nobody listens there, so a host that is reached refuses.
const UNUSED: u16 = 9;

/// Whoever is no host: the test, its clients, hollow nodes. On the wire of clients alone.
pub const OUTSIDE: usize = 253;

/// Runs a test in a network namespace, where this returns true. False: it ran there and all is well, or it
/// cannot, which is told loudly. `test` is its whole name.
///
/// # Errors
/// When it failed there.
pub fn enter(test: &str) -> Check<bool> {
    if std::env::var(INSIDE).is_ok_and(|inside| inside == test) {
        return Ok(true);
    }
    let can = |way: &&&[&str]| {
        let mut probe = Command::new("unshare");
        probe
            .args(**way)
            .args(["ip", "link", "add", "probe", "type"]);
        let tried = probe.arg("bridge").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let Some(way) = WAYS.iter().find(can) else {
        skip(
            test,
            "network namespaces cannot be made here: it takes iproute2, and root or `unshare -Urn`",
        );
        return Ok(false);
    };
    let mut again = Command::new("unshare");
    again
        .args(*way)
        .arg(std::env::current_exe()?)
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, test);
    let status = die_with_parent(&mut again).status()?;
    match status.success() {
        true => Ok(false),
        false => Err(Failure::new(format!("{test}, in a namespace: {status}"))),
    }
}

/// What a wire is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Members among themselves.
    Peers,
    /// Clients and members.
    Clients,
}

impl Wire {
    /// Of the device, in each host and outside.
    fn device(self) -> &'static str {
        match self {
            Wire::Peers => "peers",
            Wire::Clients => "clients",
        }
    }

    fn number(self) -> usize {
        match self {
            Wire::Peers => 1,
            Wire::Clients => 2,
        }
    }

    /// Where a host is on it.
    pub fn address(self, host: usize) -> String {
        format!("10.77.{}.{}", self.number(), host + 1)
    }

    fn hardware(self, host: usize) -> String {
        format!("02:00:00:00:{:02x}:{:02x}", self.number(), host + 1)
    }

    /// A line for `ip` that says where frames for a host go.
    fn neighbour(self, to: usize, hardware: &str) -> String {
        let (address, device) = (self.address(to), self.device());
        format!("neigh replace {address} lladdr {hardware} dev {device} nud permanent\n")
    }
}

/// Some hosts. They end with this value.
#[derive(Debug)]
pub struct Net {
    hosts: Vec<Holder>,
}

impl Net {
    /// Makes so many hosts, all of which reach each other. Only inside, see [`enter`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new(hosts: usize) -> Check<Net> {
        let mut outside = "link set lo up\n".to_owned();
        for wire in [Wire::Peers, Wire::Clients] {
            let device = wire.device();
            let hardware = wire.hardware(OUTSIDE);
            outside += &format!("link add {device} address {hardware} type bridge\n");
            outside += &format!("link set {device} up\n");
        }
        let address = Wire::Clients.address(OUTSIDE);
        outside += &format!("addr add {address}/24 dev clients\n");
        ip(None, &outside)?;
        let holders: Check<Vec<Holder>> = (0..hosts).map(|_| Holder::start()).collect();
        let net = Net { hosts: holders? };
        for host in 0..hosts {
            net.plug(host)?;
        }
        net.heal()?;
        Ok(net)
    }

    /// The command line that runs a program on a host; its process is the program's.
    pub fn on(&self, host: usize) -> Vec<String> {
        let space = format!("--net=/proc/{}/ns/net", self.hosts[host].0.id());
        vec!["nsenter".into(), space, "--".into()]
    }

    /// Nothing that `from` sends reaches `to` any more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cut(&self, wire: Wire, from: usize, to: usize) -> Check {
        ip(self.holder(from), &wire.neighbour(to, NOBODY))
    }

    /// All wires are whole again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn heal(&self) -> Check {
        let mut outside = String::new();
        for host in 0..self.hosts.len() {
            outside += &Wire::Clients.neighbour(host, &Wire::Clients.hardware(host));
            let mut inside = Wire::Clients.neighbour(OUTSIDE, &Wire::Clients.hardware(OUTSIDE));
            for other in (0..self.hosts.len()).filter(|other| *other != host) {
                inside += &Wire::Peers.neighbour(other, &Wire::Peers.hardware(other));
            }
            ip(self.holder(host), &inside)?;
        }
        ip(None, &outside)
    }

    /// Whether a connection that `from` opens to `to` gets an answer, if only a refusal, within `patience`. It
    /// needs both directions, and nobody who listens.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn reaches(&self, wire: Wire, from: usize, to: usize, patience: Duration) -> Check<bool> {
        let address = format!("{}:{UNUSED}", wire.address(to)).parse()?;
        self.inside(from, move || {
            Ok(match TcpStream::connect_timeout(&address, patience) {
                Ok(_) => true,
                Err(error) => error.kind() == ErrorKind::ConnectionRefused,
            })
        })
    }

    /// Does something in the network of a host, or outside if there is none of this number.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or what `act` returns.
    pub fn inside<T: Send + 'static>(
        &self,
        host: usize,
        act: impl FnOnce() -> Check<T> + Send + 'static,
    ) -> Check<T> {
        let space = self.holder(host).map(|holder| holder.0.id());
        // A thread of its own: a namespace belongs to a thread, and this one is never used again.
        let thread = std::thread::spawn(move || -> Check<T> {
            if let Some(pid) = space {
                join(pid)?;
            }
            act()
        });
        let ended = thread.join();
        ended.unwrap_or_else(|_| Err(Failure::new("what was done on a host panicked")))
    }

    fn holder(&self, host: usize) -> Option<&Holder> {
        self.hosts.get(host)
    }

    /// Puts a host on both wires.
    fn plug(&self, host: usize) -> Check {
        let (mut outside, mut inside) = (String::new(), "link set lo up\n".to_owned());
        for wire in [Wire::Peers, Wire::Clients] {
            let (device, pid) = (wire.device(), self.hosts[host].0.id());
            let plug = format!("{device}{host}");
            outside += &format!("link add {plug} type veth peer name {device} netns {pid}\n");
            outside += &format!("link set {plug} master {device} up\n");
            let (hardware, address) = (wire.hardware(host), wire.address(host));
            inside += &format!("link set {device} address {hardware}\n");
            inside += &format!("addr add {address}/24 dev {device}\n");
            inside += &format!("link set {device} up\n");
        }
        ip(None, &outside)?;
        ip(self.holder(host), &inside)
    }
}

/// Puts the present thread into the network of a process, for good.
///
/// # Errors
/// When there is no such process, or the kernel refuses.
pub fn join(pid: u32) -> Check {
    let space = File::open(format!("/proc/{pid}/ns/net"))?;
    // SAFETY: the descriptor is open, and the call touches no memory.
    match unsafe { libc::setns(space.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(Failure::from(std::io::Error::last_os_error())),
    }
}

/// A process that does nothing but hold a namespace.
#[derive(Debug)]
struct Holder(Child);

impl Holder {
    fn start() -> Check<Holder> {
        let mut sleeping = Command::new("unshare");
        sleeping.args(["--net", "sleep", "infinity"]);
        let holder = Holder(die_with_parent(&mut sleeping).spawn()?);
        let space = |pid: &str| std::fs::read_link(Path::new("/proc").join(pid).join("ns/net"));
        let (own, pid) = (space("self")?, holder.0.id().to_string());
        let began = Instant::now();
        while space(&pid)? == own {
            if began.elapsed() > PATIENCE {
                return Err(Failure::new("a namespace was not made"));
            }
            std::thread::yield_now();
        }
        Ok(holder)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Carries out lines of `ip`, in the namespace of a holder or in the present one.
fn ip(holder: Option<&Holder>, lines: &str) -> Check {
    let mut command = match holder {
        None => Command::new("ip"),
        Some(holder) => {
            let mut command = Command::new("nsenter");
            let space = format!("--net=/proc/{}/ns/net", holder.0.id());
            command.args([&space, "--", "ip"]);
            command
        }
    };
    command.args(["-batch", "-"]).stdin(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(lines.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(Failure::new(format!("ip: {said}{lines}")))
        }
    }
}
