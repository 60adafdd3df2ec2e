//! Secrets that all members of a cluster share: they lie in the store, where all of a cluster's secrets
//! lie, and whoever can read it can be anybody.

use super::clock::SystemClock;
use super::once::{Setback, once};
use keelson_apiserver::authenticate::{KeySet, SigningKey};
use keelson_apiserver::pki::{Authority, Certificate};
use keelson_apiserver::registry::Clock;
use keelson_apiserver::storage::Kv;
use serde_json::{Value, json};

/// The authority that issues the certificates of the cluster: certificate and key.
pub const AUTHORITY_KEY: &str = "/keelson/kubernetes/authority";
/// The keys that sign the tokens of service accounts.
const TOKEN_KEYS_KEY: &str = "/keelson/kubernetes/service-account-keys";

/// The cluster's authority.
///
/// # Errors
/// See [`once`]; what is there is no authority.
pub async fn authority(kv: &dyn Kv) -> Result<Authority, Setback> {
    let text = once(kv, AUTHORITY_KEY, || {
        let now_s = SystemClock.now_us().div_euclid(1_000_000);
        let made = Authority::generate(now_s).map_err(|error| error.to_string())?;
        let own = made.own();
        Ok(json!({"certificate": own.certificate, "key": own.key}).to_string())
    });
    read_authority(&text.await?).map_err(Setback::Final)
}

/// Reads what is stored under [`AUTHORITY_KEY`].
///
/// # Errors
/// It is no authority.
pub fn read_authority(text: &str) -> Result<Authority, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let own = Certificate {
        certificate: field("certificate"),
        key: field("key"),
    };
    Authority::read(own).map_err(|error| format!("{AUTHORITY_KEY}: {error}"))
}

/// The keys of service accounts' tokens.
///
/// # Errors
/// As for the authority.
pub async fn token_keys(kv: &dyn Kv) -> Result<KeySet, Setback> {
    let text = once(kv, TOKEN_KEYS_KEY, || {
        let key = SigningKey::generate().map_err(|error| error.to_string())?;
        Ok(KeySet::new(key).to_pem())
    });
    let keys = KeySet::from_pem(&text.await?);
    keys.map_err(|error| Setback::Final(format!("{TOKEN_KEYS_KEY}: {error}")))
}
