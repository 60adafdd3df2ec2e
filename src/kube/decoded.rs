//! Events of the store that were decoded a moment ago, for all watches that are told of them.
//!
//! A hub gives each of its watchers the same bytes of an event. The first one that looks into them decodes them
//! for all others, so what an object is made of lies in memory once, however many watch it.

use bytes::Bytes;
use keelson_apiserver::storage::{Change, wire};
use keelson_proto::mvccpb::Event;
use parking_lot::Mutex;
use prost::Message;

/// Places. An event has one; another one with the same place takes it.
const PLACES: usize = 512;
/// All is forgotten when the events that are held come to so many bytes.
const HELD_BYTES_MAX: usize = 4 << 20;

/// See the module.
pub struct Decoded {
    inner: Mutex<Inner>,
}

struct Inner {
    places: Vec<Option<Held>>,
    bytes: usize,
}

struct Held {
    /// Held on to, so that no other event can lie where it lies.
    event: Bytes,
    change: Change,
}

impl Default for Decoded {
    fn default() -> Decoded {
        Decoded {
            inner: Mutex::new(Inner {
                places: (0..PLACES).map(|_| None).collect(),
                bytes: 0,
            }),
        }
    }
}

impl Decoded {
    /// The change that an event says. `None`: it does not parse.
    pub fn change(&self, event: Bytes) -> Option<Change> {
        let at = place(&event);
        let mut inner = self.inner.lock();
        if let Some(held) = &inner.places[at]
            && (held.event.as_ptr(), held.event.len()) == (event.as_ptr(), event.len())
        {
            return Some(held.change.clone());
        }
        let change = wire::change(Event::decode(event.clone()).ok()?)?;
        if inner.bytes + event.len() > HELD_BYTES_MAX {
            inner.places.fill_with(|| None);
            inner.bytes = 0;
        }
        if event.len() <= HELD_BYTES_MAX {
            inner.bytes += event.len();
            let held = Held {
                event,
                change: change.clone(),
            };
            if let Some(before) = inner.places[at].replace(held) {
                inner.bytes -= before.event.len();
            }
        }
        Some(change)
    }
}

fn place(event: &Bytes) -> usize {
    // Buffers begin at multiples of 16; the product's upper bits depend on all of the rest (Fibonacci hashing).
    let address = event.as_ptr() as u64 >> 4;
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_proto::mvccpb::KeyValue;

    fn event(key: usize, bytes: usize) -> Bytes {
        let event = Event {
            kv: Some(KeyValue {
                key: key.to_string().into(),
                value: vec![b'x'; bytes].into(),
                ..KeyValue::default()
            }),
            ..Event::default()
        };
        event.encode_to_vec().into()
    }

    #[test]
    fn an_event_is_decoded_once_and_what_it_says_is_shared() {
        let decoded = Decoded::default();
        let event = event(7, 100);
        let first = decoded.change(event.clone()).unwrap();
        let again = decoded.change(event.clone()).unwrap();
        assert_eq!(first, again);
        assert_eq!(first.now.value.as_ptr(), again.now.value.as_ptr());
        let elsewhere = decoded.change(Bytes::copy_from_slice(&event)).unwrap();
        assert_eq!(first, elsewhere);
        assert_ne!(first.now.value.as_ptr(), elsewhere.now.value.as_ptr());
    }

    #[test]
    fn events_of_one_length_and_one_place_are_not_taken_for_each_other() {
        let decoded = Decoded::default();
        for at in 10_000..15_000 {
            let change = decoded.change(event(at, 100)).unwrap();
            assert_eq!(change.now.key, at.to_string());
        }
    }

    #[test]
    fn each_event_says_its_own_whatever_was_decoded_before_and_what_is_held_is_bounded() {
        let decoded = Decoded::default();
        let mut kept = Vec::new();
        for at in 0..5_000 {
            let event = event(at, at % 3_000);
            let change = decoded.change(event.clone()).unwrap();
            assert_eq!(change.now.key, at.to_string());
            assert_eq!(change.now.value.len(), at % 3_000);
            // Some buffers are used again.
            if at % 3 == 0 {
                kept.push(event);
            }
            let inner = decoded.inner.lock();
            let held = inner.places.iter().flatten().map(|held| held.event.len());
            assert_eq!(held.sum::<usize>(), inner.bytes);
            assert!(inner.bytes <= HELD_BYTES_MAX);
        }
        for (at, event) in kept.into_iter().enumerate() {
            let change = decoded.change(event).unwrap();
            assert_eq!(change.now.key, (at * 3).to_string());
        }
        assert_eq!(decoded.change(Bytes::from_static(b"\xff")), None);
    }
}
