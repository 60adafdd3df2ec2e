//! Any bytes as an archive: what is read is what the file says of itself, or the file is refused.

use super::*;
use crate::archive::format::{self, Kind};
use keelson_fuzz::memory::most_held;
use keelson_fuzz::{Form, Target};

/// The first byte of an input says that the rest is frames, to be made into a file whose checksums are right, as
/// somebody who makes up an archive would.
const SEALED: u8 = 1;
/// And that the totals are to be right, too.
const COUNTED: u8 = 2;

/// Frames: a byte for the kind, two for the length, the payload. With the highest bit of the kind set, the header
/// says that the payload is as long as its first four bytes say.
fn assemble(flags: u8, mut rest: &[u8]) -> Vec<u8> {
    let mut file = format::preamble().to_vec();
    let mut totals = Totals::default();
    while let Some((head, more)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_le_bytes([head[1], head[2]])).min(more.len());
        let (mut payload, more) = more.split_at(length);
        rest = more;
        let kind = match head[0] & 0x7f {
            b'H' => Kind::Header,
            b'T' => Kind::Totals,
            _ => Kind::Records,
        };
        let counted = format::totals_json(&totals);
        if kind == Kind::Totals && flags & COUNTED != 0 {
            payload = &counted;
        }
        if kind == Kind::Records {
            let (mut left, mut records) = (payload, 0);
            while format::pop_record(&mut left).is_some() {
                records += 1;
            }
            totals.add(records, payload);
        }
        let mut frame = format::begin_frame();
        frame.extend_from_slice(payload);
        format::end_frame(&mut frame, kind);
        if head[0] & 0x80 != 0 && payload.len() >= 4 {
            frame[4..8].copy_from_slice(&payload[..4]);
            let sum = crc32c::crc32c(&frame[..12]);
            frame[12..16].copy_from_slice(&sum.to_le_bytes());
        }
        file.extend(frame);
    }
    file.resize(file.len() + format::padding(file.len() as u64), 0);
    let digest = Sha256::digest(&file);
    file.extend_from_slice(&digest);
    file
}

fn check(input: &[u8]) {
    let Some((&flags, rest)) = input.split_first() else {
        return;
    };
    let file = match flags & SEALED {
        0 => rest.to_vec(),
        _ => assemble(flags, rest),
    };
    let (outcome, held) = most_held(|| read(&file));
    assert!(
        held < 100_000 + 8 * file.len(),
        "{held} bytes for {}",
        file.len()
    );
    let Ok(totals) = outcome else {
        return;
    };
    let engine = MemoryEngine::new(GarbageSlot::default());
    let reader = Reader::new(&file[..], "test").expect("it was read before");
    let header = reader.header().clone();
    assert_eq!(reader.restore(&engine, &mut |_| {}), Ok(totals));
    let engine = Arc::new(engine);
    let again: Vec<u8> = Writer::new(engine.clone(), header.clone())
        .flat_map(Result::unwrap)
        .collect();
    let reader = Reader::new(&again[..], "test").expect("what was written is readable");
    assert_eq!(reader.header(), &header);
    let target = MemoryEngine::new(GarbageSlot::default());
    reader.restore(&target, &mut |_| {}).expect("it is whole");
    assert_eq!(content(&target), content(&*engine));
}

/// An archive as frames.
fn frames(flags: u8, archive: &[u8]) -> Vec<u8> {
    let mut seed = vec![flags | SEALED];
    let mut rest = &archive[format::PREAMBLE_BYTES..];
    while let Some((head, more)) = rest.split_first_chunk::<{ format::FRAME_HEADER_BYTES }>()
        && let Ok(head) = format::parse_frame_header(head)
    {
        let (payload, more) = more.split_at(head.payload_bytes);
        seed.push(head.kind as u8);
        seed.extend_from_slice(&(payload.len() as u16).to_le_bytes());
        seed.extend_from_slice(payload);
        rest = more;
    }
    seed
}

fn seeds() -> Vec<Vec<u8>> {
    let whole = archive(memory(small));
    let nothing = archive(memory(|_| {}));
    vec![
        [&[0], &whole[..]].concat(),
        [&[0], &nothing[..]].concat(),
        frames(0, &whole),
        frames(COUNTED, &whole),
        frames(COUNTED, &nothing),
    ]
}

/// A frame may say that a gigabyte follows, and end.
#[test]
fn a_file_takes_no_more_memory_than_it_has_bytes() {
    let mut file = archive(memory(small));
    let start = 16 + 16 + u32::from_le_bytes(file[20..24].try_into().unwrap()) as usize;
    file[start + 4..start + 8].copy_from_slice(&(1u32 << 30).to_le_bytes());
    let sum = crc32c::crc32c(&file[start..start + 12]);
    file[start + 12..start + 16].copy_from_slice(&sum.to_le_bytes());
    let (outcome, held) = most_held(|| read(&file));
    assert!(
        matches!(outcome, Err(ArchiveError::Damaged { .. })),
        "{outcome:?}"
    );
    assert!(held < 1 << 20, "{held} bytes");
}

/// Archives.
#[test]
fn fuzz_archive() {
    Target::new("archive", Form::Bytes).run(seeds(), check);
}
