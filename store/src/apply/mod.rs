//! Carries out agreed commands.
