//! Acting as somebody else.

use super::names::{
    ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, parse_service_account, service_account_groups,
};
use super::user::User;
use crate::status::Failure;
use std::collections::BTreeMap;

const AUTHENTICATION: &str = "authentication.k8s.io";
const EXTRA_PREFIX: &str = "impersonate-extra-";
/// More groups and extra values than this are refused: each costs one decision.
const MOST_PARTS: usize = 1_000;

/// Whom a request wants to act as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonation {
    user: String,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
    uid: String,
}

/// One thing that must be allowed for it: the verb `impersonate` on a resource that exists only for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Empty for the core API.
    pub group: &'static str,
    /// Empty if the resource has none.
    pub version: &'static str,
    /// `users`, `groups`, `serviceaccounts`, `userextras` or `uids`.
    pub resource: &'static str,
    /// The key of an extra value.
    pub subresource: &'a str,
    /// Of a service account.
    pub namespace: &'a str,
    /// Who or what.
    pub name: &'a str,
}

impl Impersonation {
    /// Reads the headers of a request. `None`: it acts for itself.
    ///
    /// # Errors
    /// 400 if they name no user but something else, or more than can be decided on.
    pub fn from_headers<'h>(
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    ) -> Result<Option<Impersonation>, Failure> {
        let mut wanted = Impersonation::default();
        let mut parts = 0;
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "impersonate-user" if wanted.user.is_empty() => wanted.user = value.to_owned(),
                "impersonate-uid" if wanted.uid.is_empty() => wanted.uid = value.to_owned(),
                "impersonate-group" => wanted.groups.push(value.to_owned()),
                other => {
                    let Some(key) = other.strip_prefix(EXTRA_PREFIX) else {
                        continue;
                    };
                    let values = wanted.extra.entry(unescape(key)).or_default();
                    values.push(value.to_owned());
                }
            }
            parts += 1;
            if parts > MOST_PARTS {
                let what = format!("requested to impersonate more than {MOST_PARTS} things");
                return Err(Failure::bad_request(what));
            }
        }
        if wanted == Impersonation::default() {
            return Ok(None);
        }
        if wanted.user.is_empty() {
            let parts = wanted.parts();
            let parts: Vec<String> = parts.map(|part| part.reference()).collect();
            let what = format!(
                "requested [{}] without impersonating a user",
                parts.join(" ")
            );
            return Err(Failure::bad_request(what));
        }
        Ok(Some(wanted))
    }

    /// What must be allowed, in the order in which it is asked.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let user = (!self.user.is_empty()).then(|| match parse_service_account(&self.user) {
            Some((namespace, name)) => Part {
                namespace,
                ..Part::core("serviceaccounts", name)
            },
            None => Part::core("users", &self.user),
        });
        let groups = self.groups.iter().map(|name| Part::core("groups", name));
        let extra = self.extra.iter().flat_map(|(key, values)| {
            values.iter().map(move |value| Part {
                subresource: key,
                ..Part::authentication("userextras", value)
            })
        });
        let uid = (!self.uid.is_empty()).then(|| Part::authentication("uids", &self.uid));
        user.into_iter().chain(groups).chain(extra).chain(uid)
    }

    /// Who the request comes from, once everything is allowed. A service account gets its groups unless
    /// others are named; being authenticated or not is added if neither is.
    pub fn becomes(&self) -> User {
        let mut groups = self.groups.clone();
        if let Some((namespace, _)) = parse_service_account(&self.user)
            && groups.is_empty()
        {
            groups = service_account_groups(namespace).to_vec();
        }
        let is_there = |wanted: &str| groups.iter().any(|group| group == wanted);
        if self.user == ANONYMOUS {
            if !is_there(UNAUTHENTICATED) {
                groups.push(UNAUTHENTICATED.to_owned());
            }
        } else if !is_there(AUTHENTICATED) && !is_there(UNAUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        User {
            name: self.user.clone(),
            uid: self.uid.clone(),
            groups,
            extra: self.extra.clone(),
        }
    }
}

impl<'a> Part<'a> {
    fn core(resource: &'static str, name: &'a str) -> Part<'a> {
        Part {
            group: "",
            version: "",
            resource,
            subresource: "",
            namespace: "",
            name,
        }
    }

    fn authentication(resource: &'static str, name: &'a str) -> Part<'a> {
        Part {
            group: AUTHENTICATION,
            version: "v1",
            ..Part::core(resource, name)
        }
    }

    /// As upstream's message shows it: an object reference, field by field.
    fn reference(&self) -> String {
        let kind = match self.resource {
            "serviceaccounts" => "ServiceAccount",
            "users" => "User",
            "groups" => "Group",
            "userextras" => "UserExtra",
            _ => "UID",
        };
        let api_version = match self.group.is_empty() {
            true => String::new(),
            false => format!("{}/{}", self.group, self.version),
        };
        let (namespace, name, key) = (self.namespace, self.name, self.subresource);
        format!("{{{kind} {namespace} {name}  {api_version}  {key}}}")
    }
}

/// Undoes `%xx`; a text that is no such text stays as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |at: usize| {
            let digit = behind.get(at).and_then(|b| char::from(*b).to_digit(16));
            digit.and_then(|digit| u8::try_from(digit).ok())
        };
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return text.to_owned();
        };
        bytes.push(high << 4 | low);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
