//! One mistake in a configuration, in words that help.

use std::fmt;

/// Something wrong with what the user asked for. Loading collects all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, naming the option as the user spelled it.
    pub what: String,
    /// What to do about it, if we know.
    pub fix: Option<String>,
}

impl Problem {
    /// A mistake without advice.
    pub fn new(what: impl Into<String>) -> Self {
        Problem {
            what: what.into(),
            fix: None,
        }
    }

    /// The same with advice.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.fix {
            Some(fix) => write!(f, "\n  fix  {fix}"),
            None => Ok(()),
        }
    }
}
