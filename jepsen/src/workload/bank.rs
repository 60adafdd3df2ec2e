//! W5: transfers between accounts. Their sum stays the same at every revision.

use super::{Actor, Stage, key};
use crate::history::*;
use crate::session::Session;
use keelson_kit::check::{Check, some};
use rand::Rng;
use tokio::task::JoinSet;

const PREFIX: &str = "w5/";
const ACCOUNTS: u32 = 8;
const EACH: i64 = 100;
/// How far back old revisions are read.
const BACK: i64 = 200;

pub fn invariant() -> Invariant {
    Invariant::Sum {
        prefix: PREFIX.to_owned(),
        total: EACH * i64::from(ACCOUNTS),
    }
}

pub async fn start(stage: &Stage, actors: &mut JoinSet<Check>) -> Check {
    let founders = &stage.endpoints[..stage.founders];
    let mut session = Session::new(&stage.recorder, founders, None)?;
    let open = (0..ACCOUNTS).map(|i| put(key(PREFIX, i), EACH));
    let call = TxnCall {
        success: open.collect(),
        ..TxnCall::default()
    };
    some("the accounts", session.txn(call, None).await)?;
    for actor in stage.cast(500)? {
        actors.spawn(act(actor));
    }
    Ok(())
}

fn put(key: Blob, amount: i64) -> KvCall {
    KvCall::Put(PutCall {
        key,
        value: Blob::from(amount.to_string()),
        ..PutCall::default()
    })
}

async fn act(mut actor: Actor) -> Check {
    let mut newest = 0;
    while actor.goes_on().await {
        let mut call = RangeCall {
            range: KeyRange::prefix(PREFIX),
            ..RangeCall::default()
        };
        if newest > BACK && actor.chance(20) {
            call.revision = actor.random.random_range(newest - BACK..newest);
            actor.session.range(call).await;
            continue;
        }
        let Some((header, found)) = actor.session.range(call).await else {
            continue;
        };
        newest = header.revision;
        if actor.chance(70) {
            transfer(&mut actor, &found.kvs).await;
        }
    }
    Ok(())
}

async fn transfer(actor: &mut Actor, accounts: &[KeyValue]) -> Option<()> {
    let amount = |kv: &KeyValue| kv.value.text().parse::<i64>().ok();
    let from = accounts.get(actor.random.random_range(0..accounts.len().max(1)))?;
    let to = accounts.get(actor.random.random_range(0..accounts.len()))?;
    let sum = actor.random.random_range(1..10);
    if from.key == to.key || amount(from)? < sum {
        return None;
    }
    let unchanged = |kv: &KeyValue| Comparison {
        range: KeyRange::one(kv.key.clone()),
        operator: Operator::Equal,
        target: Target::Mod(kv.mod_revision),
    };
    let call = TxnCall {
        compare: vec![unchanged(from), unchanged(to)],
        success: vec![
            put(from.key.clone(), amount(from)? - sum),
            put(to.key.clone(), amount(to)? + sum),
        ],
        failure: Vec::new(),
    };
    actor.session.txn(call, None).await.map(drop)
}
