//! Who asks: from what a client shows to a [`User`](crate::identity::User).
//!
//! A client shows a certificate when it connects, or a token with each request, or nothing. The
//! [`Authenticator`] asks in this order: the certificate ([`ClientAuthority`]), tokens that an operator
//! wrote down ([`StaticTokens`]), tokens of service accounts ([`ServiceTokens`]). The first that knows
//! the client decides; a client whose credentials nobody accepts is refused even where anonymous ones are
//! let in, because it believes to be somebody.
//!
//! Tokens of service accounts are signed by this cluster ([`KeySet`]) and hold as long as what they are
//! bound to exists: the account, and a pod, a secret or a node if they name one. These are looked up
//! through [`Objects`] for each request, so that a deleted pod's token ends with it.
//!
//! | file | what |
//! |---|---|
//! | `authenticator` | the order, and who may come without a name |
//! | `certificate` | the chain, and the user in its subject |
//! | `static_tokens` | a list of tokens |
//! | `token` | claims, signing, reading |
//! | `key` | the keys that sign and verify, and how others learn them |
//! | `service` | what makes a signed token hold |
//! | `issue` | the TokenRequest of an account |
//! | `review` | the TokenReview |
//!
//! What may enter: what a client sent, the time. What never happens here: a decision what somebody may
//! do; IO, but for a look at objects through the trait.

mod authenticator;
mod certificate;
mod issue;
mod key;
mod review;
mod service;
mod static_tokens;
#[cfg(test)]
mod tests;
mod token;

pub use authenticator::{Authenticator, Credentials};
pub use certificate::{Certified, ClientAuthority, UnknownAuthority};
pub use issue::issue;
pub use key::{KeyError, KeySet, SigningKey};
pub use review::review;
pub use service::{Objects, Place, ServiceTokens};
pub use static_tokens::{InvalidTokens, StaticTokens};
pub use token::{Claims, Reference, Refused};
