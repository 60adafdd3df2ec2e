//! Tokens of service accounts: when they hold.

use super::certificate::CREDENTIAL;
use super::key::KeySet;
use super::token::{Claims, Reference, Refused};
use crate::canonical::Instant;
use crate::identity::User;
use crate::status::Failure;
use crate::storage::Future;
use parking_lot::RwLock;
use serde_json::Value;
use std::sync::Arc;

/// How long what is being deleted still counts, in seconds: clocks differ.
const LEEWAY_SECONDS: i64 = 60;

/// What a token can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A ServiceAccount.
    ServiceAccount,
    /// A Pod.
    Pod,
    /// A Secret.
    Secret,
    /// A Node, which is in no namespace.
    Node,
}

impl Place {
    /// Its plural name in the core group.
    pub fn resource(self) -> &'static str {
        match self {
            Place::ServiceAccount => "serviceaccounts",
            Place::Pod => "pods",
            Place::Secret => "secrets",
            Place::Node => "nodes",
        }
    }
}

/// Finds objects.
pub trait Objects: Send + Sync {
    /// An object, or `None` if there is none. `is_latest`: with every write that was acknowledged before;
    /// else whatever is at hand.
    ///
    /// # Errors
    /// If nobody can tell.
    fn find<'a>(
        &'a self,
        place: Place,
        namespace: &'a str,
        name: &'a str,
        is_latest: bool,
    ) -> Future<'a, Result<Option<Value>, Failure>>;
}

/// Issues and accepts tokens of service accounts.
pub struct ServiceTokens {
    keys: RwLock<Arc<KeySet>>,
    issuer: String,
    audiences: Vec<String>,
    objects: Arc<dyn Objects>,
}

impl ServiceTokens {
    /// `issuer` is a URL, under which others find the keys. `audiences` are what this server is called in
    /// tokens for it; without any, as the issuer.
    pub fn new(
        keys: KeySet,
        issuer: &str,
        audiences: Vec<String>,
        objects: Arc<dyn Objects>,
    ) -> ServiceTokens {
        let audiences = match audiences.is_empty() {
            true => vec![issuer.to_owned()],
            false => audiences,
        };
        ServiceTokens {
            keys: RwLock::new(Arc::new(keys)),
            issuer: issuer.to_owned(),
            audiences,
            objects,
        }
    }

    /// The keys.
    pub fn keys(&self) -> Arc<KeySet> {
        self.keys.read().clone()
    }

    /// Other keys from now on.
    pub fn set_keys(&self, keys: KeySet) {
        *self.keys.write() = Arc::new(keys);
    }

    /// Who issues.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What this server is called in tokens for it.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    pub(super) fn objects(&self) -> &dyn Objects {
        &*self.objects
    }

    /// Whether a token claims to be from here.
    pub(super) fn is_ours(&self, token: &str) -> bool {
        Claims::unverified_issuer(token).is_some_and(|issuer| issuer == self.issuer)
    }

    /// The user of a token, and those of the wanted audiences that it is for.
    ///
    /// # Errors
    /// Why it does not hold.
    pub(super) async fn authenticate(
        &self,
        token: &str,
        wanted: &[String],
        now_s: i64,
    ) -> Result<(User, Vec<String>), Refused> {
        let claims = Claims::verify(token, &self.keys())?;
        if claims.issuer != self.issuer {
            return Err(Refused::because("the token is of another issuer"));
        }
        if now_s > claims.expires {
            return Err(Refused::because("service account token has expired"));
        }
        if now_s < claims.not_before - LEEWAY_SECONDS {
            return Err(Refused::because("service account token is not valid yet"));
        }
        let shared: Vec<String> = wanted
            .iter()
            .filter(|one| claims.audiences.contains(one))
            .cloned()
            .collect();
        if shared.is_empty() {
            let (own, wanted) = (claims.audiences.join(" "), wanted.join(" "));
            return Err(Refused::because(format!(
                "token audiences [{own}] is invalid for the target audiences [{wanted}]"
            )));
        }
        self.check_objects(&claims, now_s).await?;
        Ok((user(&claims), shared))
    }

    /// Whether everything that the token is bound to is there.
    async fn check_objects(&self, claims: &Claims, now_s: i64) -> Result<(), Refused> {
        let bound = [
            (Place::ServiceAccount, Some(&claims.account)),
            (Place::Secret, claims.secret.as_ref()),
            (Place::Pod, claims.pod.as_ref()),
            // The node of a pod is told, and ends with the pod.
            (
                Place::Node,
                claims.node.as_ref().filter(|_| claims.pod.is_none()),
            ),
        ];
        for (place, reference) in bound {
            if let Some(reference) = reference {
                self.check(place, &claims.namespace, reference, now_s)
                    .await?;
            }
        }
        Ok(())
    }

    async fn check(
        &self,
        place: Place,
        namespace: &str,
        wanted: &Reference,
        now_s: i64,
    ) -> Result<(), Refused> {
        let namespace = match place {
            Place::Node => "",
            _ => namespace,
        };
        let mut refused = Refused::because("service account token has been invalidated");
        // What was made a moment ago on another member may not be known here yet.
        for is_latest in [false, true] {
            let found = self
                .objects
                .find(place, namespace, &wanted.name, is_latest)
                .await;
            let found = found.map_err(|failure| Refused(failure.message))?;
            match holds(place, namespace, wanted, found.as_ref(), now_s) {
                Ok(()) => return Ok(()),
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }
}

/// Whether what was found is what a token is bound to, and lives.
fn holds(
    place: Place,
    namespace: &str,
    wanted: &Reference,
    found: Option<&Value>,
    now_s: i64,
) -> Result<(), Refused> {
    let invalidated = || Refused::because("service account token has been invalidated");
    let name = &wanted.name;
    let Some(found) = found else {
        return Err(match place {
            Place::ServiceAccount => {
                Refused(format!("service account {namespace}/{name} not found"))
            }
            _ => invalidated(),
        });
    };
    let deleted = found["metadata"]["deletionTimestamp"].as_str();
    let deleted = deleted.and_then(|text| Instant::parse(text).ok());
    if deleted.is_some_and(|at| at.seconds < now_s - LEEWAY_SECONDS) {
        return Err(match place {
            Place::ServiceAccount => Refused(format!(
                "service account {namespace}/{name} has been deleted"
            )),
            _ => invalidated(),
        });
    }
    let uid = found["metadata"]["uid"].as_str().unwrap_or_default();
    if uid != wanted.uid {
        let claimed = &wanted.uid;
        return Err(Refused(match place {
            Place::ServiceAccount => {
                format!("service account UID ({uid}) does not match claim ({claimed})")
            }
            _ => {
                let what = place.resource().trim_end_matches('s');
                format!(
                    "{what} UID ({uid}) does not match service account {what} ref claim ({claimed})"
                )
            }
        }));
    }
    Ok(())
}

fn user(claims: &Claims) -> User {
    let account = &claims.account;
    let mut user = User::service_account(&claims.namespace, &account.name, &account.uid);
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            let key = format!("authentication.kubernetes.io/{key}");
            user.extra.insert(key, vec![value.to_owned()]);
        }
    };
    for (what, bound) in [("pod", &claims.pod), ("node", &claims.node)] {
        if let Some(bound) = bound {
            add(&format!("{what}-name"), &bound.name);
            add(&format!("{what}-uid"), &bound.uid);
        }
    }
    if !claims.id.is_empty() {
        let id = format!("JTI={}", claims.id);
        user.extra.insert(CREDENTIAL.to_owned(), vec![id]);
    }
    user
}
