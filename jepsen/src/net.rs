//! Which wires are cut in a partition, and the proof that they are.

use keelson_kit::check::{Check, Failure};
use keelson_kit::net::{Net, OUTSIDE, Wire};
use rand::Rng;
use rand::seq::SliceRandom;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use crate::disk::run;

/// A frame that is not cut arrives within this time even on a busy machine: no process has to be scheduled.
const ARRIVES: Duration = Duration::from_millis(400);
/// Longer is not waited for one that is to arrive; who asks has a processor to wait for, too.
const ARRIVES_LATE: Duration = Duration::from_secs(5);

/// One direction of one wire: what the first sends does not reach the second.
pub type Cut = (Wire, usize, usize);

/// Who loses whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The leader loses the others, and they it; clients reach everybody.
    Alone,
    /// The leader keeps a minority.
    Minority,
    /// Two halves, whoever leads.
    Halves,
    /// Everybody sees a majority, and no two the same one.
    Ring,
    /// Two halves, and one member that sees both.
    Bridge,
    /// What the leader sends to the others is lost.
    Outgoing,
    /// What the others send to the leader is lost.
    Incoming,
    /// The leader loses clients, and only them.
    Clients,
    /// Nobody reaches the leader, and it reaches nobody.
    Everything,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 9] = [
        Shape::Alone,
        Shape::Minority,
        Shape::Halves,
        Shape::Ring,
        Shape::Bridge,
        Shape::Outgoing,
        Shape::Incoming,
        Shape::Clients,
        Shape::Everything,
    ];

    /// The wires to cut among so many members, of which `first` is the one that it is about. Never empty.
    pub fn cuts(self, size: usize, first: usize, random: &mut impl Rng) -> Vec<Cut> {
        let mut order: Vec<usize> = (0..size).filter(|member| *member != first).collect();
        order.shuffle(random);
        order.insert(0, first);
        let minority = size.div_ceil(2) - 1;
        match self {
            Shape::Alone => between(&order[..1], &order[1..]),
            Shape::Minority => between(&order[..minority], &order[minority..]),
            Shape::Halves => between(&order[..size - minority], &order[size - minority..]),
            Shape::Ring if size > 3 => ring(&order),
            // Of three, each sees a majority when one wire is cut.
            Shape::Ring | Shape::Bridge => between(&order[1..=minority], &order[minority + 1..]),
            Shape::Outgoing => order[1..]
                .iter()
                .map(|other| (Wire::Peers, first, *other))
                .collect(),
            Shape::Incoming => order[1..]
                .iter()
                .map(|other| (Wire::Peers, *other, first))
                .collect(),
            Shape::Clients => clients(first),
            Shape::Everything => {
                let mut cuts = between(&order[..1], &order[1..]);
                cuts.extend(clients(first));
                cuts
            }
        }
    }
}

fn clients(member: usize) -> Vec<Cut> {
    vec![
        (Wire::Clients, member, OUTSIDE),
        (Wire::Clients, OUTSIDE, member),
    ]
}

fn between(some: &[usize], others: &[usize]) -> Vec<Cut> {
    let pairs = some
        .iter()
        .flat_map(|one| others.iter().map(move |other| (*one, *other)));
    pairs
        .flat_map(|(one, other)| [(Wire::Peers, one, other), (Wire::Peers, other, one)])
        .collect()
}

/// Everybody keeps its two neighbours.
fn ring(order: &[usize]) -> Vec<Cut> {
    let size = order.len();
    let apart = |a: usize, b: usize| {
        let distance = a.abs_diff(b);
        distance > 1 && distance < size - 1
    };
    let places = (0..size).flat_map(|a| (0..size).map(move |b| (a, b)));
    places
        .filter(|(a, b)| apart(*a, *b))
        .map(|(a, b)| (Wire::Peers, order[a], order[b]))
        .collect()
}

/// Cuts wires.
///
/// # Errors
///
/// When the kernel refuses.
pub fn cut(net: &Net, cuts: &[Cut]) -> Check {
    cuts.iter()
        .try_for_each(|(wire, from, to)| net.cut(*wire, *from, *to))
}

/// Whether none of these wires carries a connection. A connection needs both directions, so one is enough.
///
/// # Errors
///
/// When a namespace cannot be entered.
pub fn are_cut(net: &Net, cuts: &[Cut]) -> Check<bool> {
    Ok(reached(net, cuts, ARRIVES)?.iter().all(|reaches| !reaches))
}

