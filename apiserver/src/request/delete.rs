//! Options of deleting. They stand in the body; only if there is none, in the query.

use super::Query;
use super::write::dry_run;
use crate::status::{Failure, FieldError, Path};
use serde_json::Value;

/// What becomes of objects that the deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They stay, without an owner.
    Orphan,
    /// They are deleted afterwards.
    Background,
    /// They are deleted before.
    Foreground,
}

/// What must be true of the object, or nothing is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// It has this uid.
    pub uid: Option<String>,
    /// It has this revision.
    pub resource_version: Option<String>,
}

/// Options of deleting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Do everything but delete it.
    pub is_dry_run: bool,
    /// How long it may take to stop, in seconds; `None`: as the kind says.
    pub grace_period_seconds: Option<i64>,
    /// What becomes of what it owns; `None`: as the kind says.
    pub propagation: Option<Propagation>,
    /// What must be true of it.
    pub preconditions: Preconditions,
}

/// The parameters, wherever they stand.
#[derive(Default)]
struct Given<'v> {
    dry_run: Vec<&'v str>,
    grace_period_seconds: Option<i64>,
    orphan_dependents: Option<bool>,
    propagation_policy: Option<&'v str>,
    preconditions: Preconditions,
}

impl DeleteOptions {
    /// Reads the body, or the query if there is none.
    ///
    /// # Errors
    /// 400 if the body is something else or has values of another type; 422 for values that mean nothing
    /// or exclude each other.
    pub fn parse(query: &Query, body: Option<&Value>) -> Result<DeleteOptions, Failure> {
        let given = match body {
            Some(body) => in_body(body)?,
            None => in_query(query)?,
        };
        let mut errors = Vec::new();
        let propagation = given.propagation(&mut errors);
        let is_dry_run = dry_run(given.dry_run.into_iter(), &mut errors);
        match errors.is_empty() {
            true => Ok(DeleteOptions {
                is_dry_run,
                grace_period_seconds: given.grace_period_seconds,
                propagation,
                preconditions: given.preconditions,
            }),
            false => Err(Failure::invalid_options("DeleteOptions", &errors)),
        }
    }
}

fn in_query(query: &Query) -> Result<Given<'_>, Failure> {
    Ok(Given {
        dry_run: query.all("dryRun").collect(),
        grace_period_seconds: query.integer("gracePeriodSeconds")?,
        orphan_dependents: query.flag("orphanDependents"),
        propagation_policy: query.get("propagationPolicy"),
        preconditions: Preconditions::default(),
    })
}

/// A member that is absent, null, or of the right type.
fn member<'v, T>(
    body: &'v Value,
    name: &str,
    read: impl Fn(&'v Value) -> Option<T>,
) -> Result<Option<T>, Failure> {
    match body.get(name).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| {
            Failure::bad_request(format!("DeleteOptions has a {name} of the wrong type"))
        }),
    }
}

fn in_body(body: &Value) -> Result<Given<'_>, Failure> {
    let kind = member(body, "kind", Value::as_str)?.unwrap_or("DeleteOptions");
    if !body.is_object() || kind != "DeleteOptions" {
        return Err(Failure::bad_request(
            "decoded object cannot be converted to DeleteOptions",
        ));
    }
    let texts = |value: &'_ Value| -> Option<Vec<String>> {
        let items = value.as_array()?.iter();
        items.map(|item| item.as_str().map(str::to_owned)).collect()
    };
    member(body, "dryRun", texts)?;
    let dry_run = body.get("dryRun").and_then(Value::as_array);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut preconditions = Preconditions::default();
    if let Some(given) = member(body, "preconditions", |value| {
        value.is_object().then_some(value)
    })? {
        preconditions.uid = member(given, "uid", text)?;
        preconditions.resource_version = member(given, "resourceVersion", text)?;
    }
    Ok(Given {
        dry_run: dry_run
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
        grace_period_seconds: member(body, "gracePeriodSeconds", Value::as_i64)?,
        orphan_dependents: member(body, "orphanDependents", Value::as_bool)?,
        propagation_policy: member(body, "propagationPolicy", Value::as_str)?,
        preconditions,
    })
}

impl Given<'_> {
    fn propagation(&self, errors: &mut Vec<FieldError>) -> Option<Propagation> {
        let at = Path::new("propagationPolicy");
        if let (Some(_), Some(policy)) = (self.orphan_dependents, self.propagation_policy) {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(FieldError::invalid(&at, policy, detail));
        }
        let policy = match self.propagation_policy {
            None => None,
            Some("Orphan") => Some(Propagation::Orphan),
            Some("Background") => Some(Propagation::Background),
            Some("Foreground") => Some(Propagation::Foreground),
            Some(other) => {
                let supported = ["Foreground", "Background", "Orphan", "nil"];
                errors.push(FieldError::not_supported(&at, other, &supported));
                None
            }
        };
        policy.or(self.orphan_dependents.map(|orphans| match orphans {
            true => Propagation::Orphan,
            false => Propagation::Background,
        }))
    }
}
