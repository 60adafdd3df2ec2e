//! How much of what a client sent is repeated to it.
//!
//! A message names the values that are wrong, in two places and sometimes more. Without a bound, an object
//! of megabytes makes an answer of several times that. Every text of an ordinary size stays as it is; of a
//! larger one the beginning is told, and how long it is.

use std::borrow::Cow;

/// Bytes of one value. The templates of large Pods are below that.
pub(super) const VALUE_BYTES: usize = 16 * 1024;
/// Bytes of all that is said about one field, its value and what else there is.
pub(super) const TEXT_BYTES: usize = 32 * 1024;
/// Bytes of one step of a path. Names of fields and keys that can be right have a few hundred.
pub(super) const STEP_BYTES: usize = 1024;
/// Bytes of all errors in a message together, and of all causes.
pub(super) const ERRORS_BYTES: usize = 48 * 1024;
/// Bytes of a whole message.
pub(super) const MESSAGE_BYTES: usize = 64 * 1024;

/// The text, or its beginning and its length.
pub(super) fn bounded(text: &str, most: usize) -> Cow<'_, str> {
    match text.len() <= most {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("{}{}", &text[..head(text, most)], ending(text))),
    }
}

/// Where the last character ends that begins and ends within so many bytes.
pub(super) fn head(text: &str, most: usize) -> usize {
    let most = most.min(text.len());
    (0..=most)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// What stands behind the beginning of a text.
pub(super) fn ending(text: &str) -> String {
    format!("... ({} bytes)", text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_only_if_it_is_too_long() {
        assert_eq!(bounded("abc", 3), "abc");
        assert_eq!(bounded("abcd", 3), "abc... (4 bytes)");
        assert_eq!(bounded("aöö", 4), "aö... (5 bytes)");
        assert_eq!(bounded("ö", 1), "... (2 bytes)");
    }
}
