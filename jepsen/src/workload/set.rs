//! W3: a set in one value, and a set of keys. No element that was acknowledged may be lost.

use super::{Actor, Stage};
use crate::history::*;
use crate::session::Session;
use keelson_kit::check::Check;
use tokio::task::JoinSet;

const ONE: &str = "w3/one";
const EACH: &str = "w3/each/";
/// The set in one value is not grown beyond this many bytes: it would be all that the run writes.
const LARGEST: usize = 4_000;

pub fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    for actor in stage.cast(300)? {
        actors.spawn(act(actor));
    }
    Ok(())
}

async fn act(mut actor: Actor) -> Check {
    while actor.goes_on().await {
        let element = actor.stage.recorder.number();
        match actor.chance(70) {
            true => add_key(&mut actor, element).await,
            false => drop(add_to_value(&mut actor, element).await),
        }
        if actor.chance(3) {
            read(&mut actor.session, SetLayout::OneKeyEach).await;
        }
    }
    Ok(())
}

async fn add_key(actor: &mut Actor, element: u64) {
    let intent = Intent::Add {
        set: EACH.to_owned(),
        element,
    };
    let call = Call::put(format!("{EACH}{element}"), "");
    actor.session.call_for(call, Some(intent)).await;
}

async fn add_to_value(actor: &mut Actor, element: u64) -> Option<()> {
    let (_, found) = read(&mut actor.session, SetLayout::OneValue).await?;
    let old = found.kvs.first();
    let text = old.map_or(String::new(), |kv| format!("{} ", kv.value.text()));
    if text.len() > LARGEST {
        return None;
    }
    let call = TxnCall {
        compare: vec![Comparison {
            range: KeyRange::one(ONE),
            operator: Operator::Equal,
            target: Target::Mod(old.map_or(0, |kv| kv.mod_revision)),
        }],
        success: vec![KvCall::Put(PutCall {
            key: Blob::from(ONE),
            value: Blob::from(format!("{text}{element}")),
            ..PutCall::default()
        })],
        failure: Vec::new(),
    };
    let intent = Intent::Add {
        set: ONE.to_owned(),
        element,
    };
    actor.session.txn(call, Some(intent)).await.map(drop)
}

async fn read(session: &mut Session, layout: SetLayout) -> Option<(Header, RangeReply)> {
    let (set, range) = match layout {
        SetLayout::OneValue => (ONE, KeyRange::one(ONE)),
        SetLayout::OneKeyEach => (EACH, KeyRange::prefix(EACH)),
    };
    let call = KvCall::Range(RangeCall {
        range,
        ..RangeCall::default()
    });
    let intent = Intent::ReadSet {
        set: set.to_owned(),
        layout,
    };
    match session.kv_for(call, Some(intent)).await? {
        (header, KvReply::Range(reply)) => Some((header, reply)),
        _ => None,
    }
}

/// Both sets, whole.
pub async fn last_reads(session: &mut Session) {
    read(session, SetLayout::OneValue).await;
    read(session, SetLayout::OneKeyEach).await;
}
