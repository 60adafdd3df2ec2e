//! Objects in their text: where each value begins and ends, found in one walk, and nothing copied.
//!
//! It is for what this server stored, which has no spaces and each name once. Whatever is written in another way
//! is left to the parser. So is everything that a text can only be asked once it is known to be sound: this walk
//! looks at structure alone.

use super::part::{Look, Part};
use crate::decode::limits::MAX_DEPTH;
use serde_json::{Number, Value};
use std::borrow::Cow;

/// Whole numbers of so many digits have one text, and fit.
const PLAIN_DIGITS: usize = 18;

/// A value, a name or an element of a text.
#[derive(Clone, Copy, Debug)]
struct Mark {
    start: u32,
    end: u32,
    /// The mark behind everything in it.
    next: u32,
    /// Its first byte, which tells what it is.
    first: u8,
    /// A string in which something is escaped.
    is_escaped: bool,
}

/// The places of all values of a text. Kept from one text to the next for its room.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: Vec<Mark>,
}

impl Marks {
    /// Walks through a text. `None`: it is written otherwise than this server writes.
    pub(super) fn of<'t>(&'t mut self, text: &'t [u8]) -> Option<Place<'t>> {
        u32::try_from(text.len()).ok()?;
        let text = std::str::from_utf8(text).ok()?;
        self.marks.clear();
        let mut walk = Walk {
            text: text.as_bytes(),
            marks: &mut self.marks,
        };
        let end = walk.value(0, 0)?;
        (end == text.len()).then_some(Place {
            text,
            marks: &self.marks,
            at: 0,
        })
    }
}

struct Walk<'w> {
    text: &'w [u8],
    marks: &'w mut Vec<Mark>,
}

impl Walk<'_> {
    /// Marks the value that begins here. Returns where it ends.
    fn value(&mut self, start: usize, depth: usize) -> Option<usize> {
        let first = *self.text.get(start)?;
        let close = match first {
            b'"' => return self.string(start),
            b'{' => b'}',
            b'[' => b']',
            _ => {
                let end = self.word(start)?;
                self.mark(start, end, false);
                return Some(end);
            }
        };
        let own = self.marks.len();
        self.mark(start, start, false);
        let end = self.parts(start, depth, close)?;
        let next = self.marks.len() as u32;
        let mark = self.marks.get_mut(own)?;
        (mark.end, mark.next) = (end as u32, next);
        Some(end)
    }

    /// Marks something without parts. That a text has a length in 32 bits is known.
    fn mark(&mut self, start: usize, end: usize, is_escaped: bool) {
        self.marks.push(Mark {
            start: start as u32,
            end: end as u32,
            next: self.marks.len() as u32 + 1,
            first: self.text[start],
            is_escaped,
        });
    }

    /// Marks a string. Returns where it ends.
    fn string(&mut self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        let mut is_escaped = false;
        loop {
            at += skip(self.text.get(at..)?);
            match self.text.get(at)? {
                b'"' => break,
                b'\\' => {
                    is_escaped = true;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        self.mark(start, at + 1, is_escaped);
        Some(at + 1)
    }

    fn parts(&mut self, start: usize, depth: usize, close: u8) -> Option<usize> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut at = start + 1;
        if *self.text.get(at)? == close {
            return Some(at + 1);
        }
        loop {
            if close == b'}' {
                at = self.name(at)?;
            }
            at = self.value(at, depth + 1)?;
            match *self.text.get(at)? {
                b',' => at += 1,
                byte if byte == close => return Some(at + 1),
                _ => return None,
            }
        }
    }

    /// Marks a name. Returns where its value begins.
    fn name(&mut self, start: usize) -> Option<usize> {
        if *self.text.get(start)? != b'"' {
            return None;
        }
        let end = self.string(start)?;
        (*self.text.get(end)? == b':').then_some(end + 1)
    }

    /// A number, or one of the three words.
    fn word(&self, start: usize) -> Option<usize> {
        let rest = &self.text[start..];
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b'}' | b']'));
        let length = length.unwrap_or(rest.len());
        let word = &rest[..length];
        let is_number = || {
            word.iter()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        };
        let is_sound = matches!(word, b"null" | b"true" | b"false") || (length > 0 && is_number());
        is_sound.then_some(start + length)
    }
}

