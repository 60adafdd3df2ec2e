//! Bytes as decisions.

use rand::RngCore;

/// Hands out decisions that the bytes of an input make. When they run out, every decision is the first one, so
/// that whatever is built of them comes to an end.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// The decisions of an input.
    pub fn new(input: &'a [u8]) -> Choices<'a> {
        Choices { rest: input }
    }

    /// No byte is left: every further decision is zero.
    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        *byte
    }

    /// A number below `bound`, which is at least one and at most 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    /// One of several.
    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Yes, once in `one_in` times.
    pub fn once_in(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 1
    }

    /// A number: most are small, some are at the edges of what 64 bits hold.
    pub fn number(&mut self) -> i64 {
        match self.byte() {
            small @ 0..=199 => i64::from(small) % 20,
            200..=219 => -i64::from(self.byte()),
            220..=229 => i64::MAX - self.below(3) as i64,
            230..=239 => i64::MIN + self.below(3) as i64,
            _ => i64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    /// A number of bytes, fewer than 256 and than are left.
    pub fn bytes(&mut self) -> &'a [u8] {
        let wanted = usize::from(self.byte());
        let (taken, rest) = self.rest.split_at(wanted.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }
}

/// As a source of chance, for whoever decides by one: a byte makes one number, its high bits first.
impl RngCore for Choices<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_ne_bytes([self.byte(); 4])
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_ne_bytes([self.byte(); 8])
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.byte());
    }
}
