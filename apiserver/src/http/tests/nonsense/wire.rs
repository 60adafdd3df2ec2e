//! Protobuf that says more than it has.

use super::shapes::Dice;
use crate::http::served::{gvk, table, wire};
use serde_json::Value;

/// An object as Kubernetes' protobuf.
pub fn message(object: &Value) -> Vec<u8> {
    let text = |field: &str| object[field].as_str().unwrap();
    let (group, version) = text("apiVersion")
        .split_once('/')
        .unwrap_or(("", text("apiVersion")));
    let gvk = gvk(group, version, text("kind"));
    crate::encode::protobuf(table(), wire(), &gvk, object)
        .unwrap()
        .to_vec()
}

/// Messages that are none.
pub fn broken() -> Vec<Vec<u8>> {
    let shell = |inner: &[u8]| [b"k8s\0".as_slice(), inner].concat();
    let mut all = vec![
        b"k8s".to_vec(),
        b"k8s\x01\x0a\x00".to_vec(),
        shell(b""),
        shell(b"\x0a"),
        shell(b"\x0a\xff\xff\xff\xff\x0f"),
        shell(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        shell(b"\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"),
        shell(b"\x08\x01"),
        shell(b"\x00\x00"),
        shell(b"\x07\x07\x07"),
        shell(b"\x0b\x0b\x0b\x0b"),
        shell(b"\x12\x02\x0a\x7f"),
        shell(b"\x1a\x04gzip"),
        shell(b"\x22\x18application/octet-stream"),
    ];
    // Messages within messages, and groups within groups.
    let mut nested = b"\x0a\x00".to_vec();
    for _ in 0..2_000 {
        nested = [b"\x0a".to_vec(), varint(nested.len()), nested].concat();
    }
    all.push(shell(
        &[b"\x12".to_vec(), varint(nested.len()), nested].concat(),
    ));
    let groups = vec![0x0b; 100_000];
    all.push(shell(
        &[b"\x12".to_vec(), varint(groups.len()), groups].concat(),
    ));
    // Very many empty parts.
    let parts = b"\x12\x00".repeat(400_000);
    all.push(shell(
        &[b"\x12".to_vec(), varint(parts.len()), parts].concat(),
    ));
    all
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A message with a few bytes changed or cut off.
pub fn scratched(good: &[u8], count: usize, dice: &mut Dice) -> Vec<Vec<u8>> {
    const BYTES: [u8; 10] = [0, 1, 0x08, 0x0a, 0x0b, 0x12, 0x7f, 0x80, 0xff, 0x2f];
    let one = |_| {
        let mut message = good.to_vec();
        for _ in 0..=dice.roll(4) {
            // The first four say what it is.
            let at = 4 + dice.roll(message.len() - 4);
            match dice.roll(5) {
                0 => message.insert(at, BYTES[dice.roll(BYTES.len())]),
                1 => message.truncate(at.max(5)),
                _ => message[at] = BYTES[dice.roll(BYTES.len())],
            }
            if message.len() < 6 {
                break;
            }
        }
        message
    };
    (0..count).map(one).collect()
}
