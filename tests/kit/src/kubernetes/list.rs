//! What is not asked, and what is known not to hold. Both are shown with each run.

/// Statements that cannot be asked yet: number, and what is missing. A row goes when it is built.
pub const NOT_BUILT: &[(u32, &str)] = &[
    (
        87,
        "rules in CEL: they are refused; what an update leaves alone is tested",
    ),
    (88, "the cost of rules in CEL: they are refused"),
    (96, "admission webhooks"),
];

/// Statements that our server does not fulfil, and why. One that holds again must leave this list.
pub const KNOWN_FAILURES: &[(&str, &str)] = &[];
