//! Those who ask.

use super::cells::{OTHER, SHOP};
use super::place::Place;
use crate::authenticate::{Claims, KeySet, SigningKey};
use crate::http::tests::lane::Lane;
use crate::http::tests::world::{Client, ISSUER, now};
use crate::pki::{self, Authority};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Method;
use serde_json::{Value, json};

/// How somebody comes to be allowed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// What was shown does not count: whatever is asked is refused.
    Refused,
    /// Nothing was shown.
    Nobody,
    /// Somebody, without any role.
    Basic,
    /// The same, as an account of the cluster.
    Account,
    /// These in one namespace.
    View,
    Edit,
    Admin,
    /// The node `n1`.
    Node,
    Everything,
}

pub struct Person {
    /// What is shown, for whoever reads of a failure.
    pub who: &'static str,
    /// As messages name them.
    pub user: String,
    pub rights: Rights,
    pub lane: Lane,
}

const DAY_S: i64 = 86_400;

/// Everybody there can be.
pub async fn people(place: &Place) -> Vec<Person> {
    let mut people = Vec::new();
    let named = certified(place).into_iter().chain(bearers(place).await);
    for (who, user, rights, client) in named {
        people.push(Person {
            who,
            user: user.to_owned(),
            rights,
            lane: Lane::open(client).await,
        });
    }
    people
}

type Named = (&'static str, &'static str, Rights, Client);

fn certified(place: &Place) -> Vec<Named> {
    let world = &place.world;
    let shows = |user: &str, group: &str, authority: &Authority, at: i64| {
        let (user, group) = (user.to_owned(), group.to_owned());
        let issued = pki::Client { user, group }.issue(authority, at).unwrap();
        world.client(Some(&issued))
    };
    let own = &world.authority;
    let foreign = Authority::generate(now()).unwrap();
    let server = pki::Server::default().issue(own, now()).unwrap();
    let masters = "system:masters";
    let valid = |user: &str, group: &str| shows(user, group, own, now());
    vec![
        (
            "nothing",
            "system:anonymous",
            Rights::Nobody,
            world.client(None),
        ),
        (
            "a certificate without roles",
            "guest",
            Rights::Basic,
            valid("guest", ""),
        ),
        (
            "a certificate of the viewer",
            "viewer",
            Rights::View,
            valid("viewer", ""),
        ),
        (
            "a certificate of the editor",
            "editor",
            Rights::Edit,
            valid("editor", "devs"),
        ),
        (
            "a certificate of the owner",
            "owner",
            Rights::Admin,
            valid("owner", ""),
        ),
        (
            "a certificate of the chief",
            "chief",
            Rights::Everything,
            valid("chief", ""),
        ),
        (
            "a certificate of the operator",
            "root",
            Rights::Everything,
            valid("root", masters),
        ),
        (
            "a certificate of the node",
            "system:node:n1",
            Rights::Node,
            valid("system:node:n1", "system:nodes"),
        ),
        (
            "the name of a node without its group",
            "system:node:n1",
            Rights::Basic,
            valid("system:node:n1", ""),
        ),
        (
            "the name of the group",
            masters,
            Rights::Basic,
            valid(masters, ""),
        ),
        (
            "an expired certificate",
            "",
            Rights::Refused,
            shows("root", masters, own, now() - 400 * DAY_S),
        ),
        (
            "a certificate that is not valid yet",
            "",
            Rights::Refused,
            shows("root", masters, own, now() + 400 * DAY_S),
        ),
        (
            "a certificate of somebody else",
            "",
            Rights::Refused,
            shows("root", masters, &foreign, now()),
        ),
        (
            "a certificate for servers",
            "",
            Rights::Refused,
            world.client(Some(&server)),
        ),
    ]
}

/// Asks for a token as the operator.
async fn token(place: &Place, account: &str) -> String {
    let path = format!("/api/v1/namespaces/{SHOP}/serviceaccounts/{account}/token");
    let asked =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let issued = place.post(&path, &asked).await;
    issued["status"]["token"].as_str().unwrap().to_owned()
}

async fn bearers(place: &Place) -> Vec<Named> {
    let good = token(place, "default").await;
    let gone = token(place, "gone").await;
    let path = format!("/api/v1/namespaces/{SHOP}/serviceaccounts/gone");
    let deleted = place.operator.ask(&Method::DELETE, &path, &[], "").await;
    assert!(matches!(deleted.code, 200 | 404), "{deleted:?}");
    let claims = Claims::verify(&good, &place.keys).unwrap();
    let spoiled = |spoil: fn(&mut Claims)| {
        let mut claims = claims.clone();
        spoil(&mut claims);
        claims.sign(&place.keys).unwrap()
    };
    let foreign = KeySet::new(SigningKey::generate().unwrap());
    let forged = claims.sign(&foreign).unwrap();
    let world = &place.world;
    let refused = |who: &'static str, token: &str| (who, "", Rights::Refused, world.bearer(token));
    let account = "system:serviceaccount:shop:default";
    vec![
        (
            "a token of an account",
            account,
            Rights::Account,
            world.bearer(&good),
        ),
        (
            "a token of a file",
            "somebody",
            Rights::Basic,
            world.bearer("somebody"),
        ),
        refused("a token that nobody knows", "nobody"),
        refused("a token of a file, and more", "somebody2"),
        refused("a token of an account that is gone", &gone),
        refused("an expired token", &spoiled(|it| it.expires = now() - 1)),
        refused(
            "a token that is not valid yet",
            &spoiled(|it| it.not_before = now() + 3_600),
        ),
        refused(
            "a token for others",
            &spoiled(|it| it.audiences = vec!["other".into()]),
        ),
        refused(
            "a token of another issuer",
            &spoiled(|it| it.issuer = format!("{ISSUER}.")),
        ),
        refused(
            "a token of an earlier account",
            &spoiled(|it| it.account.uid = "old".into()),
        ),
        refused(
            "a token of another place",
            &spoiled(|it| it.namespace = OTHER.into()),
        ),
        refused("a token of another key", &forged),
        refused("a token with another's signature", &swapped(&good, &gone)),
        refused("a token without a signature", &unsigned(&good, "none")),
        refused(
            "a token signed by its own public key",
            &unsigned(&good, "HS256"),
        ),
        refused("half a token", &good[..good.len() / 2]),
    ]
}

/// One token's text with the other's signature.
fn swapped(text: &str, signature: &str) -> String {
    let (text, _) = text.rsplit_once('.').unwrap();
    let (_, signature) = signature.rsplit_once('.').unwrap();
    format!("{text}.{signature}")
}

/// A token whose header says that it needs no signature of this sort.
fn unsigned(token: &str, algorithm: &str) -> String {
    let mut parts = token.split('.');
    let header = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
    let mut header: Value = serde_json::from_slice(&header).unwrap();
    header["alg"] = algorithm.into();
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}.", parts.next().unwrap())
}
