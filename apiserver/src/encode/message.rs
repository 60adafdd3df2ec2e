//! Tags, varints and lengths, written front to back.

/// A message that is being written.
#[derive(Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
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
        self.key(tag, 2);
        self.varint(bytes.len() as u64);
        self.raw(bytes);
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
        let mut prefix = Message::default();
        prefix.varint(length as u64);
        self.bytes.splice(start..=start, prefix.bytes);
        Ok(())
    }
}
