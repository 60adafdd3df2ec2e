//! Tags, varints and lengths, written front to back.

/// A message that is being written.
#[derive(Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// An empty one with room for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> Message {
        Message {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// Makes room for so many bytes more.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// What has been written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Bytes without a tag.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn key(&mut self, tag: u32, wire: u64) {
        self.varint(u64::from(tag) << 3 | wire);
    }

    /// A number; negative ones are sign-extended.
    pub(crate) fn number(&mut self, tag: u32, value: i64) {
        self.key(tag, 0);
        self.varint(value as u64);
    }

    /// A number with a fraction.
    pub(crate) fn float(&mut self, tag: u32, value: f64) {
        self.key(tag, 1);
        self.raw(&value.to_le_bytes());
    }

    /// Text or bytes.
    pub(crate) fn bytes(&mut self, tag: u32, bytes: &[u8]) {
        self.head(tag, bytes.len() as u64);
        self.raw(bytes);
    }

    /// What stands before so many bytes, which are written afterwards.
    pub(crate) fn head(&mut self, tag: u32, bytes: u64) {
        self.key(tag, 2);
        self.varint(bytes);
    }

    /// Text that `write` appends. Its length is put in front of it afterwards.
    pub(crate) fn text<E>(&mut self, tag: u32, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), E> {
        self.message(tag, |message| {
            write(&mut message.bytes);
            Ok(())
        })
    }

    /// A message within this one, written by `write`. Its length is put in front of it afterwards.
    pub(crate) fn message<E>(
        &mut self,
        tag: u32,
        write: impl FnOnce(&mut Message) -> Result<(), E>,
    ) -> Result<(), E> {
        self.key(tag, 2);
        let start = self.bytes.len();
        // Room for the length of most messages.
        self.bytes.push(0);
        write(self)?;
        let length = self.bytes.len() - start - 1;
        if length < 0x80 {
            self.bytes[start] = length as u8;
            return Ok(());
        }
        // Moved by as many bytes as its length has beyond the first.
        let more = (length.ilog2() / 7) as usize;
        self.bytes.resize(start + 1 + length + more, 0);
        let content = start + 1..start + 1 + length;
        self.bytes.copy_within(content, start + 1 + more);
        let mut rest = length;
        for byte in &mut self.bytes[start..start + more] {
            *byte = rest as u8 | 0x80;
            rest >>= 7;
        }
        self.bytes[start + more] = rest as u8;
        Ok(())
    }
}
