//! What the selectors of a request ask of objects of one resource.

use crate::resource::{Resource, Scope};
use crate::schema::{self, Node, Scalar};
use crate::selector::{FieldSelector, FieldTerm, LabelSelector};
use crate::status::Failure;
use crate::storage::{Object, Place};

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

/// Selectors, ready to be asked many times. Cheap questions come first: what the key tells needs no look
/// at the object, and what its fields tell needs no parsing of it as a whole.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// Conditions on name and namespace, which the key tells.
    place: Vec<FieldTerm>,
    fields: Vec<Field>,
    labels: LabelSelector,
}

/// A condition on a field of the object.
#[derive(Clone, Debug)]
struct Field {
    /// Names on the way to its value.
    path: Vec<String>,
    /// Where else to look if it is empty.
    otherwise: Option<&'static str>,
    /// What counts if it is not there.
    absent: &'static str,
    value: String,
    is_equal: bool,
}

impl Selection {
    /// The selection of a request for objects of a resource. `name` is that of the only object that is
    /// meant; empty if there is none.
    ///
    /// # Errors
    /// 400 for a field that the resource does not offer.
    pub(super) fn new(
        resource: &Resource,
        name: &str,
        labels: &LabelSelector,
        fields: &FieldSelector,
    ) -> Result<Selection, Failure> {
        let offered: Vec<&str> = resource
            .selectable
            .iter()
            .map(|field| field.label.as_str())
            .collect();
        let is_namespaced = resource.scope == Scope::Namespaced;
        let mut terms = fields.terms().iter();
        let unknown = terms.find(|term| resource.selectable_path(&term.field).is_none());
        if let Some(term) = unknown.filter(|_| schema::builtin().kind(&resource.gvk).is_none()) {
            // Custom resources have a text of their own, even those that offer nothing.
            let text = format!("field label not supported: {}", term.field);
            return Err(Failure::bad_request(text));
        }
        let checked = fields.clone().restricted(is_namespaced, &offered, &[])?;
        let named = FieldSelector::name(name);
        let named = named.terms().iter().filter(|_| !name.is_empty());
        let (place, others): (Vec<&FieldTerm>, Vec<&FieldTerm>) = named
            .chain(checked.terms())
            .partition(|term| [NAME, NAMESPACE].contains(&term.field.as_str()));
        Ok(Selection {
            place: place.into_iter().cloned().collect(),
            fields: others
                .into_iter()
                .map(|term| Field::new(resource, term))
                .collect(),
            labels: labels.clone(),
        })
    }

    /// Whether every object is selected.
    pub(super) fn is_everything(&self) -> bool {
        self.place.is_empty() && self.fields.is_empty() && self.labels.is_everything()
    }

    /// The only name that a selected object can have, if there is just one.
    pub(super) fn exact_name(&self) -> Option<&str> {
        let mut terms = self.place.iter();
        let term = terms.find(|term| term.is_equal && term.field == NAME);
        term.map(|term| term.value.as_str())
    }

    /// Whether an object is selected.
    pub(super) fn admits(&self, place: Place<'_>, object: &Object) -> bool {
        let is_there = self.place.iter().all(|term| {
            let found = match term.field.as_str() {
                NAME => place.name,
                _ => place.namespace,
            };
            (found == term.value) == term.is_equal
        });
        is_there
            && self.fields.iter().all(|field| field.admits(object))
            && (self.labels.is_everything() || self.labels.matches(&object.labels()))
    }
}

impl Field {
    fn new(resource: &Resource, term: &FieldTerm) -> Field {
        // That it is offered has been looked at.
        let path = resource.selectable_path(&term.field).unwrap_or_default();
        Field {
            path: path.split('.').map(str::to_owned).collect(),
            // Who reports an event says so in one of two places.
            otherwise: match path {
                "source.component" => Some("reportingComponent"),
                "deprecatedSource.component" => Some("reportingController"),
                _ => None,
            },
            absent: zero(resource, path).unwrap_or_default(),
            value: term.value.clone(),
            is_equal: term.is_equal,
        }
    }

    fn admits(&self, object: &Object) -> bool {
        let mut found = object.text(&self.path);
        if let Some(name) = self.otherwise
            && found.as_ref().is_none_or(String::is_empty)
        {
            found = object.text(&[name]);
        }
        (found.as_deref().unwrap_or(self.absent) == self.value) == self.is_equal
    }
}

/// What upstream compares with if a field of a built-in kind is absent: its zero, for kinds are structures
/// there, and those do not tell zero from nothing (`spec.unschedulable=false` finds all nodes that take
/// pods). `None`: an empty text.
fn zero(resource: &Resource, path: &str) -> Option<&'static str> {
    let table = schema::builtin();
    let mut kind = table.get(table.kind(&resource.gvk)?);
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let field = kind.field(name)?;
        match &field.node {
            Node::Struct(inner) if names.peek().is_some() => kind = table.get(*inner),
            Node::Scalar(Scalar::Bool) if !field.is_pointer => return Some("false"),
            Node::Scalar(Scalar::Int(_)) if !field.is_pointer => return Some("0"),
            _ => return None,
        }
    }
    None
}
