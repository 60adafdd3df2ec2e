//! Requests in the name of somebody else, over the same connections.

use super::failure::Failure;
use super::request::{Client, JSON, PatchKind};
use bytes::Bytes;
use http::Method;

/// In whose name.
#[derive(Clone, Copy, Debug)]
pub struct Acting<'a> {
    /// The user.
    pub user: &'a str,
    /// The group that the user is in.
    pub group: &'a str,
}

/// A client in the name of somebody else. The server decides whether it may be, and then by what that
/// somebody may do.
pub struct InName<'a> {
    client: &'a Client,
    acting: Acting<'a>,
}

impl Client {
    /// The same client in the name of somebody else.
    pub fn acting_as<'a>(&'a self, acting: Acting<'a>) -> InName<'a> {
        InName {
            client: self,
            acting,
        }
    }
}

impl InName<'_> {
    /// See [`Client::create`].
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn create(&self, path: &str, object: Bytes) -> Result<Bytes, Failure> {
        self.ask(Method::POST, path, JSON, object).await
    }

    /// See [`Client::patch`].
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn patch(&self, path: &str, kind: PatchKind, patch: Bytes) -> Result<Bytes, Failure> {
        self.ask(Method::PATCH, path, kind.media_type(), patch)
            .await
    }

    /// See [`Client::delete`].
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn delete(&self, path: &str, options: Bytes) -> Result<Bytes, Failure> {
        self.ask(Method::DELETE, path, JSON, options).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        let acting = Some(self.acting);
        self.client
            .ask(acting, method, path, content_type, body)
            .await
    }
}
