//! All ways to say who one is, in their order.

use super::certificate::Certified;
use super::service::ServiceTokens;
use super::static_tokens::StaticTokens;
use super::token::Refused;
use crate::identity::{Anonymous, User};
use crate::status::Failure;

/// What a request shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// What became of the certificate of its connection, if there is one.
    pub certificate: Option<&'a Result<Certified, Refused>>,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
}

/// Finds out who asks.
pub struct Authenticator {
    tokens: StaticTokens,
    service: Option<ServiceTokens>,
    anonymous: Anonymous,
}

impl Authenticator {
    /// `service`: `None` if there are no service accounts.
    pub fn new(
        tokens: StaticTokens,
        service: Option<ServiceTokens>,
        anonymous: Anonymous,
    ) -> Authenticator {
        Authenticator {
            tokens,
            service,
            anonymous,
        }
    }

    /// What knows the tokens of service accounts.
    pub fn service(&self) -> Option<&ServiceTokens> {
        self.service.as_ref()
    }

    /// Who asks for `path`, at `now_s` seconds since 1970.
    ///
    /// # Errors
    /// 401 if what is shown does not count, or if nothing is shown and the path is not for anybody.
    pub async fn authenticate(
        &self,
        credentials: Credentials<'_>,
        path: &str,
        now_s: i64,
    ) -> Result<User, Failure> {
        if let Some(Ok(certified)) = credentials.certificate
            && now_s <= certified.until
        {
            return Ok(certified.user.clone());
        }
        if let Some(token) = credentials.authorization.and_then(bearer) {
            let found = self.token(token, None, now_s).await;
            return found
                .map(|(user, _)| user)
                .map_err(|_| Failure::unauthorized());
        }
        let shows_nothing = credentials.certificate.is_none();
        match shows_nothing && self.anonymous.takes(path) {
            true => Ok(User::anonymous()),
            false => Err(Failure::unauthorized()),
        }
    }

    /// The user of a token, and those of the wanted audiences that it is for. Without wanted ones, it must
    /// be for this server.
    pub(super) async fn token(
        &self,
        token: &str,
        wanted: Option<&[String]>,
        now_s: i64,
    ) -> Result<(User, Vec<String>), Refused> {
        let own = self.service.as_ref().map(ServiceTokens::audiences);
        let own = own.unwrap_or_default();
        if let Some(user) = self.tokens.user(token) {
            // Written down for this server, and for nothing else.
            let shared = match wanted {
                None => own.to_vec(),
                Some(wanted) => own
                    .iter()
                    .filter(|one| wanted.contains(one))
                    .cloned()
                    .collect(),
            };
            return match wanted.is_some() && shared.is_empty() {
                true => Err(Refused::because("the token is for other audiences")),
                false => Ok((user.clone(), shared)),
            };
        }
        match &self.service {
            Some(service) if service.is_ours(token) => {
                let wanted = wanted.unwrap_or(own);
                service.authenticate(token, wanted, now_s).await
            }
            _ => Err(Refused::because("invalid bearer token")),
        }
    }
}

/// The token of a header.
fn bearer(header: &str) -> Option<&str> {
    let mut words = header.trim().splitn(3, ' ');
    let scheme = words.next()?;
    let token = words.next().filter(|token| !token.is_empty())?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
