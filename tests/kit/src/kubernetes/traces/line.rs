//! One request of a recording.

use hyper::Method;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What a client takes, as the programs say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accept {
    /// Nothing is said.
    Nothing,
    /// JSON alone.
    Json,
    /// JSON, or anything else.
    Any,
    /// Protobuf rather than JSON.
    Protobuf,
    /// A Table rather than objects.
    Table,
    /// Everything there is, in one document.
    Discovery,
    /// The old OpenAPI document as protobuf.
    Swagger,
}

impl Accept {
    fn read(word: &str) -> Option<Accept> {
        Some(match word {
            "none" => Accept::Nothing,
            "json" => Accept::Json,
            "any" => Accept::Any,
            "protobuf" => Accept::Protobuf,
            "table" => Accept::Table,
            "discovery" => Accept::Discovery,
            "swagger" => Accept::Swagger,
            _ => return None,
        })
    }

    /// The header's value.
    pub(super) fn header(self) -> Option<&'static str> {
        Some(match self {
            Accept::Nothing => return None,
            Accept::Json => JSON,
            Accept::Any => "application/json, */*",
            Accept::Protobuf => "application/vnd.kubernetes.protobuf,application/json",
            Accept::Table => {
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
            }
            Accept::Discovery => {
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
            }
            Accept::Swagger => "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        })
    }
}

/// See the room.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) accept: Accept,
    /// The status that must come.
    pub(super) code: u16,
    /// The kind that must come, or the reason of a refusal; `-`: anything.
    pub(super) shape: &'a str,
    /// The body's content type; `None` for what only the replay itself means.
    pub(super) content: Option<&'static str>,
    /// The body's name.
    pub(super) body: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// `None` if it is no request.
    pub(super) fn read(text: &'a str) -> Option<Line<'a>> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let ([method, path, accept, code, shape], rest) = words.split_first_chunk::<5>()?;
        let (content, body) = match rest {
            [] => (None, None),
            ["<", content, body] => (Some(*content), Some(*body)),
            _ => return None,
        };
        let content = match content {
            None | Some("touch") => None,
            Some("json") => Some(JSON),
            Some("protobuf") => Some(PROTOBUF),
            Some("apply") => Some("application/apply-patch+yaml"),
            Some("strategic") => Some("application/strategic-merge-patch+json"),
            Some("merge") => Some("application/merge-patch+json"),
            Some(_) => return None,
        };
        Some(Line {
            method: method.parse().ok()?,
            path,
            accept: Accept::read(accept)?,
            code: code.parse().ok()?,
            shape,
            content,
            body,
        })
    }

    /// The content type that must come.
    pub(super) fn content_type(&self) -> &'static str {
        match self.accept {
            Accept::Protobuf => PROTOBUF,
            Accept::Discovery => {
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            }
            Accept::Swagger => "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
            _ => JSON,
        }
    }
}
