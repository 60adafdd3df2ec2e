//! Signed tokens (RFC 7519), as far as service accounts use them: ES256 and these claims.

use super::key::{KeyError, KeySet};
use crate::identity::service_account_name;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::fmt;

/// A longer token is not looked at. Ours have about a kilobyte.
const MOST_BYTES: usize = 16 * 1024;

/// A token that does not count, and why. The client is told no more than that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl Refused {
    /// For this reason.
    pub(super) fn because(why: impl Into<String>) -> Refused {
        Refused(why.into())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// An object that a token names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Its uid; a later object of the same name is another one.
    pub uid: String,
}

/// What a token says. Times are in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it.
    pub issuer: String,
    /// For whom it is.
    pub audiences: Vec<String>,
    /// When it was issued.
    pub issued_at: i64,
    /// From when on it holds.
    pub not_before: i64,
    /// When it ends.
    pub expires: i64,
    /// Tells it from all others.
    pub id: String,
    /// The namespace of the account, and of the pod or secret.
    pub namespace: String,
    /// The account.
    pub account: Reference,
    /// It holds while this pod exists.
    pub pod: Option<Reference>,
    /// It holds while this secret exists.
    pub secret: Option<Reference>,
    /// The node of the pod; without a pod, it holds while this node exists.
    pub node: Option<Reference>,
    /// From when on its use should be noted.
    pub warn_after: Option<i64>,
}

impl Claims {
    /// The name of the user.
    pub fn subject(&self) -> String {
        service_account_name(&self.namespace, &self.account.name)
    }

    fn to_value(&self) -> Value {
        let reference = |one: &Reference| json!({"name": one.name, "uid": one.uid});
        let mut own = Map::new();
        own.insert("namespace".to_owned(), self.namespace.as_str().into());
        own.insert("serviceaccount".to_owned(), reference(&self.account));
        let bound = [
            ("pod", &self.pod),
            ("secret", &self.secret),
            ("node", &self.node),
        ];
        for (field, object) in bound {
            if let Some(object) = object {
                own.insert(field.to_owned(), reference(object));
            }
        }
        if let Some(at) = self.warn_after {
            own.insert("warnafter".to_owned(), at.into());
        }
        json!({
            "iss": self.issuer,
            "sub": self.subject(),
            "aud": self.audiences,
            "iat": self.issued_at,
            "nbf": self.not_before,
            "exp": self.expires,
            "jti": self.id,
            "kubernetes.io": own,
        })
    }

    fn of(value: &Value) -> Option<Claims> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let reference = |value: &Value| {
            Some(Reference {
                name: text(&value["name"])?,
                uid: text(&value["uid"])?,
            })
        };
        // Times may be fractions.
        let time = |value: &Value| value.as_i64().or(value.as_f64().map(|time| time as i64));
        let own = &value["kubernetes.io"];
        let claims = Claims {
            issuer: text(&value["iss"])?,
            audiences: match &value["aud"] {
                Value::String(one) => vec![one.clone()],
                many => many.as_array()?.iter().filter_map(text).collect(),
            },
            issued_at: time(&value["iat"]).unwrap_or_default(),
            not_before: time(&value["nbf"]).unwrap_or_default(),
            expires: time(&value["exp"])?,
            id: text(&value["jti"]).unwrap_or_default(),
            namespace: text(&own["namespace"])?,
            account: reference(&own["serviceaccount"])?,
            pod: reference(&own["pod"]),
            secret: reference(&own["secret"]),
            node: reference(&own["node"]),
            warn_after: time(&own["warnafter"]),
        };
        // The subject says the same once more.
        (value["sub"] == claims.subject()).then_some(claims)
    }

    /// The token.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn sign(&self, keys: &KeySet) -> Result<String, KeyError> {
        let signer = keys.signer();
        let header = json!({"alg": "ES256", "kid": signer.id()});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(&self.to_value()));
        let signature = URL_SAFE_NO_PAD.encode(signer.sign(text.as_bytes())?);
        Ok(format!("{text}.{signature}"))
    }

    /// The issuer that a token says it is from, before anything is checked. `None`: it is no token of
    /// this sort.
    pub fn unverified_issuer(token: &str) -> Option<String> {
        if token.len() > MOST_BYTES {
            return None;
        }
        let [_, claims, _] = parts(token)?;
        claims["iss"].as_str().map(str::to_owned)
    }

    /// Reads a token that one of the keys has signed. Whether it holds now and here is not looked at.
    ///
    /// # Errors
    /// If it is no such token.
    pub fn verify(token: &str, keys: &KeySet) -> Result<Claims, Refused> {
        let refused = || Refused::because("invalid signature");
        if token.len() > MOST_BYTES {
            return Err(refused());
        }
        let [header, claims, _] = parts(token).ok_or_else(refused)?;
        let (text, signature) = token.rsplit_once('.').ok_or_else(refused)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| refused())?;
        let is_ours = header["alg"] == "ES256"
            && keys.verifies(header["kid"].as_str(), text.as_bytes(), &signature);
        if !is_ours {
            return Err(refused());
        }
        Claims::of(&claims)
            .ok_or_else(|| Refused::because("service account token claims could not be validated"))
    }
}

/// Header, claims and nothing: what stands between the points, as JSON.
fn parts(token: &str) -> Option<[Value; 3]> {
    let mut parts = token.split('.');
    let (header, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let json = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    Some([json(header)?, json(claims)?, Value::Null])
}
