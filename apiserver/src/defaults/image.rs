//! Which tag an image reference has.

/// Whether a reference names the tag `latest`, also by naming none. What is no reference names nothing.
pub(super) fn is_latest(reference: &str) -> bool {
    let (name, has_digest) = match reference.split_once('@') {
        Some((name, digest)) if is_digest(digest) => (name, true),
        Some(_) => return false,
        None => (reference, false),
    };
    // A colon behind the last slash begins a tag; one in front of it, a port.
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match name[slash..].split_once(':') {
        Some((last, tag)) => (&name[..slash + last.len()], Some(tag)),
        None => (name, None),
    };
    let is_reference = is_repository(repository) && tag.is_none_or(is_tag);
    match tag {
        _ if !is_reference => false,
        Some(tag) => tag == "latest",
        None => !has_digest,
    }
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// An algorithm, a colon, and at least 32 hexadecimal digits.
fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// A registry, perhaps, and a path in small letters.
fn is_repository(repository: &str) -> bool {
    let path = match repository.split_once('/') {
        Some((first, rest)) if is_registry(first) => rest,
        _ => repository,
    };
    let is_id = path.len() == 64 && path.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    !is_id && path.split('/').all(is_component)
}

/// The first part of a path is a registry if it could not be a directory there.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':'])
        || first == "localhost"
        || first.bytes().any(|b| b.is_ascii_uppercase())
}

/// Small letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let is_word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let has_ends = bytes.first().is_some_and(is_word) && bytes.last().is_some_and(is_word);
    let separators = bytes.split(is_word).filter(|run| !run.is_empty());
    has_ends
        && separators
            .into_iter()
            .all(|run| matches!(run, b"." | b"_" | b"__") || run.iter().all(|b| *b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::is_latest;

    #[test]
    fn no_tag_is_the_latest_unless_there_is_a_digest() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (reference, expected) in [
            ("nginx", true),
            ("nginx:latest", true),
            ("nginx:1.25", false),
            ("library/nginx", true),
            ("registry.example.com/a/b", true),
            ("registry.example.com:5000/a/b", true),
            ("registry.example.com:5000/a/b:v1", false),
            ("localhost/a:latest", true),
            ("localhost:5000/a", true),
            ("a__b/c-d.e", true),
            (&format!("nginx@{digest}"), false),
            (&format!("nginx:latest@{digest}"), true),
            (&format!("nginx:1.25@{digest}"), false),
            // None of these is a reference.
            ("", false),
            ("Nginx", false),
            ("nginx:", false),
            ("nginx:.x", false),
            ("nginx@sha256:1", false),
            ("/nginx", false),
            ("a//b", false),
            ("a..b", false),
            ("-a", false),
            ("https://example.com/a", false),
            (&"0a".repeat(32), false),
        ] {
            assert_eq!(is_latest(reference), expected, "{reference}");
        }
    }
}
