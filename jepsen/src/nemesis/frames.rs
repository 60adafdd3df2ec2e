//! Faults of frames: some are lost, some come more than once, some come late and are overtaken, some are not what was sent.
//!
//! All with what a plain kernel has, so nobody's traffic goes through a program of ours: a packet filter throws dice,
//! an action of traffic control copies frames, and of two classes of a queue one is slow. A wire has two ends that
//! send, and both are treated alike.

use super::wires::{ends, overlimits};
use super::{Active, Injector, Means};
use crate::net;
use keelson_kit::check::{Check, some};
use keelson_kit::net::Net;
use rand::Rng;

/// Holds every rule that loses frames, and nothing else.
const TABLE: &str = "bridge lossy";
/// So many frames of a hundred are lost.
const LOST: std::ops::RangeInclusive<u32> = 5..=30;
/// Holds every rule that changes frames, and nothing else.
const WRONG: &str = "bridge corrupt";
/// What is done to a frame: a byte behind the head of TCP is another one, mostly. Shorter frames are left alone.
const CHANGE: &str = "@th,320,8 set 90";
/// Which wires of a member lose frames. A third each.
const LOSSY: [&[&str]; 3] = [&["peers"], &["clients"], &["peers", "clients"]];
/// A frame of full size waits for 95 ms in the slow class, and for those before it.
const SLOW: &str = "rate 128kbit burst 1600 quantum 3000";
/// So many frames may wait there; more are lost.
const WAITING: u32 = 30;
/// So many must have waited for frames to be late.
const LATE: u64 = 3;
/// Frames whose number in the head of IP ends so take the slow class: a quarter.
const CHOSEN: &str = "u32 match u16 0x0001 0x0003 at 4";

impl Injector<'_> {
    pub(super) fn lose_frames(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let wires = some("wires", self.cluster.net())?;
        let percent = fault.random.random_range(LOST);
        let chosen = LOSSY[fault.random.random_range(0..LOSSY.len())];
        for line in losing(&fault.victims, chosen, percent) {
            net::on(wires, None, &line)?;
        }
        // Whether any was lost is known at the end.
        Ok(None)
    }

    pub(super) fn lose_no_more(&mut self, fault: &mut Active) -> Check<String> {
        let wires = some("wires", self.cluster.net())?;
        let told = net::output_on(wires, None, &format!("nft list counter {TABLE} lost"))?;
        net::on(wires, None, &format!("nft delete table {TABLE}"))?;
        let lost = number_after(&told, "packets");
        if lost > 0 {
            self.effective(fault, format!("{lost} frames were lost"));
        }
        Ok("all frames arrive".to_owned())
    }

    pub(super) fn corrupt_frames(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let wires = some("wires", self.cluster.net())?;
        fault.means = Means::Counted(thrown_away(wires, self.cluster.size())?);
        for host in 0..self.cluster.size() {
            net::compute_checksums(wires, host, true)?;
        }
        let percent = fault.random.random_range(LOST);
        for line in corrupting(&fault.victims, percent) {
            net::on(wires, None, &line)?;
        }
        Ok(None)
    }

    pub(super) fn corrupt_no_more(&mut self, fault: &mut Active) -> Check<String> {
        let wires = some("wires", self.cluster.net())?;
        net::on(wires, None, &format!("nft delete table {WRONG}"))?;
        let Means::Counted(before) = fault.means else {
            return Ok(String::new());
        };
        // Before the next fault counts: none of them is on its way any more.
        let thrown_away = thrown_away(wires, self.cluster.size())?.saturating_sub(before);
        for host in 0..self.cluster.size() {
            net::compute_checksums(wires, host, false)?;
        }
        if thrown_away > 0 {
            let evidence = format!("{thrown_away} segments came with a wrong checksum");
            self.effective(fault, evidence);
        }
        Ok("all frames are what was sent".to_owned())
    }

    pub(super) fn double_frames(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let wires = some("wires", self.cluster.net())?;
        for (host, device) in fault.victims.iter().flat_map(|i| ends(*i)) {
            let copies = format!(
                "tc filter add dev {device} egress protocol ip u32 match u32 0 0 \
                 action mirred egress mirror dev {device}"
            );
            net::on(wires, host, &format!("tc qdisc add dev {device} clsact"))?;
            net::on(wires, host, &copies)?;
        }
        Ok(None)
    }

    pub(super) fn double_no_more(&mut self, fault: &mut Active) -> Check<String> {
        let wires = some("wires", self.cluster.net())?;
        let mut copied = 0;
        for (host, device) in fault.victims.iter().flat_map(|i| ends(*i)) {
            let seen = format!("tc -s filter show dev {device} egress");
            copied += number_before(&net::output_on(wires, host, &seen)?, "pkt");
            net::on(wires, host, &format!("tc qdisc del dev {device} clsact"))?;
        }
        if copied > 0 {
            self.effective(fault, format!("{copied} copies of frames were sent"));
        }
        Ok("every frame comes once".to_owned())
    }

    pub(super) fn delay(&mut self, fault: &mut Active) -> Check<Option<String>> {
        let wires = some("wires", self.cluster.net())?;
        fault.means = Means::Counted(out_of_order(wires, self.cluster.size())?);
        for (host, device) in fault.victims.iter().flat_map(|i| ends(*i)) {
            for line in delaying(&device) {
                net::on(wires, host, &line)?;
            }
        }
        Ok(None)
    }

    pub(super) fn delay_no_more(&mut self, fault: &mut Active) -> Check<String> {
        let wires = some("wires", self.cluster.net())?;
        let (mut waited, mut passed) = (0, 0);
        for (host, device) in fault.victims.iter().flat_map(|i| ends(*i)) {
            let seen = |class: &str| format!("tc -s class show dev {device} classid {class}");
            waited += overlimits(&net::output_on(wires, host, &seen("1:20"))?);
            passed += number_before(&net::output_on(wires, host, &seen("1:10"))?, "pkt");
            net::on(wires, host, &format!("tc qdisc del dev {device} root"))?;
        }
        let Means::Counted(before) = fault.means else {
            return Ok(String::new());
        };
        let overtaken = out_of_order(wires, self.cluster.size())?.saturating_sub(before);
        if waited >= LATE && passed > waited {
            // Few connections have two frames on their way at one time, so there may be none of the last kind.
            let evidence = format!(
                "{waited} frames had to wait while {passed} passed; {overtaken} came out of the order of their \
                 connection"
            );
            self.effective(fault, evidence);
        }
        Ok("frames come in order".to_owned())
    }
}

