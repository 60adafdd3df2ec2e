//! `ResourceQuota`s: how much there may be in a namespace.
//!
//! What a new or changed object uses is compared with what a quota's status says is used and allowed. If
//! it fits, the quota's new counters go into the transaction of the object itself, with a guard on the
//! quota as it was read. Of two writers that both saw the last free place one is asked again, and sees that
//! it is gone: however many servers there are, no more is used than is allowed.
//!
//! A quota counts once its status says what is allowed (`status.hard`): somebody else counts what was there
//! before. What is freed by deletions is found out by the same one. Until a quota counts, whatever it will
//! count takes a guard on it, so that nothing slips in behind the first count.
//!
//! | file | what |
//! |---|---|
//! | `count` | what all objects together use, for whoever counts |
//! | `usage` | what an object uses |
//! | `scope` | whether a quota is about an object |

mod count;
mod scope;
mod usage;

pub use count::QuotaCount;

use super::demand::{Amounts, amounts};
use super::{AdmissionRequest, Admitted, Found, Objects, Operation, Plugin, Which};
use crate::canonical::Quantity;
use crate::resource::{Scope, Verb};
use crate::status::Failure;
use crate::storage::{Future, Object, Write};
use serde_json::{Map, Value};
use usage::Measure;

const QUOTAS: Which = Which {
    group: "",
    version: "v1",
    plural: "resourcequotas",
};

/// See the module's essay.
pub struct ResourceQuota;

impl Plugin for ResourceQuota {
    fn name(&self) -> &'static str {
        "ResourceQuota"
    }

    fn handles(&self, request: &AdmissionRequest) -> bool {
        let resource = &request.target.resource;
        let is_stored = resource.can(Verb::List) && resource.scope == Scope::Namespaced;
        // Events come and go too fast to be counted.
        let is_counted = is_stored && resource.plural != "events";
        let measure = Measure::of(&resource.gvk.group, &resource.plural);
        is_counted
            && match request.operation {
                Operation::Create => request.target.subresource.is_empty(),
                Operation::Update => measure.may_grow(&request.target.subresource),
                Operation::Delete | Operation::Connect => false,
            }
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest,
        objects: &'a dyn Objects,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let quotas = objects.list(QUOTAS, &request.target.namespace).await?;
            let mut admitted = Admitted::default();
            if let Some(object) = request.object.as_ref().filter(|_| !quotas.is_empty()) {
                let uncounted = quotas.iter().filter(|quota| will_count(request, quota));
                admitted.guards.extend(uncounted.map(Found::unchanged));
                for quota in charge(request, object, &quotas)? {
                    admitted.guards.push(quota.found.unchanged());
                    admitted.writes.push(quota.write());
                }
            }
            Ok(admitted)
        })
    }
}

/// Whether a quota will count something of this resource that it does not count yet.
fn will_count(request: &AdmissionRequest, quota: &Found) -> bool {
    let resource = &request.target.resource;
    let measure = Measure::of(&resource.gvk.group, &resource.plural);
    let names = |pointer: &str| {
        let hard = quota.object.pointer(pointer).and_then(Value::as_object);
        hard.into_iter().flatten().map(|(name, _)| name)
    };
    names("/spec/hard")
        .filter(|name| measure.counts(name))
        .any(|name| names("/status/hard").all(|counted| counted != name))
}

/// A quota that is about an object.
struct Charged<'q> {
    found: &'q Found,
    used: Amounts,
}

impl Charged<'_> {
    /// The quota with its new counters.
    fn write(&self) -> Write {
        let mut quota = Value::clone(&self.found.object);
        let used: Map<String, Value> = self
            .used
            .iter()
            .map(|(name, amount)| (name.clone(), amount.to_string().into()))
            .collect();
        if let Some(status) = quota.get_mut("status").and_then(Value::as_object_mut) {
            status.insert("used".to_owned(), used.into());
        }
        Write::Put {
            key: self.found.key.clone(),
            value: Object::of(quota, 0).stored().clone(),
            lease: 0,
        }
    }
}

