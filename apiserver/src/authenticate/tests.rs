//! Tokens and keys.

use super::*;
use crate::identity::{Anonymous, User};
use crate::status::Failure;
use crate::storage::Future;
use serde_json::{Value, json};
use std::sync::Arc;

const NOW: i64 = 1_780_000_000;
const ISSUER: &str = "https://here";

/// Finds accounts and nodes of any name, with one uid, and nothing else.
struct Everywhere {
    uid: &'static str,
    deleted: Option<&'static str>,
}

impl Objects for Everywhere {
    fn find<'a>(
        &'a self,
        place: Place,
        _namespace: &'a str,
        name: &'a str,
        _is_latest: bool,
    ) -> Future<'a, Result<Option<Value>, Failure>> {
        let mut object = json!({"metadata": {"name": name, "uid": self.uid}});
        if let Some(deleted) = self.deleted {
            object["metadata"]["deletionTimestamp"] = deleted.into();
        }
        let found = matches!(place, Place::ServiceAccount | Place::Node).then_some(object);
        Box::pin(async move { Ok(found) })
    }
}

fn keys() -> KeySet {
    KeySet::new(SigningKey::generate().unwrap())
}

fn claims() -> Claims {
    Claims {
        issuer: ISSUER.to_owned(),
        audiences: vec![ISSUER.to_owned(), "vault".to_owned()],
        issued_at: NOW,
        not_before: NOW,
        expires: NOW + 600,
        id: "one".to_owned(),
        namespace: "shop".to_owned(),
        account: Reference {
            name: "web".to_owned(),
            uid: "u1".to_owned(),
        },
        ..Claims::default()
    }
}

fn authenticator(keys: &KeySet, objects: Everywhere) -> Authenticator {
    let service = ServiceTokens::new(keys.clone(), ISSUER, Vec::new(), Arc::new(objects));
    Authenticator::new(StaticTokens::default(), Some(service), Anonymous::Taken)
}

const HERE: Everywhere = Everywhere {
    uid: "u1",
    deleted: None,
};

async fn ask(
    authenticator: &Authenticator,
    token: &str,
    audiences: Option<&[&str]>,
    now_s: i64,
) -> Result<(User, Vec<String>), String> {
    let wanted = audiences.map(|list| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    let found = authenticator.token(token, wanted.as_deref(), now_s).await;
    found.map_err(|refused| refused.0)
}

#[tokio::test]
async fn a_token_is_its_account_until_it_ends() {
    let keys = keys();
    let authenticator = authenticator(&keys, HERE);
    let token = claims().sign(&keys).unwrap();
    let (user, audiences) = ask(&authenticator, &token, None, NOW).await.unwrap();
    assert_eq!(user.name, "system:serviceaccount:shop:web");
    assert!(user.is_in("system:serviceaccounts:shop") && user.is_in("system:authenticated"));
    assert_eq!(audiences, [ISSUER]);
    let late = ask(&authenticator, &token, None, NOW + 601).await;
    assert_eq!(late.unwrap_err(), "service account token has expired");
    let early = ask(&authenticator, &token, None, NOW - 100).await;
    assert_eq!(early.unwrap_err(), "service account token is not valid yet");
}

#[tokio::test]
async fn a_token_is_for_its_audiences() {
    let keys = keys();
    let authenticator = authenticator(&keys, HERE);
    let token = claims().sign(&keys).unwrap();
    let found = ask(&authenticator, &token, Some(&["vault", "other"]), NOW).await;
    assert_eq!(found.unwrap().1, ["vault"]);
    let refused = ask(&authenticator, &token, Some(&["other"]), NOW)
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        "token audiences [https://here vault] is invalid for the target audiences [other]"
    );
}

#[tokio::test]
async fn a_changed_token_is_refused_whatever_was_changed() {
    let keys = keys();
    let authenticator = authenticator(&keys, HERE);
    let token = claims().sign(&keys).unwrap();
    let other = Claims {
        namespace: "kube-system".to_owned(),
        ..claims()
    };
    let other = other.sign(&self::keys()).unwrap();
    let parts = |token: &str| -> Vec<String> { token.split('.').map(str::to_owned).collect() };
    let (own, foreign) = (parts(&token), parts(&other));
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", own[1]);
    let forged = [
        other.clone(),
        format!("{}.{}.{}", own[0], foreign[1], own[2]),
        format!("{}.{}.{}", own[0], own[1], foreign[2]),
        unsigned,
        format!("{token}.x"),
        own[..2].join("."),
        String::new(),
        "a.b.c".to_owned(),
        "x".repeat(1 << 20),
    ];
    for token in forged {
        assert!(
            ask(&authenticator, &token, None, NOW).await.is_err(),
            "{token:.80}"
        );
    }
}