/// What is told to the packet filter.
fn losing(victims: &[usize], wires: &[&str], percent: u32) -> Vec<String> {
    let chain = |name: &str, hook: &str| {
        format!("nft add chain {TABLE} {name} {{ type filter hook {hook} priority 0 ; }}")
    };
    let mut lines = vec![
        format!("nft add table {TABLE}"),
        format!("nft add counter {TABLE} lost"),
        chain("sent", "prerouting"),
        chain("received", "postrouting"),
    ];
    for (victim, wire) in victims
        .iter()
        .flat_map(|one| wires.iter().map(move |wire| (one, wire)))
    {
        for (name, side) in [("sent", "iifname"), ("received", "oifname")] {
            lines.push(format!(
                "nft add rule {TABLE} {name} {side} {wire}{victim} \
                 numgen random mod 100 < {percent} counter name lost drop"
            ));
        }
    }
    lines
}

/// The same, so that frames to and from the others are changed.
fn corrupting(victims: &[usize], percent: u32) -> Vec<String> {
    let chain = |name: &str, hook: &str| {
        format!("nft add chain {WRONG} {name} {{ type filter hook {hook} priority 0 ; }}")
    };
    let mut lines = vec![
        format!("nft add table {WRONG}"),
        chain("sent", "prerouting"),
        chain("received", "postrouting"),
    ];
    for victim in victims {
        for (name, side) in [("sent", "iifname"), ("received", "oifname")] {
            lines.push(format!(
                "nft add rule {WRONG} {name} {side} peers{victim} ip protocol tcp \
                 numgen random mod 100 < {percent} {CHANGE}"
            ));
        }
    }
    lines
}

/// What is told to the queue of a device.
fn delaying(device: &str) -> [String; 5] {
    [
        format!("tc qdisc add dev {device} root handle 1: htb default 10"),
        format!("tc class add dev {device} parent 1: classid 1:10 htb rate 10gbit quantum 60000"),
        format!("tc class add dev {device} parent 1: classid 1:20 htb {SLOW}"),
        format!("tc qdisc add dev {device} parent 1:20 pfifo limit {WAITING}"),
        format!("tc filter add dev {device} parent 1: protocol ip {CHOSEN} flowid 1:20"),
    ]
}

/// How many segments of TCP all hosts had to put aside, because one before was not there yet.
fn out_of_order(wires: &Net, hosts: usize) -> Check<u64> {
    (0..hosts).try_fold(0, |sum, host| {
        let told = net::output_on(wires, Some(host), "cat /proc/net/netstat")?;
        Ok(sum + counter(&told, "TcpExt:", "TCPOFOQueue"))
    })
}