/// How many bytes at the beginning are surely no quote and no backslash: eight at a time.
fn skip(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // A byte of the word that is zero has its highest bit set in the result, and the lowest such is exact.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, _) = text.as_chunks::<8>();
    let mut skipped = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let found =
            zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return skipped + found.trailing_zeros() as usize / 8;
        }
        skipped += 8;
    }
    skipped
}

/// A value in a text.
#[derive(Clone, Copy)]
pub(super) struct Place<'t> {
    text: &'t str,
    marks: &'t [Mark],
    at: u32,
}

impl<'t> Place<'t> {
    fn mark(self) -> Mark {
        self.marks[self.at as usize]
    }

    fn text(self) -> &'t str {
        let mark = self.mark();
        &self.text[mark.start as usize..mark.end as usize]
    }

    /// The parts of it. Names are parts, too.
    fn parts(self) -> Parts<'t> {
        Parts {
            end: self.mark().next,
            next: Place {
                at: self.at + 1,
                ..self
            },
        }
    }

    /// What a string says.
    fn unquoted(self) -> Cow<'t, str> {
        let text = self.text();
        match self.mark().is_escaped {
            false => Cow::Borrowed(&text[1..text.len() - 1]),
            // An escape that means nothing was never stored.
            true => Cow::Owned(serde_json::from_str(text).unwrap_or_default()),
        }
    }

    /// Whether its text is what `serde_json` writes for it: names in order, no escape, no number that has more
    /// than one text.
    fn is_canonical(self) -> bool {
        let mark = self.mark();
        match mark.first {
            b'"' => !mark.is_escaped,
            b'[' => self.parts().all(Place::is_canonical),
            b'{' => {
                let mut before = None;
                let mut parts = self.parts();
                while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                    let is_next = before.is_none_or(|before| before < name.text());
                    if !is_next || !name.is_canonical() || !value.is_canonical() {
                        return false;
                    }
                    before = Some(name.text());
                }
                true
            }
            b'n' | b't' | b'f' => true,
            _ => plain(self.text()).is_some(),
        }
    }

    fn number(self) -> Option<Number> {
        serde_json::from_str(self.text()).ok()
    }
}

/// A whole number in the only way to write it.
fn plain(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let is_plain = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    (is_plain && digits.len() <= PLAIN_DIGITS).then(|| text.parse().ok())?
}

/// Parts of an object or a list, one behind the other.
pub(super) struct Parts<'t> {
    next: Place<'t>,
    end: u32,
}

impl<'t> Iterator for Parts<'t> {
    type Item = Place<'t>;

    fn next(&mut self) -> Option<Place<'t>> {
        let part = self.next;
        if part.at >= self.end {
            return None;
        }
        self.next.at = part.mark().next;
        Some(part)
    }
}

/// See [`Part::Members`].
pub(super) struct Members<'t>(Parts<'t>);

impl<'t> Iterator for Members<'t> {
    type Item = (Cow<'t, str>, Place<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.0.next()?;
        Some((name.unquoted(), self.0.next()?))
    }
}

impl<'t> Part<'t> for Place<'t> {
    type Elements = Parts<'t>;
    type Members = Members<'t>;

    fn is_null(self) -> bool {
        self.mark().first == b'n'
    }

    fn look(self) -> Look<'t, Place<'t>> {
        match self.mark().first {
            b'"' => Look::Text(self.unquoted()),
            b'{' => Look::Object(Members(self.parts())),
            b'[' => Look::List(self.parts()),
            b't' => Look::Bool(true),
            b'f' => Look::Bool(false),
            b'n' => Look::Null,
            _ => Look::Number,
        }
    }

    fn integer(self) -> Option<i64> {
        plain(self.text()).or_else(|| self.number()?.as_i64())
    }

    fn fraction(self) -> Option<f64> {
        self.number()?.as_f64()
    }

    fn write_json(self, into: &mut Vec<u8>) {
        if self.is_canonical() {
            into.extend_from_slice(self.text().as_bytes());
            return;
        }
        if let Ok(value) = serde_json::from_str::<Value>(self.text()) {
            (&value).write_json(into);
        }
    }
}
