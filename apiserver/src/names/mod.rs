//! How things may be called: names of objects, keys and values of labels, names made up by the server.
//!
//! Each check gives the list of what is wrong, empty if nothing is. The texts are upstream's, regular
//! expressions included: people search for them. The expressions themselves are not executed; what they
//! say is checked by hand, in one pass and without a limit on input but the caller's.
//!
//! What may enter: text. What never happens here: randomness (whoever makes up a name brings it), a look
//! at which kind the name is for; which [`Rule`] a kind has is a fact of its registry row.

mod dns;
mod generate;
mod label;
#[cfg(test)]
mod tests;

pub use dns::{dns1035_label, dns1123_label, dns1123_subdomain, path_segment, path_segment_prefix};
pub use generate::{GENERATED_BASE_MAX, generate, uid};
pub use label::{label_key, label_value};

/// How the names of a kind are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Labels with dots between them, up to 253 bytes: most kinds.
    DnsSubdomain,
    /// One label of up to 63 bytes: namespaces.
    DnsLabel,
    /// One label that begins with a letter: services.
    Dns1035Label,
    /// Whatever fits into one segment of a path: roles and bindings.
    PathSegment,
}

impl Rule {
    /// What is wrong with a name.
    pub fn check(self, name: &str) -> Vec<String> {
        match self {
            Rule::DnsSubdomain => dns1123_subdomain(name),
            Rule::DnsLabel => dns1123_label(name),
            Rule::Dns1035Label => dns1035_label(name),
            Rule::PathSegment => path_segment(name),
        }
    }

    /// What is wrong with the beginning of a name (`generateName`): it may end with a dash, because
    /// something follows.
    pub fn check_prefix(self, prefix: &str) -> Vec<String> {
        if self == Rule::PathSegment {
            return path_segment_prefix(prefix);
        }
        match prefix.strip_suffix('-').filter(|rest| !rest.is_empty()) {
            // The dash and what stands before it count as one letter, as on other servers: the whole name
            // is checked again when it is complete.
            Some(rest) => {
                let before_last = rest.char_indices().next_back().map_or(0, |(at, _)| at);
                self.check(&format!("{}a", &rest[..before_last]))
            }
            None => self.check(prefix),
        }
    }
}

/// The text for something that must have at most `most` bytes.
fn too_long(most: usize) -> String {
    format!("must be no more than {most} bytes")
}

/// The text for something that does not look as it should: `rule`, examples, and the expression that
/// describes it.
fn not_like(rule: &str, expression: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    let examples = examples.join(" or ");
    format!("{rule} (e.g. {examples}regex used for validation is '{expression}')")
}
