//! One object, those who write to it, and a clock.

use super::table::BUILT_IN;
use crate::apply::managers::{
    Identity, Managers, ignored_by_main, ignored_by_status, settle_times,
};
use crate::apply::path::{Set, fields_v1};
use crate::apply::{Kind, Refused, Request, apply, rename_version, update};
use serde_json::{Value, json};

/// What a server would keep of one object.
pub struct World {
    pub kind: Kind<'static>,
    pub api_version: &'static str,
    pub subresource: &'static str,
    pub ignored: Set,
    /// What is stored.
    pub live: Option<Value>,
    /// Goes up with every write.
    pub resource_version: u32,
    /// The clock: one second per write.
    pub seconds: u32,
}

impl World {
    pub fn of(api_version: &'static str, name: &'static str) -> Self {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let kind = Kind {
            table: &BUILT_IN,
            group,
            name,
            convert: &rename_version,
        };
        Self {
            kind,
            api_version,
            subresource: "",
            ignored: Set::default(),
            live: None,
            resource_version: 0,
            seconds: 0,
        }
    }

    pub fn deployment() -> Self {
        Self {
            ignored: ignored_by_main(),
            ..Self::of("apps/v1", "Deployment")
        }
    }

    pub fn pod() -> Self {
        Self {
            ignored: ignored_by_main(),
            ..Self::of("v1", "Pod")
        }
    }

    /// Does something through the `status` subresource.
    pub fn on_status<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let typed = self.kind.typed(self.api_version).unwrap();
        let status = ignored_by_status(typed.table.get(typed.id));
        let before = std::mem::replace(&mut self.ignored, status);
        self.subresource = "status";
        let result = act(self);
        self.subresource = "";
        self.ignored = before;
        result
    }

    fn with_request<T>(
        &mut self,
        manager: &str,
        act: impl FnOnce(&Request<'_>, &mut Self) -> T,
    ) -> T {
        self.seconds += 1;
        let now = format!(
            "2026-01-01T00:{:02}:{:02}Z",
            self.seconds / 60,
            self.seconds % 60
        );
        let ignored = self.ignored.clone();
        let request = Request {
            kind: self.kind,
            api_version: self.api_version,
            manager,
            subresource: self.subresource,
            ignored: &ignored,
            now: &now,
        };
        act(&request, self)
    }

    pub fn apply(&mut self, manager: &str, config: &Value) -> Result<&Value, Refused> {
        self.apply_with(manager, config, false)
    }

    pub fn force(&mut self, manager: &str, config: &Value) -> Result<&Value, Refused> {
        self.apply_with(manager, config, true)
    }

    fn apply_with(
        &mut self,
        manager: &str,
        config: &Value,
        force: bool,
    ) -> Result<&Value, Refused> {
        let object = self.with_request(manager, |request, world| {
            apply(request, world.live.as_ref(), config, force)
        })?;
        self.store(object);
        Ok(self.live())
    }

    /// Creates the object if there is none, else replaces it.
    pub fn put(&mut self, manager: &str, object: Value) -> &Value {
        let object = self.with_request(manager, |request, world| {
            update(request, world.live.as_ref(), object)
        });
        self.store(object);
        self.live()
    }

    /// Changes the stored object.
    pub fn edit(&mut self, manager: &str, change: impl FnOnce(&mut Value)) -> &Value {
        let mut object = self.live().clone();
        change(&mut object);
        self.put(manager, object)
    }

    fn store(&mut self, mut object: Value) {
        let is_same = self
            .live
            .as_ref()
            .is_some_and(|live| settle_times(live, &mut object));
        if !is_same {
            self.resource_version += 1;
            object["metadata"]["uid"] = json!("u1");
            self.live = Some(object);
        }
    }

    pub fn live(&self) -> &Value {
        self.live.as_ref().expect("an object is stored")
    }

    pub fn managers(&self) -> Managers {
        Managers::of(self.live()).unwrap()
    }

    /// The names of all managers, appliers first.
    pub fn owners(&self) -> Vec<String> {
        let stored = self.live()["metadata"]["managedFields"].as_array().cloned();
        let entries = stored.unwrap_or_default().into_iter();
        entries
            .map(|entry| entry["manager"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What somebody owns who applies to the resource itself; null if nothing.
    pub fn applied_by(&self, manager: &str) -> Value {
        self.owned_by(&Identity::applier(manager, self.subresource))
    }

    /// What somebody owns who updates the resource itself; null if nothing.
    pub fn updated_by(&self, manager: &str) -> Value {
        self.owned_by(&Identity::updater(
            manager,
            self.api_version,
            self.subresource,
        ))
    }

    pub fn owned_by(&self, identity: &Identity) -> Value {
        let managers = self.managers();
        managers
            .entries
            .get(identity)
            .map_or(Value::Null, |entry| fields_v1::encode(&entry.fields))
    }

    /// The text of the conflict that an apply meets.
    pub fn conflict(&mut self, manager: &str, config: &Value) -> String {
        match self.apply(manager, config) {
            Err(Refused::Conflicts(conflicts)) => conflicts.to_string(),
            other => panic!("expected a conflict, got {other:?}"),
        }
    }
}

/// A Deployment called `d` with this spec.
pub fn deployment(spec: Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "ns"},
        "spec": spec,
    })
}

/// A core object called `x` with these fields.
pub fn core(kind: &str, fields: Value) -> Value {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "x", "namespace": "ns"},
    });
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}
