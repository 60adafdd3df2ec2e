//! Names that the server makes up.

/// Letters and digits that cannot form words and are not mistaken for each other.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;
const NAME_MAX: usize = 63;

/// How many bytes of `generateName` are kept.
pub const GENERATED_BASE_MAX: usize = NAME_MAX - SUFFIX_LENGTH;

/// A new uid: a random one (version 4), drawn by `random`, which gives numbers that are equally likely all
/// over their range.
pub fn uid(mut random: impl FnMut() -> u32) -> String {
    let [a, b, c, d] = [(); 4].map(|()| random());
    format!(
        "{a:08x}-{:04x}-4{:03x}-{:04x}-{:04x}{d:08x}",
        b >> 16,
        b & 0xfff,
        0x8000 | ((c >> 16) & 0x3fff),
        c & 0xffff,
    )
}

/// A name that begins with `base`, shortened if need be, and ends with five letters drawn by `random`,
/// which gives numbers that are equally likely all over their range.
pub fn generate(base: &str, mut random: impl FnMut() -> u32) -> String {
    let mut end = base.len().min(GENERATED_BASE_MAX);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let mut name = base[..end].to_owned();
    for _ in 0..SUFFIX_LENGTH {
        // The remainder favours the first letters by one in a hundred million.
        let at = random() as usize % ALPHABET.len();
        name.push(char::from(ALPHABET[at]));
    }
    name
}
