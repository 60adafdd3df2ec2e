//! What a request may ask of the decoder.

/// Largest body, in bytes. Upstream's limit.
pub const MAX_BODY: usize = 3 * 1024 * 1024;

/// Deepest nesting of lists and objects. Below 128, where common JSON readers give up: what is stored
/// must be readable. The deepest built-in object, a Pod, has a dozen levels; schemas of custom resources
/// have come to forty.
pub const MAX_DEPTH: usize = 120;

/// Most complaints about fields of one body. Upstream's limit; more are not listed.
pub const MAX_STRICT: usize = 100;

/// Most values that anchors and aliases of a YAML document may copy.
pub const MAX_ALIASED: usize = 100_000;

/// Most lists and objects of one body. Each takes up to a kilobyte of memory once it has what is always
/// there, while three bytes ask for it. The largest objects that are known have a fifth of this.
pub const MAX_PARTS: usize = 200_000;
