//! Keys of tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// What stands before the point of a P-256 key in its SubjectPublicKeyInfo.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// How many keys a set has at most: one look-up per token, and one line each in what is published.
const MOST_KEYS: usize = 16;

/// A key that cannot be made or read.
#[derive(Debug)]
pub struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "signing key of service accounts: {}", self.0)
    }
}

impl std::error::Error for KeyError {}

fn error(why: impl fmt::Display) -> KeyError {
    KeyError(why.to_string())
}

/// A key of P-256. Whoever holds it can be any service account.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    pem: String,
    id: String,
}

impl SigningKey {
    /// A new one.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn generate() -> Result<SigningKey, KeyError> {
        let made = rcgen::KeyPair::generate().map_err(error)?;
        SigningKey::read(made.serialized_der(), made.serialize_pem())
    }

    fn read(der: &[u8], pem: String) -> Result<SigningKey, KeyError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random)
            .map_err(error)?;
        let mut hash = Sha256::new();
        hash.update(P256_PREFIX);
        hash.update(pair.public_key().as_ref());
        Ok(SigningKey {
            id: URL_SAFE_NO_PAD.encode(hash.finalize()),
            pair,
            pem,
        })
    }

    /// Names it in tokens (`kid`): the hash of its public half.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// As PEM, PKCS #8. A secret.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signed = self.pair.sign(&SystemRandom::new(), text).map_err(error)?;
        Ok(signed.as_ref().to_vec())
    }

    fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key());
        public.verify(text, signature).is_ok()
    }

    /// As others need it to verify (RFC 7517).
    fn to_jwk(&self) -> Value {
        // An uncompressed point: 4, x, y.
        let point = &self.pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        json!({
            "use": "sig",
            "kty": "EC",
            "kid": self.id,
            "crv": "P-256",
            "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

/// The keys of a cluster: one signs, all verify.
///
/// To change the key without refusing a token anywhere: let all members know the new one
/// ([`KeySet::with`]), then let it sign ([`KeySet::signing_with`]), and drop the old one
/// ([`KeySet::without`]) when the last token that it signed has ended.
#[derive(Clone)]
pub struct KeySet {
    signs: Arc<SigningKey>,
    others: Vec<Arc<SigningKey>>,
}

impl KeySet {
    /// A set of one key.
    pub fn new(signs: SigningKey) -> KeySet {
        KeySet {
            signs: Arc::new(signs),
            others: Vec::new(),
        }
    }

    /// Reads keys one after the other as PEM. The first signs.
    ///
    /// # Errors
    /// If there is none, are too many, or one cannot be read.
    pub fn from_pem(pem: &str) -> Result<KeySet, KeyError> {
        let mut keys = Vec::new();
        let mut texts = pem.split_inclusive("-----END PRIVATE KEY-----\n");
        for der in PrivatePkcs8KeyDer::pem_slice_iter(pem.as_bytes()) {
            let der = der.map_err(error)?;
            let text = texts.next().unwrap_or_default();
            let key = SigningKey::read(der.secret_pkcs8_der(), text.trim_start().to_owned())?;
            keys.push(Arc::new(key));
        }
        if keys.is_empty() || keys.len() > MOST_KEYS {
            return Err(error(format!(
                "{} keys, 1 to {MOST_KEYS} expected",
                keys.len()
            )));
        }
        Ok(KeySet {
            signs: keys.remove(0),
            others: keys,
        })
    }

    /// As PEM, the one that signs first. A secret.
    pub fn to_pem(&self) -> String {
        self.all().map(|key| key.pem.as_str()).collect()
    }

    /// With one more key that verifies. The oldest of those that only verify goes if there are too many.
    #[must_use]
    pub fn with(mut self, key: SigningKey) -> KeySet {
        self.others.push(Arc::new(key));
        if self.others.len() >= MOST_KEYS {
            self.others.remove(0);
        }
        self
    }

    /// The same keys, and this one signs. Unchanged if there is no such key.
    #[must_use]
    pub fn signing_with(mut self, id: &str) -> KeySet {
        if let Some(at) = self.others.iter().position(|key| key.id == id) {
            std::mem::swap(&mut self.signs, &mut self.others[at]);
        }
        self
    }

    /// Without a key that only verifies.
    #[must_use]
    pub fn without(mut self, id: &str) -> KeySet {
        self.others.retain(|key| key.id != id);
        self
    }

    /// The key that signs.
    pub fn signer(&self) -> &SigningKey {
        &self.signs
    }

    /// All, the one that signs first.
    pub fn all(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.signs)
            .chain(&self.others)
            .map(AsRef::as_ref)
    }

    /// Whether one of the keys has signed a text. `id` names it, if the signature says so.
    pub(super) fn verifies(&self, id: Option<&str>, text: &[u8], signature: &[u8]) -> bool {
        let is_meant = |key: &&SigningKey| id.is_none_or(|id| id == key.id);
        self.all()
            .filter(is_meant)
            .any(|key| key.verifies(text, signature))
    }

    /// The document `/openid/v1/jwks`.
    pub fn to_jwks(&self) -> Value {
        json!({"keys": self.all().map(SigningKey::to_jwk).collect::<Vec<_>>()})
    }
}