#[tokio::test]
async fn a_token_ends_with_its_account_and_with_its_node() {
    let keys = keys();
    let token = claims().sign(&keys).unwrap();
    let again = authenticator(&keys, Everywhere { uid: "u2", ..HERE });
    assert_eq!(
        ask(&again, &token, None, NOW).await.unwrap_err(),
        "service account UID (u2) does not match claim (u1)"
    );
    let deleted = authenticator(
        &keys,
        Everywhere {
            deleted: Some("2020-01-01T00:00:00Z"),
            ..HERE
        },
    );
    assert_eq!(
        ask(&deleted, &token, None, NOW).await.unwrap_err(),
        "service account shop/web has been deleted"
    );
    let bound = |uid: &str| {
        let node = Reference {
            name: "n1".to_owned(),
            uid: uid.to_owned(),
        };
        let claims = Claims {
            node: Some(node),
            ..claims()
        };
        claims.sign(&keys).unwrap()
    };
    let here = authenticator(&keys, HERE);
    assert!(ask(&here, &bound("u1"), None, NOW).await.is_ok());
    assert!(ask(&here, &bound("older"), None, NOW).await.is_err());
}

#[test]
fn keys_change_without_a_token_being_refused() {
    let old = keys();
    let first = old.signer().id().to_owned();
    let token = claims().sign(&old).unwrap();
    let new = SigningKey::generate().unwrap();
    let second = new.id().to_owned();

    let both = old.with(new);
    assert_eq!(
        both.signer().id(),
        first,
        "all members must know it before it signs"
    );
    let changed = both.signing_with(&second);
    assert_eq!(changed.signer().id(), second);
    assert!(Claims::verify(&token, &changed).is_ok());
    let fresh = claims().sign(&changed).unwrap();
    let ended = changed.clone().without(&first);
    assert!(Claims::verify(&token, &ended).is_err());
    assert!(Claims::verify(&fresh, &ended).is_ok());
    assert_eq!(changed.to_jwks()["keys"].as_array().unwrap().len(), 2);
}

#[test]
fn a_key_set_is_read_again_as_it_was() {
    let set = keys().with(SigningKey::generate().unwrap());
    let read = KeySet::from_pem(&set.to_pem()).unwrap();
    let ids = |set: &KeySet| set.all().map(|key| key.id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&read), ids(&set));
    assert_eq!(read.to_pem(), set.to_pem());
    let token = claims().sign(&read).unwrap();
    assert_eq!(Claims::verify(&token, &set).unwrap(), claims());
    assert!(KeySet::from_pem("").is_err());
}

#[test]
fn a_list_of_tokens_is_read_as_upstream_reads_it() {
    let tokens = StaticTokens::parse(
        "# comment\n\nt1,jane,1\nt2, bob ,2,\"devs, ops\"\n\"t,3\",\"a \"\"b\"\"\",\n",
    )
    .unwrap();
    let jane = tokens.user("t1").unwrap();
    assert_eq!((jane.name.as_str(), jane.uid.as_str()), ("jane", "1"));
    assert_eq!(jane.groups, ["system:authenticated"]);
    let bob = tokens.user("t2").unwrap();
    assert_eq!(bob.groups, ["devs", "ops", "system:authenticated"]);
    assert_eq!(tokens.user("t,3").unwrap().name, "a \"b\"");
    assert_eq!(tokens.user("t4"), None);
    for (text, line) in [("t1,jane", 1), ("\n,jane,1", 2), ("t1,\"jane,1", 1)] {
        assert_eq!(
            StaticTokens::parse(text).err().unwrap().line,
            line,
            "{text}"
        );
    }
}

#[tokio::test]
async fn somebody_with_a_wrong_token_is_not_taken_for_nobody() {
    let authenticator = authenticator(&keys(), HERE);
    let ask = async |authorization: Option<&str>| {
        let credentials = Credentials {
            certificate: None,
            authorization,
        };
        authenticator.authenticate(credentials, "/x", NOW).await
    };
    assert_eq!(ask(None).await.unwrap(), User::anonymous());
    assert_eq!(ask(Some("Bearer wrong")).await.unwrap_err().code(), 401);
    assert_eq!(ask(Some("Basic abc")).await.unwrap(), User::anonymous());
}
