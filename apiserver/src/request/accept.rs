//! In which form the answer is wanted.
//!
//! An `Accept` header is a list of clauses, each a media type with parameters. Those with a higher `q`
//! come first, then the more specific ones, then the earlier ones; the first that can be met is met.
//! Parameters may ask for another object than the one that is stored: `as=Table;g=meta.k8s.io;v=v1`.

use super::Query;
use super::content_type::{Encoding, media_types};
use crate::status::Failure;

/// How many clauses of a header are looked at. Clients send three or four.
const MAX_CLAUSES: usize = 64;

/// What can be had at a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The kind has a protobuf form.
    pub protobuf: bool,
    /// Objects can be shown as tables, or by their metadata alone.
    pub transforms: bool,
    /// The path lists what is served (`/api`, `/apis`).
    pub discovery: bool,
    /// The answer is a stream of events.
    pub streams: bool,
}

/// As what an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As it is.
    Object,
    /// As a table for people, of `meta.k8s.io` in this version.
    Table(&'static str),
    /// Each object by its metadata alone, of `meta.k8s.io` in this version.
    Metadata(&'static str),
    /// A list of objects by their metadata alone.
    MetadataList(&'static str),
    /// Everything that is served, in one document of this version of `apidiscovery.k8s.io`.
    Discovery(&'static str),
}

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it is written down.
    pub encoding: Encoding,
    /// As what.
    pub form: Form,
    /// For people: indented.
    pub is_pretty: bool,
}

/// One clause of a header.
struct Clause<'h> {
    kind: &'h str,
    subkind: &'h str,
    quality: f32,
    parameters: Vec<(String, &'h str)>,
}

impl<'h> Clause<'h> {
    fn parse(text: &'h str) -> Option<Clause<'h>> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subkind) = parts.next()?.split_once('/')?;
        let mut clause = Clause {
            kind,
            subkind,
            quality: 1.0,
            parameters: Vec::new(),
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let (name, value) = (
                name.trim().to_ascii_lowercase(),
                value.trim().trim_matches('"'),
            );
            match name.as_str() {
                "q" => clause.quality = value.parse().ok().filter(|q: &f32| q.is_finite())?,
                _ => clause.parameters.push((name, value)),
            }
        }
        (clause.quality > 0.0).then_some(clause)
    }

    /// How many of its two parts are wild.
    fn wildness(&self) -> usize {
        [self.kind, self.subkind]
            .iter()
            .filter(|part| **part == "*")
            .count()
    }

    fn admits(&self, media_type: &str) -> bool {
        let Some((kind, subkind)) = media_type.split_once('/') else {
            return false;
        };
        let admits =
            |wanted: &str, found: &str| wanted == "*" || wanted.eq_ignore_ascii_case(found);
        admits(self.kind, kind)
            && admits(self.subkind, subkind)
            && (self.kind != "*" || self.subkind == "*")
    }

    fn parameter(&self, name: &str) -> Option<&'h str> {
        let mut found = self.parameters.iter().filter(|(found, _)| found == name);
        found.next().map(|(_, value)| *value)
    }

    /// The form that is asked for; `None`: it cannot be had.
    fn form(&self, offer: Offer, encoding: Encoding) -> Option<Form> {
        let parts = ["as", "g", "v"].map(|name| self.parameter(name));
        if parts == [None; 3] {
            return Some(Form::Object);
        }
        let [kind, group, version] = parts.map(Option::unwrap_or_default);
        let version = ["v1", "v1beta1", "v2", "v2beta1"]
            .into_iter()
            .find(|known| *known == version)?;
        match (kind, group, version) {
            // A table has no protobuf form.
            ("Table", "meta.k8s.io", "v1" | "v1beta1") if offer.transforms => {
                (encoding != Encoding::Protobuf).then_some(Form::Table(version))
            }
            ("PartialObjectMetadata", "meta.k8s.io", "v1" | "v1beta1") if offer.transforms => {
                Some(Form::Metadata(version))
            }
            ("PartialObjectMetadataList", "meta.k8s.io", "v1" | "v1beta1") if offer.transforms => {
                Some(Form::MetadataList(version))
            }
            ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2" | "v2beta1")
                if offer.discovery && encoding != Encoding::Yaml =>
            {
                Some(Form::Discovery(version))
            }
            _ => None,
        }
    }

    fn answer(&self, offer: Offer) -> Option<Answer> {
        let stream = self.parameter("stream").unwrap_or_default();
        let is_streamed = offer.streams && stream == "watch";
        if !stream.is_empty() && !is_streamed {
            return None;
        }
        let encodings = Encoding::all(offer.protobuf).iter().copied();
        let mut met = encodings
            .filter(|encoding| !offer.streams || *encoding != Encoding::Yaml)
            .filter(|encoding| self.admits(encoding.media_type()))
            .filter_map(|encoding| {
                Some(Answer {
                    encoding,
                    form: self.form(offer, encoding)?,
                    is_pretty: self.parameter("pretty") == Some("1"),
                })
            });
        met.next()
    }
}

/// A header's clauses, the most wanted first.
fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let accept = if accept.trim().is_empty() {
        "*/*"
    } else {
        accept
    };
    let mut clauses: Vec<Clause<'_>> = accept
        .split(',')
        .take(MAX_CLAUSES)
        .filter_map(Clause::parse)
        .collect();
    clauses.sort_by(|a, b| {
        let by_quality = b.quality.total_cmp(&a.quality);
        by_quality.then(a.wildness().cmp(&b.wildness()))
    });
    clauses
}

/// Which of these media types an `Accept` header wants most; the first of several that it wants as much.
/// Parameters mean nothing here.
///
/// # Errors
/// 406 if it wants none of them.
pub fn most_wanted<'t>(accept: &str, offered: &[&'t str]) -> Result<&'t str, Failure> {
    let of_clause = |clause: &Clause<'_>| {
        let mut admitted = offered.iter().filter(|one| clause.admits(one));
        admitted.next().copied()
    };
    let found = clauses(accept).iter().find_map(of_clause);
    found.ok_or_else(|| Failure::not_acceptable(offered))
}

/// The form in which a request shall be answered, by its `Accept` and `User-Agent` headers and its query.
/// Without `Accept` it is JSON.
///
/// # Errors
/// 406 if nothing that is wanted can be had, with what can.
pub fn negotiate(
    accept: &str,
    user_agent: &str,
    query: &Query,
    offer: Offer,
) -> Result<Answer, Failure> {
    let clauses = clauses(accept);
    let mut answer = clauses
        .iter()
        .find_map(|clause| clause.answer(offer))
        .ok_or_else(|| not_acceptable(offer))?;
    answer.is_pretty = answer.is_pretty || is_pretty(user_agent, query);
    Ok(answer)
}

fn not_acceptable(offer: Offer) -> Failure {
    let types = media_types(Encoding::all(offer.protobuf));
    if !offer.streams {
        return Failure::not_acceptable(&types);
    }
    let streams: Vec<String> = types
        .iter()
        .filter(|one| !one.ends_with("yaml"))
        .map(|one| format!("{one};stream=watch"))
        .collect();
    let streams: Vec<&str> = streams.iter().map(String::as_str).collect();
    Failure::not_acceptable(&streams)
}

/// Whether a person will read the answer: it is asked for, or the client is one that people use by hand.
fn is_pretty(user_agent: &str, query: &Query) -> bool {
    match query.get("pretty").filter(|value| !value.is_empty()) {
        Some(value) => matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"),
        None => ["curl", "Wget", "Mozilla/5.0"]
            .iter()
            .any(|known| user_agent.starts_with(known)),
    }
}
