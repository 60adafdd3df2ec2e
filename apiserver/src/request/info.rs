//! What a request line is about: a verb, and a resource or a path.
//!
//! ```text
//! /api/VERSION/...  /apis/GROUP/VERSION/...
//!     [watch/|proxy/] [namespaces/NAMESPACE/] RESOURCE [/NAME [/SUBRESOURCE [/...]]]
//! ```
//!
//! `status` and `finalize` behind a namespace are its subresources; everything else there is a resource
//! in it. A dot segment, an empty segment or an encoded slash never becomes part of a name: such a request
//! is refused, so that whoever authorizes it and whoever carries it out cannot read it in two ways.

use super::{Query, Target};
use crate::names;
use crate::selector::FieldSelector;
use crate::status::text::quote;
use crate::status::{Failure, GroupResource};

/// What shall be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read many.
    List,
    /// Be told of changes.
    Watch,
    /// Make a new object.
    Create,
    /// Replace an object.
    Update,
    /// Change an object.
    Patch,
    /// Delete an object.
    Delete,
    /// Delete many.
    DeleteCollection,
    /// Old form of a connection through the server; nothing serves it.
    Proxy,
    /// An HTTP method in lower case: of a request that is not about a resource, or one that means nothing.
    Http(String),
}

impl Verb {
    /// The word that rules of authorization use.
    pub fn name(&self) -> &str {
        match self {
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Watch => "watch",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
            Verb::DeleteCollection => "deletecollection",
            Verb::Proxy => "proxy",
            Verb::Http(method) => method,
        }
    }

    /// The verb of a method, for one object.
    fn of(method: &str) -> Verb {
        match method {
            "GET" | "HEAD" => Verb::Get,
            "POST" => Verb::Create,
            "PUT" => Verb::Update,
            "PATCH" => Verb::Patch,
            "DELETE" => Verb::Delete,
            method => Verb::Http(method.to_lowercase()),
        }
    }
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The decoded path.
    pub path: String,
    /// What shall be done.
    pub verb: Verb,
    /// The resource, if it is about one.
    pub resource: Option<Resource>,
}

/// The resource that a request is about. Texts are empty where the path has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Empty for the core API.
    pub group: String,
    /// Such as `v1`.
    pub version: String,
    /// The namespace; for a namespace itself, its own name.
    pub namespace: String,
    /// The plural name.
    pub resource: String,
    /// The name of the object. A list for `metadata.name=x` has it, too.
    pub name: String,
    /// Such as `status`.
    pub subresource: String,
    /// The segments from the resource on, decoded.
    pub parts: Vec<String>,
    /// What follows the subresource, as it was written, slashes included: the path for a connection
    /// through the server.
    pub rest: String,
}

impl Resource {
    /// Resource and group, as messages name them.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource::new(self.group.as_str(), self.resource.as_str())
    }
}

impl Info {
    /// Reads method and target.
    ///
    /// # Errors
    /// 400 if a name or namespace cannot be one, or nothing follows `watch`; 404 if a segment that stands
    /// for a resource, a group or a subresource is empty or cannot be one.
    pub fn parse(method: &str, target: &Target) -> Result<Info, Failure> {
        let path = target.path();
        let not_resource = |path| Info {
            path,
            verb: Verb::Http(method.to_lowercase()),
            resource: None,
        };
        let segments = &target.segments;
        let grouped = match segments.first().map(String::as_str) {
            Some("api") if segments.len() >= 3 => 0,
            Some("apis") if segments.len() >= 4 => 1,
            _ => {
                // No path outside of resources has such segments.
                let is_odd = segments
                    .iter()
                    .any(|segment| !names::path_segment(segment).is_empty());
                return match is_odd {
                    true => Err(Failure::unknown_path()),
                    false => Ok(not_resource(path)),
                };
            }
        };
        let group = if grouped == 1 {
            segments[1].clone()
        } else {
            String::new()
        };
        let version = segments[1 + grouped].clone();
        let mut at = 2 + grouped;
        let mut verb = Verb::of(method);
        if let special @ ("watch" | "proxy") = segments[at].as_str() {
            verb = if special == "watch" {
                Verb::Watch
            } else {
                Verb::Proxy
            };
            at += 1;
            if segments.len() == at {
                return Err(Failure::bad_request(format!(
                    "unable to determine kind and namespace from url, {path}"
                )));
            }
        }
        if segments[at] == "namespaces" && segments.get(at + 1).is_some_and(String::is_empty) {
            // Without a name it would mean all namespaces.
            return Err(Failure::unknown_path());
        }
        let mut resource = Resource {
            group,
            version,
            ..Resource::default()
        };
        resource.read_parts(target, at, verb == Verb::Proxy);
        resource.check(grouped == 1)?;
        if !resource.subresource.is_empty() {
            resource.rest = target.rest(target.segments.len() - resource.parts.len() + 3);
        }
        let verb = resource.refine(verb, &target.query);
        Ok(Info {
            path,
            verb,
            resource: Some(resource),
        })
    }
}

impl Resource {
    /// Reads the segments from `at` on.
    fn read_parts(&mut self, target: &Target, at: usize, is_proxy: bool) {
        let mut parts = &target.segments[at..];
        if parts[0] == "namespaces" && parts.len() > 1 {
            self.namespace.clone_from(&parts[1]);
            if parts.len() > 2 && !["status", "finalize"].contains(&parts[2].as_str()) {
                parts = &parts[2..];
            }
        }
        self.parts = parts.to_vec();
        let part = |index: usize| parts.get(index).cloned().unwrap_or_default();
        (self.resource, self.name) = (part(0), part(1));
        if !is_proxy {
            self.subresource = part(2);
        }
    }

    /// Refuses segments that cannot be what they stand for.
    fn check(&self, is_grouped: bool) -> Result<(), Failure> {
        for (what, value) in [("Namespace", &self.namespace), ("Name", &self.name)] {
            let wrong = names::path_segment(value);
            if !wrong.is_empty() {
                let text = format!(
                    "{what} parameter invalid: {}: {}",
                    quote(value),
                    wrong.join(";")
                );
                return Err(Failure::bad_request(text));
            }
        }
        let is_word = |text: &str| !text.is_empty() && names::path_segment(text).is_empty();
        let is_complete = is_word(&self.version)
            && is_word(&self.resource)
            && (is_word(&self.group) || !is_grouped)
            // An empty segment where a name or a subresource must be.
            && (self.parts.len() < 2 || !self.name.is_empty())
            && (self.parts.len() < 3 || is_word(&self.parts[2]));
        match is_complete {
            true => Ok(()),
            false => Err(Failure::unknown_path()),
        }
    }

    /// The verb, now that it is known whether one object is meant.
    fn refine(&mut self, verb: Verb, query: &Query) -> Verb {
        if !self.name.is_empty() || !matches!(verb, Verb::Get | Verb::Watch | Verb::Delete) {
            return verb;
        }
        if verb == Verb::Delete {
            return Verb::DeleteCollection;
        }
        // Selectors that make no sense are refused where the options are read.
        let fields: Result<FieldSelector, _> = query.text("fieldSelector").parse();
        let name = fields.ok().and_then(|f| f.exact_name().map(str::to_owned));
        self.name = name
            .filter(|name| names::path_segment(name).is_empty())
            .unwrap_or_default();
        match verb == Verb::Watch || query.flag("watch") == Some(true) {
            true => Verb::Watch,
            false => Verb::List,
        }
    }
}
