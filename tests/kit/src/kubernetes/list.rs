//! What is not asked, and what is known not to hold. Both are shown with each run.

/// Statements that cannot be asked yet: number, and what is missing. A row goes when it is built.
pub const NOT_BUILT: &[(u32, &str)] = &[
    (83, "a new custom resource is served on every member"),
    (84, "unknown fields of custom resources are pruned"),
    (85, "defaults of custom resources"),
    (86, "schemas that are not structural are refused"),
    (87, "validation rules of custom resources"),
    (88, "rules that cost too much are refused"),
    (89, "status and scale of custom resources"),
    (90, "several versions of a custom resource"),
    (91, "a definition that goes takes its objects along"),
    (92, "columns and selectable fields of custom resources"),
    (93, "names of two definitions that conflict"),
    (94, "keyed lists and sets of custom resources"),
    (96, "admission webhooks"),
];

/// Statements that our server does not fulfil, and why. One that holds again must leave this list.
pub const KNOWN_FAILURES: &[(&str, &str)] = &[];
