//! Pods that get their node.

use super::body::place;
use super::create::bounded;
use super::job::Job;
use super::store::{Live, Outcome};
use crate::admission::{AdmissionRequest, Admitted, Operation};
use crate::registry::strategy::fields::{is_set, member, members, text};
use crate::registry::{Body, Caller, Registry, Target, Written};
use crate::request::WriteOptions;
use crate::schema::Gvk;
use crate::status::{Failure, FieldError, GroupKind, GroupResource, Path, done};
use crate::storage::{At, Object, Write};
use serde_json::{Value, json};
use std::sync::Arc;

const CREATED: u16 = 201;

impl Registry {
    /// Gives a Pod its node, once, and if the node has room for it. The Pod is the one that the path names, or for `bindings` the body.
    ///
    /// # Errors
    /// 404; 409 if it has a node, is going, or must wait, or if the node is full; 422 for a target that is no node.
    pub(super) async fn bind(
        &self,
        caller: &Caller,
        target: &Target,
        body: &Body,
        options: &WriteOptions,
    ) -> Result<Written, Failure> {
        let mut pod = target.clone();
        pod.subresource.clear();
        if target.resource.plural != "pods" {
            let pods = crate::resource::builtin().find("", "v1", "pods");
            pod.resource = Arc::new(pods.ok_or_else(Failure::unknown_path)?.clone());
        }
        let reader = Job::new(self, (caller, &pod), options, "CreateOptions")?;
        let gvk = Gvk {
            group: String::new(),
            version: "v1".to_owned(),
            kind: "Binding".to_owned(),
        };
        let mut warnings = Vec::new();
        let mut binding = reader.read_kind(body, &gvk, &mut warnings)?;
        place(&pod, &mut binding)?;
        let name = text(&binding, "/metadata/name").to_owned();
        match target.name.as_str() {
            "" if name.is_empty() => return Err(Failure::bad_request("name must be provided")),
            "" => {}
            wanted if wanted == name => {}
            _ => {
                return Err(Failure::bad_request(
                    "name in URL does not match name in Binding object",
                ));
            }
        }
        check_binding(&binding, &name)?;
        pod.name.clone_from(&name);
        let job = Job::new(self, (caller, &pod), options, "CreateOptions")?;
        let mut written = job.bind(target, binding).await?;
        warnings.append(&mut written.warnings);
        Ok(Written {
            warnings,
            ..written
        })
    }
}

fn check_binding(binding: &Value, name: &str) -> Result<(), Failure> {
    let at = Path::new("target");
    let mut errors = Vec::new();
    let kind = text(binding, "/target/kind");
    if !matches!(kind, "" | "Node") {
        let supported = ["Node", "<empty>"];
        errors.push(FieldError::not_supported(
            &at.child("kind"),
            kind,
            &supported,
        ));
    }
    if text(binding, "/target/name").is_empty() {
        errors.push(FieldError::required(&at.child("name"), ""));
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Failure::invalid(
            &GroupKind::new("", "Binding"),
            name,
            &errors,
        )),
    }
}

/// What a binding would write.
struct Draft {
    object: Object,
    /// The Pod as it was read.
    revision: u64,
    admitted: Admitted,
}

