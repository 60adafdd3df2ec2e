//! Applying a configuration.

use super::conflict::{Conflicts, Refused};
use super::contest::Contest;
use super::kind::Request;
use super::last_applied::{self, KUBECTL};
use super::managers::{
    BEFORE_FIRST_APPLY, Entry, Identity, Managers, never_owned, same_but_managers, settle_times,
};
use super::path::Element;
use super::prune::prune;
use super::typed::{Typed, merge, owned, remove, validate};
use super::update::record;
use serde_json::{Map, Value};

/// Applies a configuration to the stored object, or creates it. Returns what shall be stored, with its
/// managed fields; equal to `live` if that needs no write.
///
/// Without `force`, a field that somebody else owns and that would get another value is a conflict. What
/// the configuration named last time and does not name now goes, unless somebody else owns it. If the
/// object has no managers yet, what is there belongs to `before-first-apply`.
///
/// # Errors
/// Says why nothing may be written.
pub fn apply(
    request: &Request<'_>,
    live: Option<&Value>,
    config: &Value,
    force: bool,
) -> Result<Value, Refused> {
    let typed = check(request, live, config)?;
    let mut managers = match live {
        None => Managers::default(),
        Some(live) => Managers::of(live).map_err(|error| Refused::Unreadable(error.0))?,
    };
    if let Some(live) = live
        && managers.entries.is_empty()
    {
        let before = without_managers(live);
        record(request, None, &before, &mut managers, BEFORE_FIRST_APPLY);
    }
    let nothing = Value::Object(Map::new());
    let attempt = Attempt {
        request,
        typed,
        before: live.unwrap_or(&nothing),
        config,
    };
    let (mut object, managers) = match request.manager == KUBECTL && !force {
        true => attempt.run_for_kubectl(managers),
        false => attempt.run(managers, force),
    }
    .map_err(Refused::Conflicts)?;
    if request.manager == KUBECTL {
        last_applied::follow(&mut object, config);
    }
    managers.write_to(&mut object);
    if let Some(live) = live {
        settle_times(live, &mut object);
    }
    Ok(object)
}

/// Refuses what cannot be applied, whatever is stored.
fn check<'t>(
    request: &Request<'t>,
    live: Option<&Value>,
    config: &Value,
) -> Result<Typed<'t>, Refused> {
    if request.manager.is_empty() {
        return Err(Refused::NoManager);
    }
    let text = |pointer: &str| {
        config
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (api_version, kind) = (text("/apiVersion"), text("/kind"));
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let gvk = format!("{group}/{version}, Kind={kind}");
    let typed = match request.kind.typed(request.api_version) {
        Some(typed) if api_version == request.api_version && kind == request.kind.name => typed,
        _ => return Err(Refused::BadRequest(format!("invalid object type: {gvk}"))),
    };
    if config
        .pointer("/metadata/managedFields")
        .is_some_and(|list| !list.is_null())
    {
        return Err(Refused::BadRequest(
            "metadata.managedFields must be nil".to_owned(),
        ));
    }
    let what = || {
        format!(
            "{}/{}; {gvk}",
            text("/metadata/namespace"),
            text("/metadata/name")
        )
    };
    validate(typed, config).map_err(|faults| Refused::Misfit {
        what: what(),
        faults,
    })?;
    match (live, text("/metadata/uid")) {
        (Some(_), _) | (None, "") => Ok(typed),
        (None, uid) => Err(Refused::WrongUid(uid.to_owned())),
    }
}

/// A copy without the managed fields, which would only be in the way.
fn without_managers(object: &Value) -> Value {
    let Value::Object(fields) = object else {
        return object.clone();
    };
    let copied = fields.iter().map(|(name, value)| match value {
        Value::Object(metadata) if name == "metadata" => {
            let kept = metadata.iter().filter(|(name, _)| *name != "managedFields");
            let kept = kept.map(|(name, value)| (name.clone(), value.clone()));
            (name.clone(), Value::Object(kept.collect()))
        }
        value => (name.clone(), value.clone()),
    });
    Value::Object(copied.collect())
}

/// An apply that may have to be tried with force.
struct Attempt<'a> {
    request: &'a Request<'a>,
    typed: Typed<'a>,
    /// Empty if there is no object.
    before: &'a Value,
    config: &'a Value,
}

impl Attempt<'_> {
    /// Once more with force, if all conflicts are about what `kubectl` set itself before.
    fn run_for_kubectl(&self, managers: Managers) -> Result<(Value, Managers), Conflicts> {
        let conflicts = match self.run(managers.clone(), false) {
            Err(conflicts) => conflicts,
            done => return done,
        };
        let allowed = last_applied::unchanged_since(self.request, self.before).unwrap_or_default();
        match conflicts.without(&allowed) {
            none if none.0.is_empty() => self.run(managers, true),
            remaining => Err(remaining),
        }
    }

    fn run(&self, mut managers: Managers, force: bool) -> Result<(Value, Managers), Conflicts> {
        let (request, typed) = (self.request, self.typed);
        let identity = Identity::applier(request.manager, request.subresource);
        let last = managers.entries.remove(&identity);
        let mut merged = without_managers(self.before);
        self.merge_into(&mut merged);
        let mut fields = owned(typed, self.config);
        if !request.ignored.is_empty() {
            fields = fields.recursive_difference(request.ignored);
        }
        let api_version = request.api_version.to_owned();
        let entry = Entry {
            api_version,
            time: None,
            fields,
        };
        managers.entries.insert(identity.clone(), entry);
        if let Some(pruned) = last.as_ref().and_then(|last| {
            let current = managers.entries.get(&identity)?;
            prune(request, &merged, &managers, last, current)
        }) {
            merged = pruned;
            // An empty list owns nothing, so that it may have gone although it is asked for.
            self.merge_into(&mut merged);
        }
        let contest = Contest::of(request, (self.before, &merged), &managers, Some(&identity));
        if let Some(contest) = contest {
            if !force && !contest.losses.is_empty() {
                return Err(Conflicts::of(&contest.losses));
            }
            contest.settle(&mut managers, Some(&identity));
        }
        self.sign(&mut managers, &identity, last, &merged);
        Ok((merged, managers))
    }

    /// Lays the configuration over the object, without what it cannot set.
    fn merge_into(&self, merged: &mut Value) {
        let names_ignored = self
            .request
            .ignored
            .nodes()
            .iter()
            .any(|node| match &node.element {
                Element::Field(name) => self.config.get(&**name).is_some(),
                _ => false,
            });
        if !names_ignored {
            return merge(self.typed, merged, self.config);
        }
        let mut config = self.config.clone();
        remove(self.typed, &mut config, self.request.ignored);
        merge(self.typed, merged, &config);
    }

    /// Takes what is never owned from the applier, and gives it the time of its last change.
    fn sign(
        &self,
        managers: &mut Managers,
        identity: &Identity,
        last: Option<Entry>,
        merged: &Value,
    ) {
        let Some(mut entry) = managers.entries.remove(identity) else {
            return;
        };
        entry.fields = entry.fields.difference(never_owned());
        if entry.fields.is_empty() {
            return;
        }
        let unchanged = last.filter(|last| {
            last.fields == entry.fields
                && last.api_version == entry.api_version
                && same_but_managers(self.before, merged)
        });
        entry.time = match unchanged {
            Some(last) => last.time,
            None => Some(self.request.now.to_owned()),
        };
        managers.entries.insert(identity.clone(), entry);
    }
}
