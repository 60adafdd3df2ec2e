//! Tokens that an operator wrote down.

use crate::identity::{AUTHENTICATED, User};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;

/// A file that is no list of tokens. The operator must mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTokens {
    /// Counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl fmt::Display for InvalidTokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "token file, line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for InvalidTokens {}

/// Tokens and the users they stand for. They hold until the program ends.
#[derive(Clone, Default)]
pub struct StaticTokens {
    /// By the hash of the token: how long a look-up takes says nothing about tokens, and memory holds
    /// none.
    users: HashMap<[u8; 32], User>,
}

impl StaticTokens {
    /// Reads lines of `token,user,uid` and optionally `,"group1,group2"`. Empty lines and those that begin
    /// with `#` say nothing.
    ///
    /// # Errors
    /// At the first line that is something else.
    pub fn parse(csv: &str) -> Result<StaticTokens, InvalidTokens> {
        let mut tokens = StaticTokens::default();
        for (index, line) in csv.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what| InvalidTokens {
                line: index + 1,
                what,
            };
            let fields = fields(line).ok_or_else(|| wrong("a quote is not closed"))?;
            let [token, name, uid, rest @ ..] = fields.as_slice() else {
                return Err(wrong("token, user and uid are expected"));
            };
            if token.is_empty() || name.is_empty() {
                return Err(wrong("token and user must not be empty"));
            }
            let groups = rest.first().map(String::as_str).unwrap_or_default();
            let groups = groups.split(',').map(str::trim);
            let mut user = User::new(name.as_str(), groups.filter(|group| !group.is_empty()));
            user.uid.clone_from(uid);
            tokens.insert(token, user);
        }
        Ok(tokens)
    }

    /// One more token. Its user is one that said who it is.
    pub fn insert(&mut self, token: &str, mut user: User) {
        if !user.is_in(AUTHENTICATED) {
            user.groups.push(AUTHENTICATED.to_owned());
        }
        self.users.insert(Sha256::digest(token).into(), user);
    }

    /// The user of a token.
    pub fn user(&self, token: &str) -> Option<&User> {
        if self.users.is_empty() {
            return None;
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        self.users.get(&hash)
    }
}

/// The fields of a line; quotes hold commas together, two of them are one.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let field = fields.last_mut()?;
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            letter if field.is_empty() && letter == ' ' && !is_quoted => {}
            letter => field.push(letter),
        }
    }
    (!is_quoted).then_some(fields)
}