impl Job<'_> {
    /// The first attempt is made on what is at hand, without asking whether that is the newest state: if it
    /// succeeds, its guards say that it was. What seems to refuse it is looked at again in the newest state.
    async fn bind(&self, asked: &Target, binding: Value) -> Result<Written, Failure> {
        let mut asks = self.asks(Operation::Create, &self.target.name);
        asks.target.resource = asked.resource.clone();
        asks.target.subresource.clone_from(&asked.subresource);
        let key = self.key(&self.target.name)?;
        let mut at = match self.is_dry_run {
            true => At::Latest,
            false => At::Any,
        };
        let mut found = self.read_at(&key, at).await?;
        let mut attempts = 0;
        loop {
            self.pause(attempts).await?;
            attempts += 1;
            let draft = match found.take() {
                Some(live) => self.draft(&mut asks, &binding, live, at).await,
                None => Err(self.not_found()),
            };
            if draft.is_err() && at == At::Any {
                at = At::Latest;
                found = self.read(&key).await?;
                continue;
            }
            at = At::Latest;
            let draft = draft?;
            if !self.is_dry_run {
                let write = Write::Put {
                    key: key.clone(),
                    value: draft.object.stored().clone(),
                    lease: 0,
                };
                let committed = self.commit(write, draft.revision, &draft.admitted);
                if let Outcome::Lost(now) = committed.await? {
                    found = now.map(Live::of).transpose()?;
                    continue;
                }
            }
            return Ok(Written {
                object: Object::of(done(CREATED), 0),
                created: true,
                warnings: draft.admitted.warnings,
            });
        }
    }

    /// What the binding would write on this state of the Pod, with ledger and node as they are read `at`.
    async fn draft(
        &self,
        asks: &mut AdmissionRequest,
        binding: &Value,
        live: Live,
        at: At,
    ) -> Result<Draft, Failure> {
        asks.object = binding.clone().into();
        let mut admitted = self.registry.admission.mutate(asks).await?;
        admitted.append(self.registry.admission.validate(asks).await?);
        let asked = asks.object.take().unwrap_or_default();
        let mut pod = self.bound(&live, &asked)?;
        self.form_stored(&mut pod)?;
        let refuse = |why: &str| Failure::conflict(&bindings(), &self.target.name, why);
        let both = (&live.value, &pod);
        let admitted = self.seated(&admitted, both, at, refuse).await?;
        Ok(Draft {
            object: bounded(pod)?,
            revision: live.revision(),
            admitted,
        })
    }

    /// The Pod with its node.
    fn bound(&self, live: &Live, binding: &Value) -> Result<Value, Failure> {
        let name = &self.target.name;
        let conflict = |why: &str| Err(Failure::conflict(&bindings(), name, why));
        let (uid, found) = (
            text(binding, "/metadata/uid"),
            text(&live.value, "/metadata/uid"),
        );
        if !uid.is_empty() && uid != found {
            return Err(Failure::uid_differs(&bindings(), name, uid, found));
        }
        let version = text(binding, "/metadata/resourceVersion");
        if !version.is_empty() && version != live.revision().to_string() {
            return Err(Failure::modified(&bindings(), name));
        }
        if is_set(&live.value, "/metadata/deletionTimestamp") {
            return conflict(&format!(
                "pod {name} is being deleted, cannot be assigned to a host"
            ));
        }
        let node = text(&live.value, "/spec/nodeName");
        if !node.is_empty() {
            let node = crate::status::text::quote(node);
            return conflict(&format!("pod {name} is already assigned to node {node}"));
        }
        let gates = live
            .value
            .pointer("/spec/schedulingGates")
            .and_then(Value::as_array);
        if gates.is_some_and(|gates| !gates.is_empty()) {
            return conflict(&format!("pod {name} has non-empty .spec.schedulingGates"));
        }
        let mut pod = live.value.clone();
        *member(member(&mut pod, "spec"), "nodeName") = text(binding, "/target/name").into();
        let annotations = binding
            .pointer("/metadata/annotations")
            .and_then(Value::as_object);
        if let Some(annotations) = annotations.filter(|annotations| !annotations.is_empty()) {
            let own = member(member(&mut pod, "metadata"), "annotations");
            members(own).extend(
                annotations
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone())),
            );
        }
        // Room is not being made for it any more.
        members(member(&mut pod, "status")).remove("nominatedNodeName");
        self.set_scheduled(&mut pod);
        Ok(pod)
    }

    /// Says that the Pod is scheduled.
    fn set_scheduled(&self, pod: &mut Value) {
        let condition = json!({
            "type": "PodScheduled",
            "status": "True",
            "lastTransitionTime": self.now,
        });
        let conditions = member(member(pod, "status"), "conditions");
        if !conditions.is_array() {
            *conditions = Value::Array(Vec::new());
        }
        let Some(list) = conditions.as_array_mut() else {
            return;
        };
        match list
            .iter_mut()
            .find(|one| text(one, "/type") == "PodScheduled")
        {
            Some(found) if text(found, "/status") == "True" => {}
            Some(found) => *found = condition,
            None => list.push(condition),
        }
    }
}

fn bindings() -> GroupResource {
    GroupResource::new("", "pods/binding")
}