/// The quotas whose counters change if the request succeeds.
fn charge<'q>(
    request: &AdmissionRequest,
    object: &Value,
    quotas: &'q [Found],
) -> Result<Vec<Charged<'q>>, Failure> {
    let resource = &request.target.resource;
    let measure = Measure::of(&resource.gvk.group, &resource.plural);
    let mut about: Vec<&Found> = Vec::new();
    for quota in quotas {
        if is_about(request, &measure, quota, object)? {
            about.push(quota);
        }
    }
    let usage = measure.usage(object);
    let negative: Vec<&str> = usage
        .iter()
        .filter(|(_, amount)| amount.sign() < 0)
        .map(|(name, _)| name.as_str())
        .collect();
    if !negative.is_empty() {
        let names = negative.join(",");
        return Err(request.forbidden(&format!("quota usage is negative for resource(s): {names}")));
    }
    let mut charged = Vec::new();
    for quota in about {
        // What the quota was about before counts already.
        let before = request.old.as_ref().filter(|old| {
            request.operation == Operation::Update && scope::matches(&quota.object, &measure, old)
        });
        let delta = match before {
            Some(old) => growth(&usage, &measure.usage(old)),
            None => usage.clone(),
        };
        charged.extend(add(request, quota, delta)?);
    }
    Ok(charged)
}

/// Whether a quota is about an object. One that is must know what is used.
fn is_about(
    request: &AdmissionRequest,
    measure: &Measure<'_>,
    quota: &Found,
    object: &Value,
) -> Result<bool, Failure> {
    let hard = amounts(quota.object.pointer("/status/hard"));
    let names: Vec<&str> = hard
        .keys()
        .map(String::as_str)
        .filter(|n| measure.counts(n))
        .collect();
    if names.is_empty() || !scope::matches(&quota.object, measure, object) {
        return Ok(false);
    }
    let name = name_of(quota);
    if let Some(missing) = measure.missing(&names, object) {
        return Err(request.forbidden(&format!("failed quota: {name}: must specify {missing}")));
    }
    let used = amounts(quota.object.pointer("/status/used"));
    if names.iter().any(|name| !used.contains_key(*name)) {
        let names = names.join(",");
        let why = format!("status unknown for quota: {name}, resources: {names}");
        return Err(request.forbidden(&why));
    }
    Ok(true)
}

fn name_of(quota: &Found) -> &str {
    let name = quota.object.pointer("/metadata/name");
    name.and_then(Value::as_str).unwrap_or_default()
}

/// By how much more is used than before; what is less counts as nothing.
fn growth(now: &Amounts, before: &Amounts) -> Amounts {
    let grown = now.iter().map(|(name, amount)| {
        let delta = before.get(name).map_or(*amount, |before| *amount - *before);
        let delta = if delta.sign() < 0 {
            Quantity::ZERO
        } else {
            delta
        };
        (name.clone(), delta)
    });
    grown.collect()
}

/// The quota with more used, or the refusal; nothing if it stays as it is.
fn add<'q>(
    request: &AdmissionRequest,
    quota: &'q Found,
    delta: Amounts,
) -> Result<Option<Charged<'q>>, Failure> {
    let hard = amounts(quota.object.pointer("/status/hard"));
    let mut used = amounts(quota.object.pointer("/status/used"));
    let before = used.clone();
    let mut asked = delta;
    asked.retain(|name, amount| hard.contains_key(name) && !amount.is_zero());
    if asked.is_empty() {
        return Ok(None);
    }
    let mut exceeded = Vec::new();
    for (name, amount) in &asked {
        let now = used.get(name).map_or(*amount, |used| *used + *amount);
        if hard.get(name).is_some_and(|hard| now > *hard) {
            exceeded.push(name.as_str());
        }
        used.insert(name.clone(), now);
    }
    if exceeded.is_empty() {
        return Ok(Some(Charged { found: quota, used }));
    }
    let shown = |amounts: &Amounts| {
        let of = |name: &&str| amounts.get(*name).map(|amount| format!("{name}={amount}"));
        exceeded.iter().filter_map(of).collect::<Vec<_>>().join(",")
    };
    Err(request.forbidden(&format!(
        "exceeded quota: {}, requested: {}, used: {}, limited: {}",
        name_of(quota),
        shown(&asked),
        shown(&before),
        shown(&hard),
    )))
}
