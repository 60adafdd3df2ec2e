//! One object.

use super::failure;
use super::source::{PATIENCE, check_segment, read, wanted};
use crate::registry::Target;
use crate::registry::versions::Conversion;
use crate::request::{GetOptions, GetRead};
use crate::resource::Scope;
use crate::status::{Failure, GroupResource};
use crate::storage::{At, Keys, Kv, Object, Range};

/// See [`crate::registry::Registry::get`].
pub(super) async fn get(
    kv: &dyn Kv,
    target: &Target,
    options: &GetOptions,
) -> Result<Object, Failure> {
    shows_object(target)?;
    let conversion = Conversion::of(&target.resource)?;
    let range = Range {
        key: key(target)?,
        end: None,
        at: match options.read {
            GetRead::Latest => At::Latest,
            GetRead::Any => At::Any,
            GetRead::NotOlderThan(revision) => At::NotBefore(revision, PATIENCE),
        },
        limit: 1,
        keys_only: false,
    };
    let at = range.at;
    let found = read(kv, range).await;
    // A read that is not of one old state does not find it compacted.
    let found = found.map_err(|e| failure::of_read(e, wanted(at), Failure::list_expired))?;
    match found.keys.into_iter().next() {
        Some(item) => {
            let object = Object::new(item.value, item.mod_revision);
            Ok(match conversion {
                Some(conversion) => conversion.served(object),
                None => object,
            })
        }
        None => {
            let gvk = &target.resource.gvk;
            let resource = GroupResource::new(&gvk.group, &target.resource.plural);
            Err(Failure::not_found(&resource, &target.name))
        }
    }
}

/// The key of the object that a request names.
fn key(target: &Target) -> Result<bytes::Bytes, Failure> {
    let Target {
        resource,
        namespace,
        name,
        ..
    } = target;
    if resource.scope == Scope::Namespaced && namespace.is_empty() {
        return Err(Failure::bad_request("Namespace parameter required."));
    }
    if name.is_empty() {
        return Err(Failure::bad_request("Name parameter required."));
    }
    check_segment("Namespace", namespace)?;
    check_segment("Name", name)?;
    Ok(Keys::one(resource, namespace, name))
}

/// Whether what is read below an object is the object: `status` and its like, of the same kind. The log of
/// a pod says it is of that kind, and is none.
fn shows_object(target: &Target) -> Result<(), Failure> {
    let name = target.subresource.as_str();
    if name.is_empty() {
        return Ok(());
    }
    let found = target.resource.subresource(name);
    match found.is_some_and(|sub| sub.gvk == target.resource.gvk && name != "log") {
        true => Ok(()),
        false => Err(Failure::unknown_path()),
    }
}
