//! The words of JSON text. Messages are those of Go's reader.

use crate::decode::error::Error;
use crate::decode::scalar::Token;
use std::borrow::Cow;

/// Bytes at which a plain stretch of a string ends.
const STOPS: [bool; 256] = {
    let mut stops = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        stops[control] = true;
        control += 1;
    }
    stops[b'"' as usize] = true;
    stops[b'\\' as usize] = true;
    stops
};

/// Where in the text we are.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Lexer<'a> {
        Lexer { bytes, at: 0 }
    }

    /// The next byte that is no white space, without going on.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
        None
    }

    /// A message about the byte here, or about the end of the text.
    pub(super) fn unexpected(&self, context: &str) -> Error {
        match self.bytes.get(self.at) {
            None => Error::bad("unexpected end of JSON input"),
            Some(byte) => {
                let shown = match byte {
                    b'\'' => r"'\''".to_owned(),
                    b'"' => "'\"'".to_owned(),
                    // Go takes the byte for a character.
                    byte => {
                        let quoted = crate::canonical::quote(&char::from(*byte).to_string());
                        format!("'{}'", &quoted[1..quoted.len() - 1])
                    }
                };
                Error::bad(format!("invalid character {shown} {context}"))
            }
        }
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("after top-level value")),
        }
    }

    /// The next value. Of a list or an object, only the opening bracket.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Error> {
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                Ok(Token::Object)
            }
            Some(b'[') => {
                self.at += 1;
                Ok(Token::Array)
            }
            Some(b'"') => Ok(Token::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(Token::Number(Cow::Borrowed(self.number()?))),
            Some(b't') => self.word("true").map(|()| Token::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Token::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Token::Null),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    /// Whether another field follows, whose name is then next. `is_first`: directly behind the bracket.
    pub(super) fn next_field(&mut self, is_first: bool) -> Result<bool, Error> {
        match (self.peek(), is_first) {
            (Some(b'}'), _) => {
                self.at += 1;
                return Ok(false);
            }
            (Some(b','), false) => {
                self.at += 1;
            }
            (_, false) => return Err(self.unexpected("after object key:value pair")),
            _ => {}
        }
        match self.peek() {
            Some(b'"') => Ok(true),
            _ => Err(self.unexpected("looking for beginning of object key string")),
        }
    }

    /// The name of a field and the colon behind it.
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, Error> {
        let name = self.string()?;
        match self.peek() {
            Some(b':') => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("after object key")),
        }
    }

    /// Whether another element follows.
    pub(super) fn next_element(&mut self, is_first: bool) -> Result<bool, Error> {
        match (self.peek(), is_first) {
            (Some(b']'), _) => {
                self.at += 1;
                Ok(false)
            }
            (Some(b','), false) => {
                self.at += 1;
                match self.peek() {
                    Some(b']') => Err(self.unexpected("looking for beginning of value")),
                    _ => Ok(true),
                }
            }
            (_, false) => Err(self.unexpected("after array element")),
            _ => Ok(true),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Error> {
        for expected in word.bytes() {
            if self.bytes.get(self.at) != Some(&expected) {
                let expected = char::from(expected);
                let context = format!("in literal {word} (expecting '{expected}')");
                return Err(self.unexpected(&context));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, Error> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("in numeric literal")),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]);
        text.map_err(|_| self.unexpected("in numeric literal"))
    }

    fn digits(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self, context: &str) -> Result<(), Error> {
        let start = self.at;
        self.digits();
        match self.at > start {
            true => Ok(()),
            false => Err(self.unexpected(context)),
        }
    }

    /// A string; the quotation mark has been peeked at. Bytes that are not UTF-8 are replaced.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        self.at += 1;
        let start = self.at;
        let rest = &self.bytes[start..];
        let plain = rest.iter().position(|byte| STOPS[usize::from(*byte)]);
        self.at += plain.unwrap_or(rest.len());
        match self.bytes.get(self.at) {
            Some(b'"') => {
                let text = &self.bytes[start..self.at];
                self.at += 1;
                // Much faster than looking for what to replace, which there hardly ever is.
                Ok(match std::str::from_utf8(text) {
                    Ok(text) => Cow::Borrowed(text),
                    Err(_) => String::from_utf8_lossy(text),
                })
            }
            Some(b'\\') => self.escaped(start).map(Cow::Owned),
            _ => Err(self.unexpected("in string literal")),
        }
    }

    /// The rest of a string that has an escape here.
    fn escaped(&mut self, start: usize) -> Result<String, Error> {
        let mut text = self.bytes[start..self.at].to_vec();
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match String::from_utf8(text) {
                        Ok(text) => text,
                        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
                    });
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(0..0x20) | None => return Err(self.unexpected("in string literal")),
                Some(byte) => {
                    text.push(*byte);
                    self.at += 1;
                }
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<char, Error> {
        let c = match self.bytes.get(self.at) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    /// Four hexadecimal digits, or two times four. Half a pair becomes the replacement character.
    fn unicode(&mut self) -> Result<char, Error> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if !self.bytes[self.at..].starts_with(b"\\u") {
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let back = self.at;
        self.at += 2;
        let second = self.hex()?;
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.at = back;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let mut value = 0;
        for _ in 0..4 {
            let byte = self.bytes.get(self.at).copied().unwrap_or(0);
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            value = value << 4 | digit;
            self.at += 1;
        }
        Ok(value)
    }
}