/// How many segments of TCP with a wrong checksum came to all hosts.
fn thrown_away(wires: &Net, hosts: usize) -> Check<u64> {
    (0..hosts).try_fold(0, |sum, host| {
        let told = net::output_on(wires, Some(host), "cat /proc/net/snmp")?;
        Ok(sum + counter(&told, "Tcp:", "InCsumErrors"))
    })
}

/// A counter of `/proc/net/netstat` or `snmp`, where a line of names stands before a line of numbers.
fn counter(text: &str, group: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (Some(names), Some(numbers)) = (lines.next(), lines.next()) else {
        return 0;
    };
    let both = names.split(' ').zip(numbers.split(' '));
    let mut found = both.filter(|(one, _)| *one == name);
    found
        .next()
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or(0)
}

/// The sum of all numbers that stand behind a word.
fn number_after(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| pair[0] == word);
    pairs.filter_map(|pair| pair[1].parse::<u64>().ok()).sum()
}

/// The sum of all numbers that stand before a word.
fn number_before(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| pair[1] == word);
    pairs.filter_map(|pair| pair[0].parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_kit::net::enter;
    use keelson_kit::tools::skip;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn lost_and_copied_frames_are_counted() {
        let filter = "table bridge lossy {\n\tcounter lost {\n\t\tpackets 62 bytes 62600\n\t}\n}";
        assert_eq!(number_after(filter, "packets"), 62);
        let action = "Action statistics:\n\tSent 880552 bytes 1220 pkt (dropped 0, overlimits 205)";
        assert_eq!(number_before(action, "pkt"), 1220);
        assert_eq!(number_after("no such counter", "packets"), 0);
    }

    #[test]
    fn segments_out_of_order_are_counted() {
        let told =
            "TcpExt: SyncookiesSent TCPOFOQueue TCPOFODrop\nTcpExt: 1 17 2\nIpExt: A\nIpExt: 9\n";
        assert_eq!(counter(told, "TcpExt:", "TCPOFOQueue"), 17);
        assert_eq!(counter(told, "TcpExt:", "Nothing"), 0);
        assert_eq!(counter("", "TcpExt:", "TCPOFOQueue"), 0);
    }

    #[test]
    fn a_changed_segment_is_thrown_away_and_never_read() {
        let test = "nemesis::frames::tests::a_changed_segment_is_thrown_away_and_never_read";
        if !enter(test).unwrap() {
            return;
        }
        let wires = Net::new(2).unwrap();
        // More, and the last one may be changed again and again, with pauses that double each time.
        let rules = corrupting(&[0], 15);
        if let Err(failure) = rules
            .iter()
            .try_for_each(|line| net::on(&wires, None, line))
        {
            skip("corrupt frames", &failure.to_string());
            return;
        }
        // Without checksums what was changed is read.
        assert!(wrong_bytes(&wires) > 0);
        assert_eq!(thrown_away(&wires, 2).unwrap(), 0);
        for host in 0..2 {
            net::compute_checksums(&wires, host, true).unwrap();
        }
        assert_eq!(wrong_bytes(&wires), 0);
        assert!(thrown_away(&wires, 2).unwrap() > 0);
    }

    /// Sends many segments from one host to another, each of which may be changed, and counts what came wrong.
    fn wrong_bytes(wires: &Net) -> usize {
        let listens = || Ok(TcpListener::bind("10.77.1.2:0")?);
        let listener = wires.inside(1, listens).unwrap();
        let address = listener.local_addr().unwrap();
        let reads = std::thread::spawn(move || {
            let mut all = Vec::new();
            listener.accept().unwrap().0.read_to_end(&mut all).unwrap();
            all
        });
        let sends = move || {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            for _ in 0..100 {
                stream.write_all(&[b'A'; 200])?;
                // One segment each.
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        };
        wires.inside(0, sends).unwrap();
        let all = reads.join().unwrap();
        assert_eq!(all.len(), 100 * 200);
        all.iter().filter(|byte| **byte != b'A').count()
    }

    #[test]
    fn each_wire_loses_frames_in_both_directions() {
        let lines = losing(&[2], &["peers", "clients"], 30);
        let rules: Vec<_> = lines.iter().filter(|line| line.contains("drop")).collect();
        assert_eq!(rules.len(), 4, "{rules:?}");
        assert!(rules[0].contains("iifname peers2"), "{}", rules[0]);
        assert!(rules[3].contains("oifname clients2"), "{}", rules[3]);
    }
}
