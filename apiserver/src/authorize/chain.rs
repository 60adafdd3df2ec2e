//! Authorizers, and several of them in turn.

use super::attributes::{Attributes, Decision, Target, Verdict};
use super::rule::Rule;
use crate::identity::{MASTERS, User};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Decides about requests.
pub trait Authorizer: Send + Sync {
    /// What it says to a request.
    fn authorize(&self, attributes: &Attributes<'_>) -> Verdict;

    /// What it would allow a user in a namespace, as far as rules can say it.
    fn rules_for(&self, _user: &User, _namespace: &str) -> UserRules {
        UserRules::default()
    }
}

impl<A: Authorizer + ?Sized> Authorizer for Arc<A> {
    fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        (**self).authorize(attributes)
    }

    fn rules_for(&self, user: &User, namespace: &str) -> UserRules {
        (**self).rules_for(user, namespace)
    }
}

/// What a user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserRules {
    /// Each allows what it says, whatever the others say.
    pub rules: Vec<Rule>,
    /// Whether more may be allowed than the rules say.
    pub is_incomplete: bool,
    /// What went wrong on the way, in no more than a sentence each.
    pub errors: Vec<String>,
}

/// Asks several in turn. The first opinion counts.
#[derive(Default)]
pub struct Union(Vec<Box<dyn Authorizer>>);

impl Union {
    /// Asks these, in this order.
    pub fn new(authorizers: Vec<Box<dyn Authorizer>>) -> Union {
        Union(authorizers)
    }
}

impl Authorizer for Union {
    fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let mut reasons = Vec::new();
        for authorizer in &self.0 {
            let verdict = authorizer.authorize(attributes);
            match verdict.decision {
                Decision::Allow | Decision::Deny => return verdict,
                Decision::NoOpinion => reasons.extend(verdict.reason),
            }
        }
        match reasons.as_slice() {
            [] => Verdict::NO_OPINION,
            [only] => Verdict::none(only.clone()),
            _ => Verdict::none(reasons.join("\n")),
        }
    }

    fn rules_for(&self, user: &User, namespace: &str) -> UserRules {
        let mut all = UserRules::default();
        for authorizer in &self.0 {
            let one = authorizer.rules_for(user, namespace);
            all.rules.extend(one.rules);
            all.is_incomplete |= one.is_incomplete;
            all.errors.extend(one.errors);
        }
        all
    }
}

/// Lets the group `system:masters` do everything, so that no policy can lock out the operator.
#[derive(Clone, Copy, Debug)]
pub struct Masters;

impl Authorizer for Masters {
    fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        match attributes.user.is_in(MASTERS) {
            true => Verdict::ALLOWED,
            false => Verdict::NO_OPINION,
        }
    }
}

/// Lets everybody ask for some paths.
#[derive(Clone, Debug, Default)]
pub struct AllowedPaths {
    exact: BTreeSet<String>,
    prefixes: Vec<String>,
}

/// A path that the option does not understand. The operator must change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPath(pub String);

impl fmt::Display for InvalidPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "only trailing * allowed in {:?}", self.0)
    }
}

impl std::error::Error for InvalidPath {}

impl AllowedPaths {
    /// These paths; one that ends with `*` stands for all that begin like it. The first slash may be
    /// left out.
    ///
    /// # Errors
    /// If there is a `*` elsewhere.
    pub fn new<P: AsRef<str>>(
        paths: impl IntoIterator<Item = P>,
    ) -> Result<AllowedPaths, InvalidPath> {
        let mut allowed = AllowedPaths::default();
        for path in paths {
            let path = path.as_ref();
            let path = path.strip_prefix('/').unwrap_or(path);
            let (start, is_prefix) = match path.strip_suffix('*') {
                Some(start) => (start, true),
                None => (path, false),
            };
            if start.contains('*') {
                return Err(InvalidPath(path.to_owned()));
            }
            match is_prefix {
                true => allowed.prefixes.push(start.to_owned()),
                false => drop(allowed.exact.insert(start.to_owned())),
            }
        }
        Ok(allowed)
    }
}

