//! Varints and what they frame.

use crate::decode::error::Error;

/// What stands behind a tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Raw<'a> {
    /// A number, sign-extended if it is negative.
    Varint(u64),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// Four bytes, little-endian.
    Fixed32(u32),
    /// Text, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
}

/// Reads one message from front to back.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Reader<'a> {
        Reader { rest: message }
    }

    /// The next tag and what stands behind it, until the end.
    ///
    /// # Errors
    /// If the message is cut off or no protobuf.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Raw<'a>)>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let tag = u32::try_from(key >> 3)
            .ok()
            .filter(|tag| (1..1 << 29).contains(tag));
        let Some(tag) = tag else {
            return Err(Error::bad(format!("proto: illegal tag {}", key >> 3)));
        };
        let raw = match key & 7 {
            0 => Raw::Varint(self.varint()?),
            1 => Raw::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| cut_off())?;
                Raw::Bytes(self.take(length)?)
            }
            5 => Raw::Fixed32(u32::from_le_bytes(self.array()?)),
            // Groups have been out of use since before Kubernetes.
            wire => return Err(Error::bad(format!("proto: illegal wireType {wire}"))),
        };
        Ok(Some((tag, raw)))
    }

    /// Whether everything has been read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A number of up to 64 bits.
    pub(crate) fn varint(&mut self) -> Result<u64, Error> {
        if let Some((byte, rest)) = self.rest.split_first()
            && *byte < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        match self.rest.len() {
            0..10 => Err(cut_off()),
            _ => Err(Error::bad("proto: integer overflow")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| cut_off())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn cut_off() -> Error {
    Error::bad("unexpected EOF")
}

impl<'a> Raw<'a> {
    /// As text, bytes or a message.
    ///
    /// # Errors
    /// If it is a number.
    pub(crate) fn bytes(self) -> Result<&'a [u8], Error> {
        match self {
            Raw::Bytes(bytes) => Ok(bytes),
            other => Err(other.wrong()),
        }
    }

    /// As a number.
    ///
    /// # Errors
    /// If it is something else.
    pub(crate) fn varint(self) -> Result<u64, Error> {
        match self {
            Raw::Varint(value) => Ok(value),
            other => Err(other.wrong()),
        }
    }

    /// The message about something that is of another wire type than its field.
    pub(crate) fn wrong(self) -> Error {
        let wire = match self {
            Raw::Varint(_) => 0,
            Raw::Fixed64(_) => 1,
            Raw::Bytes(_) => 2,
            Raw::Fixed32(_) => 5,
        };
        Error::bad(format!("proto: wrong wireType = {wire}"))
    }
}

/// Text, with what is not UTF-8 replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
