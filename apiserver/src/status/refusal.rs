//! Failures of a request that would fail again: it is malformed, not allowed, or about nothing that is
//! there. The names that are taken are here as well.

use super::bound::ERRORS_BYTES;
use super::failure::{Cause, Failure, Reason};
use super::text::quote;
use super::{FieldError, GroupKind, GroupResource, aggregate};

/// What somebody tried to do and may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt<'a> {
    /// Something with a resource.
    Resource {
        /// Such as `list`.
        verb: &'a str,
        /// The resource; its group is named as well.
        resource: &'a GroupResource,
        /// Such as `log`; empty if there is none.
        subresource: &'a str,
        /// Empty: the whole cluster.
        namespace: &'a str,
        /// The object; empty if none is named.
        name: &'a str,
    },
    /// Something with a path that is no resource.
    Path {
        /// The HTTP method in lower case.
        verb: &'a str,
        /// Such as `/metrics`.
        path: &'a str,
    },
}

impl Failure {
    /// 400: the request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(Reason::BadRequest, message)
    }

    /// 400: the body names another object than the URL.
    pub fn name_mismatch(in_body: &str, in_url: &str) -> Failure {
        Failure::bad_request(format!(
            "the name of the object ({in_body}) does not match the name on the URL ({in_url})"
        ))
    }

    /// 400: the body to be created names another namespace than the URL.
    pub fn namespace_mismatch() -> Failure {
        Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )
    }

    /// 401: nobody knows who is asking.
    pub fn unauthorized() -> Failure {
        Failure::new(Reason::Unauthorized, "Unauthorized")
    }

    /// 403: refused by admission, quota or a rule of the kind. `name` may be empty.
    pub fn forbidden(resource: &GroupResource, name: &str, why: &str) -> Failure {
        let message = match (resource.resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{resource} is forbidden: {why}"),
            (false, false) => format!("{resource} {} is forbidden: {why}", quote(name)),
        };
        Failure::new(Reason::Forbidden, message).about(&resource.group, &resource.resource, name)
    }

    /// 403: nothing allows this user to do that. `because` is the authorizer's remark, may be empty.
    pub fn not_allowed(user: &str, attempt: &Attempt<'_>, because: &str) -> Failure {
        let user = quote(user);
        let because = match because.is_empty() {
            true => String::new(),
            false => format!(": {because}"),
        };
        match *attempt {
            Attempt::Path { verb, path } => {
                let why = format!("User {user} cannot {verb} path {}{because}", quote(path));
                Failure::forbidden(&GroupResource::default(), "", &why)
            }
            Attempt::Resource {
                verb,
                resource,
                subresource,
                namespace,
                name,
            } => {
                let mut what = resource.resource.clone();
                if !subresource.is_empty() {
                    what = format!("{what}/{subresource}");
                }
                let place = match namespace.is_empty() {
                    true => "at the cluster scope".to_owned(),
                    false => format!("in the namespace {}", quote(namespace)),
                };
                let why = format!(
                    "User {user} cannot {verb} resource {} in API group {} {place}{because}",
                    quote(&what),
                    quote(&resource.group),
                );
                Failure::forbidden(resource, name, &why)
            }
        }
    }

    /// 403: the namespace is going away and takes nothing new.
    pub fn namespace_terminating(resource: &GroupResource, name: &str, namespace: &str) -> Failure {
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        Failure::forbidden(resource, name, &why).with_cause(Cause {
            reason: "NamespaceTerminating".to_owned(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".to_owned(),
        })
    }

    /// 404: no such object.
    pub fn not_found(resource: &GroupResource, name: &str) -> Failure {
        let message = format!("{resource} {} not found", quote(name));
        Failure::new(Reason::NotFound, message).about(&resource.group, &resource.resource, name)
    }

    /// 404: nothing is served at this path.
    pub fn unknown_path() -> Failure {
        let message = "the server could not find the requested resource";
        Failure::new(Reason::NotFound, message).about("", "", "")
    }

    /// 405: the resource is there and does not do this.
    pub fn method_not_allowed(resource: &GroupResource, verb: &str) -> Failure {
        let subject = quote(&resource.to_string());
        let message = format!("{verb} is not supported on resources of kind {subject}");
        Failure::new(Reason::MethodNotAllowed, message).about(
            &resource.group,
            &resource.resource,
            "",
        )
    }

    /// 406: the client takes none of what can be sent.
    pub fn not_acceptable(offered: &[&str]) -> Failure {
        let offered = offered.join(", ");
        let message = format!("only the following media types are accepted: {offered}");
        Failure::new(Reason::NotAcceptable, message)
    }

    /// 415: the body is of a type that is not read here.
    pub fn unsupported_media_type(read: &[&str]) -> Failure {
        let read = read.join(", ");
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {read}"
        );
        Failure::new(Reason::UnsupportedMediaType, message)
    }

    /// 409: the name is taken.
    pub fn already_exists(resource: &GroupResource, name: &str) -> Failure {
        let message = format!("{resource} {} already exists", quote(name));
        let failure = Failure::new(Reason::AlreadyExists, message);
        failure.about(&resource.group, &resource.resource, name)
    }

    /// 409: all names made up from `generateName` were taken; another attempt may succeed.
    pub fn no_free_name(resource: &GroupResource, last: &str) -> Failure {
        let message = format!(
            "{resource} {} already exists, the server was not able to generate a unique name for the object",
            quote(last)
        );
        let failure = Failure::new(Reason::AlreadyExists, message);
        failure
            .about(&resource.group, &resource.resource, last)
            .retry_after(1)
    }

    /// 413: the body has more than `limit` bytes.
    pub fn body_too_large(limit: usize) -> Failure {
        Failure::too_large(&format!("limit is {limit}"))
    }

    /// 413: too much of something.
    pub fn too_large(what: &str) -> Failure {
        let message = format!("Request entity too large: {what}");
        Failure::new(Reason::RequestEntityTooLarge, message)
    }

    /// 422: fields are wrong. The causes are the errors in their order, as many as there is room for; the message
    /// names each text once.
    pub fn invalid(kind: &GroupKind, name: &str, errors: &[FieldError]) -> Failure {
        let mut message = format!("{kind} {} is invalid", quote(name));
        if !errors.is_empty() {
            message = format!("{message}: {}", aggregate(errors));
        }
        let mut failure =
            Failure::new(Reason::Invalid, message).about(&kind.group, &kind.kind, name);
        let mut left = ERRORS_BYTES;
        let causes = errors.iter().map(Cause::from).take_while(|cause| {
            let bytes = cause.message.len() + cause.field.len();
            let rest = left.checked_sub(bytes);
            left = rest.unwrap_or_default();
            rest.is_some()
        });
        failure.details.get_or_insert_default().causes = causes.collect();
        failure
    }

    /// 422: query parameters are wrong. `options` is the kind that the parameters stand for, such as
    /// `ListOptions`.
    pub fn invalid_options(options: &str, errors: &[FieldError]) -> Failure {
        Failure::invalid(&GroupKind::new("meta.k8s.io", options), "", errors)
    }

    /// 422: the patch is well formed and cannot be applied to what is there. Clients are not told more.
    pub fn patch_does_not_apply() -> Failure {
        let message = "the server rejected our request due to an error in our request";
        Failure::new(Reason::Invalid, message).about("", "", "")
    }
}
