//! What clients of the world ask for.

use super::sim::Sim;
use crate::history::*;
use crate::model::Store;

const ACCOUNTS: [&str; 3] = ["bank/0", "bank/1", "bank/2"];

impl Sim {
    pub(super) fn key(&mut self) -> Blob {
        Blob::from(format!("k/{}", self.dice.below(self.world.keys)))
    }

    pub(super) fn value(&mut self) -> Blob {
        Blob::from(format!(
            "v{}",
            self.doing.len() * 8 + self.dice.below(8) as usize
        ))
    }

    pub(super) fn pick_lease(&mut self) -> i64 {
        let live: Vec<i64> = self.leases.keys().copied().collect();
        match live.is_empty() {
            true => 0,
            false => live[self.dice.below(live.len() as u64) as usize],
        }
    }

    pub(super) fn range(&mut self) -> RangeCall {
        let key = self.key();
        if self.world.plain {
            return RangeCall {
                range: KeyRange::one(key),
                ..RangeCall::default()
            };
        }
        let range = match self.dice.below(3) {
            0 => KeyRange::prefix("k/"),
            1 => KeyRange::all(),
            _ => KeyRange::one(key),
        };
        let mut call = RangeCall {
            range,
            ..RangeCall::default()
        };
        match self.dice.below(8) {
            0 => call.serializable = true,
            1 => call.revision = 1 + self.dice.below(self.store.revision() as u64) as i64,
            2 => call.limit = 2,
            3 => call.count_only = true,
            4 => call.keys_only = true,
            5 => (call.order, call.sort) = (SortOrder::Descend, SortBy::Mod),
            _ => {}
        }
        call
    }

    pub(super) fn put(&mut self) -> PutCall {
        let (key, value) = (self.key(), self.value());
        let lease = if !self.world.plain && self.dice.chance(15) {
            self.pick_lease()
        } else {
            0
        };
        let prev_kv = self.dice.chance(30);
        PutCall {
            key,
            value,
            lease,
            prev_kv,
            ..PutCall::default()
        }
    }

