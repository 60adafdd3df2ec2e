//! Histories survive being written and read, and what is missing or changed is noticed.

use super::*;

fn put(op: OpId, process: Process, at: Nanos) -> Record {
    Record::Invoke {
        at,
        op,
        process,
        node: Some(1),
        call: Call::put("k", "v"),
        intent: None,
    }
}

fn ok(op: OpId, at: Nanos, revision: i64) -> Record {
    let header = Header {
        revision,
        ..Header::default()
    };
    let reply = KvReply::Put(PutReply::default());
    Record::Complete {
        at,
        op,
        outcome: Outcome::Ok(Reply::Kv { header, reply }),
    }
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut writer = HistoryWriter::new(Vec::new(), &Head::new(7, "run")).unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
    writer.finish(100).unwrap()
}

fn read(bytes: &[u8]) -> History {
    History::read(HistoryReader::new(bytes)).unwrap()
}

fn some() -> Vec<Record> {
    vec![put(1, 1, 10), put(2, 2, 11), ok(1, 12, 2), ok(2, 13, 3)]
}

#[test]
fn what_is_written_is_read() {
    let odd: Vec<u8> = (0..=255).collect();
    let range = RangeCall {
        range: KeyRange::prefix(odd),
        limit: 3,
        ..RangeCall::default()
    };
    let records = vec![
        Record::Invoke {
            at: 1,
            op: 1,
            process: 1,
            node: None,
            call: Call::Kv(KvCall::Range(range)),
            intent: None,
        },
        Record::Watch {
            at: 2,
            watch: WatchRecord::Canceled {
                watch: 1,
                compact_revision: 3,
                reason: "é".to_owned(),
            },
        },
        Record::Observe {
            at: 3,
            observation: Observation::HashKv {
                node: 1,
                asked: 0,
                reply: Observed::Error("no answer".to_owned()),
            },
        },
    ];
    let bytes = written(&records);
    let back: Vec<Record> = HistoryReader::new(&bytes[..]).map(|r| r.unwrap()).collect();
    assert_eq!(back[1..4], records[..]);
    assert_eq!(
        back[4],
        Record::End {
            at: 100,
            records: 4
        }
    );
}

#[test]
fn records_become_operations() {
    let history = read(&written(&some()));
    assert_eq!(history.defects, []);
    assert_eq!(history.operations.len(), 2);
    assert_eq!(history.operations[0].complete, Some(12));
    assert_eq!(history.operations[1].returned(), 13);
}

#[test]
fn a_lost_tail_is_noticed_wherever_it_is_cut() {
    let bytes = written(&some());
    for end in 0..bytes.len() {
        let history = read(&bytes[..end]);
        let is_noticed = matches!(history.defects[..], [Defect::Truncated { .. }]);
        assert!(is_noticed, "cut at {end}: {:?}", history.defects);
    }
    assert_eq!(read(&bytes).defects, []);
}

#[test]
fn a_lost_moved_or_changed_line_is_noticed() {
    let bytes = written(&some());
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for line in 0..lines.len() - 1 {
        let mut lost = lines.clone();
        lost.remove(line);
        assert_ne!(read(&lost.concat()).defects, [], "line {line} lost");
        let mut moved = lines.clone();
        moved.swap(line, line + 1);
        assert_ne!(read(&moved.concat()).defects, [], "line {line} moved");
    }
    let text = String::from_utf8(bytes.clone()).unwrap();
    let changed = text.replacen("\"rev\":2", "\"rev\":3", 1);
    assert_ne!(changed, text);
    assert_ne!(read(changed.as_bytes()).defects, []);
    let longer = [&bytes[..], b"00000000 {}\n"].concat();
    assert_ne!(read(&longer).defects, []);
}

#[test]
fn a_clock_that_goes_back_is_noticed() {
    let records = vec![put(1, 1, 10), ok(1, 9, 2)];
    let history = read(&written(&records));
    assert!(matches!(
        history.defects[0],
        Defect::ClockWentBack {
            from: 10,
            to: 9,
            ..
        }
    ));
}

#[test]
fn a_process_does_one_thing_at_a_time_and_ends_with_its_doubt() {
    let both = vec![put(1, 1, 10), put(2, 1, 11)];
    assert_eq!(
        History::of(both).defects,
        [Defect::NotAlone { process: 1, op: 2 }]
    );
    let unknown = Record::Complete {
        at: 11,
        op: 1,
        outcome: Outcome::Unknown {
            code: "Unavailable".to_owned(),
            text: String::new(),
        },
    };
    let after = History::of(vec![put(1, 1, 10), unknown, put(2, 1, 12)]);
    assert_eq!(after.defects, [Defect::NotAlone { process: 1, op: 2 }]);
    assert_eq!(after.operations[0].returned(), Nanos::MAX);
}

#[test]
fn a_second_end_and_an_end_without_beginning_are_noticed() {
    let history = History::of(vec![put(1, 1, 1), ok(1, 2, 2), ok(1, 3, 2), ok(5, 4, 2)]);
    assert_eq!(history.defects.len(), 2);
}

#[test]
fn ranges_mean_what_they_mean_on_the_wire() {
    assert!(KeyRange::one("a").contains(b"a") && !KeyRange::one("a").contains(b"ab"));
    let prefix = KeyRange::prefix("a/");
    assert!(prefix.contains(b"a/") && prefix.contains(b"a/\xff") && !prefix.contains(b"a0"));
    let high = KeyRange::prefix(&b"a\xff"[..]);
    assert!(high.contains(b"a\xff\xff") && !high.contains(b"b"));
    assert!(KeyRange::all().contains(b"\x00") && KeyRange::prefix("").contains(b"x"));
}
