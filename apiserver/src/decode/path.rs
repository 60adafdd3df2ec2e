//! Where in an object something is. Paths live on the stack and cost nothing until they are shown.

use super::error::Error;
use super::limits::{MAX_DEPTH, MAX_PARTS};
use crate::schema::Type;
use std::cell::Cell;

/// One step down.
#[derive(Clone, Copy)]
enum Step<'a> {
    /// The whole object.
    Root,
    /// A field that this type has, or could have.
    Field(&'a Type, &'a str),
    /// An entry of an object with arbitrary keys.
    Key(&'a str),
    /// An element of a list.
    Index(usize),
}

/// How many lists and objects a body may still have.
pub(crate) struct Budget(Cell<usize>);

impl Budget {
    /// That of a whole body.
    pub(crate) fn new() -> Budget {
        Budget(Cell::new(MAX_PARTS))
    }
}

/// The way from the whole object to a part of it.
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
    depth: usize,
    budget: &'a Budget,
}

impl<'a> Path<'a> {
    /// The whole object.
    pub(crate) fn root(budget: &'a Budget) -> Path<'a> {
        Path {
            parent: None,
            step: Step::Root,
            depth: 0,
            budget,
        }
    }

    /// A field of the structure here.
    pub(crate) fn field(&'a self, owner: &'a Type, name: &'a str) -> Path<'a> {
        self.down(Step::Field(owner, name))
    }

    /// An entry of the map here.
    pub(crate) fn key(&'a self, key: &'a str) -> Path<'a> {
        self.down(Step::Key(key))
    }

    /// An element of the list here.
    pub(crate) fn index(&'a self, index: usize) -> Path<'a> {
        self.down(Step::Index(index))
    }

    fn down(&'a self, step: Step<'a>) -> Path<'a> {
        Path {
            parent: Some(self),
            step,
            depth: self.depth + 1,
            budget: self.budget,
        }
    }

    /// How many lists and objects this is in.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Goes into a list or object here.
    ///
    /// # Errors
    /// If that is too deep, or there have been too many.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        self.within()?;
        match self.budget.0.get().checked_sub(1) {
            Some(rest) => {
                self.budget.0.set(rest);
                Ok(())
            }
            None => Err(Error::bad(format!(
                "exceeded max number of lists and objects, {MAX_PARTS}"
            ))),
        }
    }

    /// Goes on in a list or object here.
    ///
    /// # Errors
    /// If that is too deep.
    pub(crate) fn within(&self) -> Result<(), Error> {
        match self.depth < MAX_DEPTH {
            true => Ok(()),
            false => Err(Error::too_deep()),
        }
    }

    fn steps(&self) -> Vec<Step<'a>> {
        let mut steps = Vec::with_capacity(self.depth);
        let mut at = Some(self);
        while let Some(path) = at {
            steps.push(path.step);
            at = path.parent;
        }
        steps.reverse();
        steps
    }

    /// As complaints about fields name it: `spec.containers[0].ports`.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::new();
        for step in self.steps() {
            match step {
                Step::Root => {}
                Step::Field(_, name) | Step::Key(name) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(name);
                }
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }

    /// As complaints about types name it: the innermost structure, then the fields on the way, such as
    /// `Container.spec.containers.image`. Empty outside of every field.
    pub(crate) fn of_structure(&self) -> String {
        let (mut owner, mut names) = ("", String::new());
        for step in self.steps() {
            if let Step::Field(of, name) = step {
                owner = of.name.rsplit('.').next().unwrap_or(&of.name);
                names.push('.');
                names.push_str(name);
            }
        }
        format!("{owner}{names}")
    }
}