/// Whether all of these wires carry connections.
///
/// # Errors
///
/// When a namespace cannot be entered.
pub fn are_whole(net: &Net, cuts: &[Cut]) -> Check<bool> {
    Ok(reached(net, cuts, ARRIVES_LATE)?
        .iter()
        .all(|reaches| *reaches))
}

/// All at one time: a wire that is cut answers only by the deadline.
fn reached(net: &Net, cuts: &[Cut], within: Duration) -> Check<Vec<bool>> {
    std::thread::scope(|scope| {
        let probes: Vec<_> = cuts
            .iter()
            .map(|(wire, from, to)| scope.spawn(move || net.reaches(*wire, *from, *to, within)))
            .collect();
        let ended = probes.into_iter().map(|probe| {
            let panicked = |_| Err(Failure::new("a probe panicked"));
            probe.join().unwrap_or_else(panicked)
        });
        ended.collect()
    })
}

/// Runs a program of the network's tools on a host, or where all wires come together.
///
/// # Errors
///
/// When it is missing or fails.
pub fn on(net: &Net, host: Option<usize>, line: &str) -> Check {
    run(&mut command_on(net, host, line))
}

/// The same for one whose output is wanted.
///
/// # Errors
///
/// When it is missing.
pub fn output_on(net: &Net, host: Option<usize>, line: &str) -> Check<String> {
    let output = command_on(net, host, line).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The call that asks a device something.
const ETHTOOL_SET_CHECKSUMS: u32 = 0x17;

/// Whether what a host sends to the others carries checksums that it has computed. Usually the device is left to do
/// that; this one is no real device and does nothing, and nobody looks at them.
///
/// # Errors
///
/// When the kernel refuses.
pub fn compute_checksums(net: &Net, host: usize, computes: bool) -> Check {
    #[repr(C)]
    struct Order {
        command: u32,
        by_device: u32,
    }
    net.inside(host, move || {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let mut order = Order {
            command: ETHTOOL_SET_CHECKSUMS,
            by_device: u32::from(!computes),
        };
        // SAFETY: nothing but zeros is a request without a name.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(b"peers") {
            *to = from.cast_signed();
        }
        request.ifr_ifru.ifru_data = (&raw mut order).cast();
        // SAFETY: the socket is open, the name ends with a zero, and the order lives as long as the call.
        match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) } {
            0 => Ok(()),
            _ => Err(Failure::from(std::io::Error::last_os_error())),
        }
    })
}

fn command_on(net: &Net, host: Option<usize>, line: &str) -> Command {
    let mut words = host.map_or(Vec::new(), |host| net.on(host));
    words.extend(line.split(' ').map(str::to_owned));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::collections::BTreeSet;

    fn cuts(shape: Shape, size: usize) -> BTreeSet<(usize, usize)> {
        let cuts = shape.cuts(size, 1, &mut StdRng::seed_from_u64(7));
        assert!(!cuts.is_empty(), "{shape:?} of {size} cuts nothing");
        cuts.into_iter().map(|(_, from, to)| (from, to)).collect()
    }

    /// How many members each one hears and is heard by, itself included.
    fn seen(shape: Shape, size: usize) -> Vec<usize> {
        let cuts = cuts(shape, size);
        let sees = |a: usize, b: usize| !cuts.contains(&(a, b)) && !cuts.contains(&(b, a));
        (0..size)
            .map(|a| (0..size).filter(|b| sees(a, *b)).count())
            .collect()
    }

    #[test]
    fn the_leader_loses_its_majority_where_the_shape_says_so() {
        for size in [3, 5] {
            for shape in [
                Shape::Alone,
                Shape::Minority,
                Shape::Outgoing,
                Shape::Incoming,
                Shape::Everything,
            ] {
                assert!(seen(shape, size)[1] * 2 <= size, "{shape:?} of {size}");
            }
        }
    }

    #[test]
    fn in_a_ring_everybody_sees_a_majority_and_nobody_sees_all() {
        assert_eq!(seen(Shape::Ring, 5), [3; 5]);
        assert_eq!(seen(Shape::Bridge, 5)[1], 5, "the bridge sees all");
        assert_eq!(
            seen(Shape::Bridge, 3).iter().sum::<usize>(),
            7,
            "one wire of three"
        );
    }

    #[test]
    fn clients_are_cut_off_alone() {
        let cuts = Shape::Clients.cuts(3, 1, &mut StdRng::seed_from_u64(1));
        assert!(cuts.iter().all(|(wire, ..)| *wire == Wire::Clients));
    }
}