impl Authorizer for AllowedPaths {
    fn authorize(&self, attributes: &Attributes<'_>) -> Verdict {
        let Target::Path(path) = attributes.target else {
            return Verdict::NO_OPINION;
        };
        let path = path.strip_prefix('/').unwrap_or(path);
        let begins = |prefix: &String| path.starts_with(prefix.as_str());
        match self.exact.contains(path) || self.prefixes.iter().any(begins) {
            true => Verdict::ALLOWED,
            false => Verdict::NO_OPINION,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::ResourceTarget;

    struct Says(Verdict);

    impl Authorizer for Says {
        fn authorize(&self, _attributes: &Attributes<'_>) -> Verdict {
            self.0.clone()
        }

        fn rules_for(&self, _user: &User, namespace: &str) -> UserRules {
            UserRules {
                errors: vec![namespace.to_owned()],
                is_incomplete: self.0.is_allowed(),
                ..UserRules::default()
            }
        }
    }

    fn ask(authorizer: &dyn Authorizer, user: &User, path: &str) -> Verdict {
        authorizer.authorize(&Attributes {
            user,
            verb: "get",
            target: Target::Path(path),
        })
    }

    fn union(verdicts: &[Verdict]) -> Union {
        let boxed = |verdict: &Verdict| Box::new(Says(verdict.clone())) as Box<dyn Authorizer>;
        Union::new(verdicts.iter().map(boxed).collect())
    }

    #[test]
    fn the_first_opinion_counts_and_reasons_add_up_without_one() {
        let denied = Verdict {
            decision: Decision::Deny,
            reason: Some("no".into()),
        };
        let (a, b) = (Verdict::none("a"), Verdict::none("b"));
        let user = User::anonymous();
        let say = |verdicts: &[Verdict]| ask(&union(verdicts), &user, "/x");
        assert_eq!(say(&[]), Verdict::NO_OPINION);
        assert_eq!(say(std::slice::from_ref(&a)), a);
        assert_eq!(say(&[a.clone(), Verdict::NO_OPINION, b]).reason(), "a\nb");
        assert_eq!(say(&[a.clone(), denied.clone(), Verdict::ALLOWED]), denied);
        assert_eq!(say(&[a, Verdict::ALLOWED, denied]), Verdict::ALLOWED);
    }

    #[test]
    fn rules_of_all_are_gathered_and_one_incomplete_makes_all_incomplete() {
        let both = union(&[Verdict::ALLOWED, Verdict::NO_OPINION]);
        let rules = both.rules_for(&User::anonymous(), "ns");
        assert!(rules.is_incomplete);
        assert_eq!(rules.errors, ["ns", "ns"]);
    }

    #[test]
    fn masters_may_do_everything() {
        assert!(ask(&Masters, &User::new("m", [MASTERS]), "/x").is_allowed());
        let other = ask(&Masters, &User::new("system:masters", ["g"]), "/x");
        assert_eq!(other, Verdict::NO_OPINION);
    }

    #[test]
    fn paths_are_allowed_exactly_or_by_their_beginning() {
        let paths = AllowedPaths::new(["/healthz", "livez/*", "/"]).unwrap();
        let user = User::anonymous();
        for (path, is_allowed) in [
            ("/healthz", true),
            ("/healthz/x", false),
            ("/livez/x", true),
            ("/livez", false),
            ("/", true),
            ("/api", false),
        ] {
            assert_eq!(ask(&paths, &user, path).is_allowed(), is_allowed, "{path}");
        }
        let resource = Attributes {
            user: &user,
            verb: "get",
            target: Target::Resource(ResourceTarget::default()),
        };
        assert_eq!(paths.authorize(&resource), Verdict::NO_OPINION);
        let wrong = AllowedPaths::new(["/a*b"]).unwrap_err();
        assert_eq!(wrong.to_string(), "only trailing * allowed in \"a*b\"");
    }

    #[test]
    fn a_refusal_says_who_what_where_and_why() {
        let user = User::new("jane", ["g"]);
        let target = Target::Resource(ResourceTarget {
            group: "apps",
            resource: "deployments",
            subresource: "scale",
            namespace: "shop",
            name: "web",
            ..ResourceTarget::default()
        });
        let attributes = Attributes {
            user: &user,
            verb: "get",
            target,
        };
        let failure = attributes.forbidden(&Verdict::none("RBAC: because"));
        assert_eq!(
            failure.message,
            "deployments.apps \"web\" is forbidden: User \"jane\" cannot get resource \
             \"deployments/scale\" in API group \"apps\" in the namespace \"shop\": RBAC: because"
        );
        let attributes = Attributes {
            target: Target::Path("/metrics"),
            ..attributes
        };
        assert_eq!(
            attributes.forbidden(&Verdict::NO_OPINION).message,
            "forbidden: User \"jane\" cannot get path \"/metrics\""
        );
    }
}