    /// A transfer between accounts, or a step of the counter: what a client would do that had just read.
    pub(super) fn guarded(&mut self) -> KvCall {
        let number = |store: &Store, key: &str| -> i64 {
            let kv = store.get(key.as_bytes()).map(|kv| kv.value.text());
            kv.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let guard = |store: &Store, key: &str| Comparison {
            range: KeyRange::one(key),
            operator: Operator::Equal,
            target: Target::Mod(store.get(key.as_bytes()).map_or(0, |kv| kv.mod_revision)),
        };
        let put = |key: &str, value: i64| {
            KvCall::Put(PutCall {
                key: key.into(),
                value: value.to_string().into(),
                ..PutCall::default()
            })
        };
        if self.dice.chance(50) {
            let value = number(&self.store, "counter") + 1;
            return KvCall::Txn(TxnCall {
                compare: vec![guard(&self.store, "counter")],
                success: vec![put("counter", value)],
                failure: vec![KvCall::Range(RangeCall {
                    range: KeyRange::one("counter"),
                    ..RangeCall::default()
                })],
            });
        }
        let from = ACCOUNTS[self.dice.below(3) as usize];
        let to = ACCOUNTS[self.dice.below(3) as usize];
        if self.store.get(b"bank/0").is_none() || from == to {
            return KvCall::Txn(TxnCall {
                compare: ACCOUNTS
                    .map(|key| Comparison {
                        range: KeyRange::one(key),
                        operator: Operator::Equal,
                        target: Target::Version(0),
                    })
                    .to_vec(),
                success: ACCOUNTS.map(|key| put(key, 10)).to_vec(),
                failure: vec![KvCall::Range(RangeCall {
                    range: KeyRange::prefix("bank/"),
                    ..RangeCall::default()
                })],
            });
        }
        let (a, b) = (number(&self.store, from), number(&self.store, to));
        KvCall::Txn(TxnCall {
            compare: vec![guard(&self.store, from), guard(&self.store, to)],
            success: vec![put(from, a - 1), put(to, b + 1)],
            failure: Vec::new(),
        })
    }

    pub(super) fn call(&mut self) -> (Call, Option<Intent>) {
        let kv = |call: KvCall| (Call::Kv(call), None);
        let kind = match self.dice.below(20) {
            13 if self.world.plain => 5,
            kind => kind,
        };
        match kind {
            0..=4 => {
                let range = self.range();
                kv(KvCall::Range(range))
            }
            5..=8 => {
                let put = self.put();
                kv(KvCall::Put(put))
            }
            9 => {
                let (key, prev_kv) = (self.key(), self.dice.chance(50));
                let range = if !self.world.plain && self.dice.chance(10) {
                    KeyRange::prefix("k/")
                } else {
                    KeyRange::one(key)
                };
                kv(KvCall::Delete(DeleteCall { range, prev_kv }))
            }
            10..=12 => kv(self.guarded()),
            13 => {
                let (one, two, range) = (self.put(), self.put(), self.range());
                let compare = Comparison {
                    range: KeyRange::one(one.key.clone()),
                    operator: Operator::Greater,
                    target: Target::Version(1),
                };
                let inner = KvCall::Txn(TxnCall {
                    compare: Vec::new(),
                    success: vec![KvCall::Put(two)],
                    failure: Vec::new(),
                });
                kv(KvCall::Txn(TxnCall {
                    compare: vec![compare],
                    success: vec![
                        KvCall::Put(one),
                        KvCall::Range(RangeCall {
                            revision: 0,
                            ..range
                        }),
                    ],
                    failure: vec![inner],
                }))
            }
            14 => {
                let id = self.next_lease;
                self.next_lease += 1;
                let ttl = 1 + self.dice.below(3) as i64;
                (Call::Lease(LeaseCall::Grant { id, ttl }), None)
            }
            15 => match (self.pick_lease(), self.dice.below(6)) {
                (0, _) => kv(KvCall::Range(RangeCall {
                    range: KeyRange::one("counter"),
                    ..RangeCall::default()
                })),
                (id, 0) => (Call::Lease(LeaseCall::Revoke { id }), None),
                (id, 1 | 2) => (Call::Lease(LeaseCall::TimeToLive { id, keys: true }), None),
                (id, _) => (Call::Lease(LeaseCall::KeepAlive { id }), None),
            },
            16 | 17 => {
                let element = self.next_element;
                self.next_element += 1;
                let call = Call::put(format!("set/{element}"), "");
                (
                    call,
                    Some(Intent::Add {
                        set: "set".to_owned(),
                        element,
                    }),
                )
            }
            18 => {
                let range = RangeCall {
                    range: KeyRange::prefix("set/"),
                    ..RangeCall::default()
                };
                let layout = SetLayout::OneKeyEach;
                (
                    Call::Kv(KvCall::Range(range)),
                    Some(Intent::ReadSet {
                        set: "set".to_owned(),
                        layout,
                    }),
                )
            }
            _ => match self.dice.below(6) {
                0 => {
                    let below = self.store.revision() as u64;
                    let revision = 1 + self.dice.below(below) as i64;
                    (
                        Call::Compact {
                            revision,
                            physical: false,
                        },
                        None,
                    )
                }
                1 => {
                    let url = format!("http://n{}", self.doing.len());
                    (
                        Call::Member(MemberCall::Add {
                            peer_urls: vec![url],
                            learner: true,
                        }),
                        None,
                    )
                }
                2 if self.members.len() > 3 => {
                    let id = self.members.last().unwrap().id;
                    (Call::Member(MemberCall::Remove { id }), None)
                }
                _ => (Call::Member(MemberCall::List { linearizable: true }), None),
            },
        }
    }
}
