//! What is written from a text is what is written from the same object parsed.

mod texts;
