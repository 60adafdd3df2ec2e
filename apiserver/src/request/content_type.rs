//! In which form a body is.

use crate::status::Failure;

/// How an object is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`: built-in kinds only.
    Protobuf,
}

impl Encoding {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Encoding::Json => "application/json",
            Encoding::Yaml => "application/yaml",
            Encoding::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }

    /// All there are for kinds that have protobuf or have not, the preferred one first.
    pub(super) fn all(has_protobuf: bool) -> &'static [Encoding] {
        const ALL: [Encoding; 3] = [Encoding::Json, Encoding::Yaml, Encoding::Protobuf];
        if has_protobuf { &ALL } else { &ALL[..2] }
    }
}

/// The media types of encodings.
pub(super) fn media_types(encodings: &[Encoding]) -> Vec<&'static str> {
    encodings.iter().map(|one| one.media_type()).collect()
}

/// What a patch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7396.
    Merge,
    /// Driven by the schema table: built-in kinds only.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl PatchType {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            PatchType::Json => "application/json-patch+json",
            PatchType::Merge => "application/merge-patch+json",
            PatchType::Strategic => "application/strategic-merge-patch+json",
            PatchType::Apply => "application/apply-patch+yaml",
        }
    }
}

/// The media type in a header, without parameters.
fn media_type(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

/// How the body of a request is encoded, by its `Content-Type`. Without one it is JSON.
///
/// # Errors
/// 415 if it is in another form, with the forms that are read.
pub fn body_encoding(content_type: &str, has_protobuf: bool) -> Result<Encoding, Failure> {
    let wanted = media_type(content_type);
    let known = Encoding::all(has_protobuf);
    if wanted.is_empty() {
        return Ok(Encoding::Json);
    }
    let mut found = known
        .iter()
        .filter(|one| one.media_type().eq_ignore_ascii_case(wanted));
    found
        .next()
        .copied()
        .ok_or_else(|| Failure::unsupported_media_type(&media_types(known)))
}

/// What the body of a patch request is, by its `Content-Type`. Custom resources know no strategic merge
/// patch.
///
/// # Errors
/// 415 if it is something else, with the types that are known.
pub fn patch_type(content_type: &str, has_strategic: bool) -> Result<PatchType, Failure> {
    let wanted = media_type(content_type);
    let all = [
        PatchType::Json,
        PatchType::Merge,
        PatchType::Strategic,
        PatchType::Apply,
    ];
    let known: Vec<PatchType> = all
        .into_iter()
        .filter(|one| has_strategic || *one != PatchType::Strategic)
        .collect();
    let found = known
        .iter()
        .find(|one| one.media_type().eq_ignore_ascii_case(wanted));
    found.copied().ok_or_else(|| {
        let types: Vec<&str> = known.iter().map(|one| one.media_type()).collect();
        Failure::unsupported_media_type(&types)
    })
}
