//! Tokens with which a list goes on where it stopped.

use crate::status::Failure;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const VERSION: &str = "meta.k8s.io/v1";

/// Where a list goes on, and at which revision. It is bound to nothing else: selectors may change on the
/// way, and every server can go on with any server's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinueToken {
    /// The first key that may be delivered, from behind the prefix of what is listed.
    pub start: String,
    /// `None`: at the latest revision, which is not the one at which the list began.
    pub revision: Option<u64>,
}

impl ContinueToken {
    /// The token behind the last key that was delivered, without the prefix of what is listed.
    pub fn after(key: &str, revision: Option<u64>) -> ContinueToken {
        // Nothing lies between a key and itself with a zero byte behind it.
        ContinueToken {
            start: format!("{key}\0"),
            revision,
        }
    }

    /// The text for clients, who must not look into it.
    pub fn encode(&self) -> String {
        let revision = self.revision.map_or(json!(-1), Value::from);
        let (start, version) = (Value::from(self.start.as_str()), Value::from(VERSION));
        let text = format!("{{\"v\":{version},\"rv\":{revision},\"start\":{start}}}");
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// 400 if it is none, is of another version, or its key would lead out of what is listed.
    pub fn decode(text: &str) -> Result<ContinueToken, Failure> {
        ContinueToken::read(text).map_err(|why| {
            Failure::bad_request(format!(
                "invalid continue token: continue key is not valid{why}"
            ))
        })
    }

    fn read(text: &str) -> Result<ContinueToken, String> {
        let json = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|error| format!(": {error}"))?;
        let token: Value = serde_json::from_slice(&json).map_err(|error| format!(": {error}"))?;
        let version = token["v"].as_str().unwrap_or_default();
        if version != VERSION {
            return Err(format!(
                ": server does not recognize this encoded version {version}"
            ));
        }
        let revision = match (token["rv"].as_u64(), token["rv"].as_i64()) {
            (Some(0), _) | (None, None) => {
                return Err(format!(
                    ": incorrect encoded start resourceVersion (version {VERSION})"
                ));
            }
            (revision, _) => revision,
        };
        let start = token["start"].as_str().unwrap_or_default();
        if start.is_empty() {
            return Err(format!(": encoded start key empty (version {VERSION})"));
        }
        match is_inside(start) {
            true => Ok(ContinueToken {
                start: start.to_owned(),
                revision,
            }),
            false => Err(format!(": {start}")),
        }
    }
}

/// Whether a key stays below the prefix that is put before it, and is the only way to write it.
fn is_inside(start: &str) -> bool {
    start
        .split('/')
        .all(|part| !["", ".", ".."].contains(&part))
}
