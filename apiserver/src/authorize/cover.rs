//! Whether rules together allow everything that other rules allow.
//!
//! A rule of several verbs and resources may be covered by several rules, so it is broken down into
//! rights: one verb, one group, one resource and at most one name, or one verb and one path. A right is
//! covered by one rule or by none, because rules only ever add.

use super::rule::Rule;
use std::collections::BTreeMap;
use std::fmt;

/// Rules that break down into more rights than this are not compared.
const MOST_RIGHTS: usize = 100_000;

/// The rules say too much to be compared: write them in fewer words, or in several roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyRights;

impl fmt::Display for TooManyRights {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the rules name more than {MOST_RIGHTS} rights")
    }
}

impl std::error::Error for TooManyRights {}

/// The rights of `wanted` that `held` does not allow, in the order of `wanted`.
///
/// # Errors
/// If there are too many to look at. Rules that one rule covers whole do not count.
pub fn uncovered(held: &[Rule], wanted: &[Rule]) -> Result<Vec<Rule>, TooManyRights> {
    let is_covered = |right: &Rule| held.iter().any(|rule| rule.covers(right));
    let mut missing = Vec::new();
    let mut looked_at = 0usize;
    for rule in wanted.iter().filter(|rule| !is_covered(rule)) {
        looked_at = looked_at.saturating_add(rights(rule));
        if looked_at > MOST_RIGHTS {
            return Err(TooManyRights);
        }
        break_down(rule, &mut |right| {
            if !is_covered(&right) {
                missing.push(right);
            }
        });
    }
    Ok(missing)
}

/// How many rights a rule has.
fn rights(rule: &Rule) -> usize {
    let of_resources = [&rule.groups, &rule.resources, &rule.verbs];
    let of_resources = of_resources
        .iter()
        .fold(rule.names.len().max(1), |all, list| {
            all.saturating_mul(list.len())
        });
    of_resources.saturating_add(rule.paths.len().saturating_mul(rule.verbs.len()))
}

fn break_down(rule: &Rule, right: &mut impl FnMut(Rule)) {
    let one = |text: &String| vec![text.clone()];
    for group in &rule.groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                let unnamed = Rule {
                    verbs: one(verb),
                    groups: one(group),
                    resources: one(resource),
                    ..Rule::default()
                };
                for name in &rule.names {
                    right(Rule {
                        names: one(name),
                        ..unnamed.clone()
                    });
                }
                if rule.names.is_empty() {
                    right(unnamed);
                }
            }
        }
    }
    for path in &rule.paths {
        for verb in &rule.verbs {
            right(Rule {
                verbs: one(verb),
                paths: one(path),
                ..Rule::default()
            });
        }
    }
}

/// Fewer rules that allow the same: those of one group, one resource and at most one name become one
/// for each of these, with all verbs. What cannot be joined comes first.
pub fn compact(rules: Vec<Rule>) -> Vec<Rule> {
    let mut others = Vec::new();
    let mut simple: BTreeMap<(String, String, Option<String>), Vec<String>> = BTreeMap::new();
    for rule in rules {
        match (&*rule.groups, &*rule.resources, &*rule.names) {
            ([group], [resource], [] | [_]) if rule.paths.is_empty() => {
                let name = rule.names.first().cloned();
                let key = (group.clone(), resource.clone(), name);
                simple.entry(key).or_default().extend(rule.verbs);
            }
            _ => others.push(rule),
        }
    }
    let simple = simple
        .into_iter()
        .map(|((group, resource, name), verbs)| Rule {
            verbs,
            groups: vec![group],
            resources: vec![resource],
            names: name.into_iter().collect(),
            paths: Vec::new(),
        });
    others.extend(simple);
    others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::{Attributes, ResourceTarget, Target};
    use crate::identity::User;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Rule {
        Rule {
            verbs: list(verbs),
            groups: list(groups),
            resources: list(resources),
            names: list(names),
            paths: Vec::new(),
        }
    }

    fn paths(verbs: &[&str], paths: &[&str]) -> Rule {
        Rule {
            verbs: list(verbs),
            paths: list(paths),
            ..Rule::default()
        }
    }

    #[test]
    fn several_rules_together_cover_one() {
        let held = [
            rule(&["get"], &["*"], &["pods"], &[]),
            rule(&["list"], &[""], &["*"], &[]),
        ];
        let wanted = [rule(&["get", "list"], &[""], &["pods"], &[])];
        assert_eq!(uncovered(&held, &wanted), Ok(Vec::new()));
        let wanted = [rule(&["get", "list"], &["", "apps"], &["pods"], &["a"])];
        let missing = uncovered(&held, &wanted).unwrap();
        assert_eq!(missing, [rule(&["list"], &["apps"], &["pods"], &["a"])]);
    }

    #[test]
    fn paths_are_covered_by_their_beginnings() {
        let held = [paths(&["get"], &["/api/*"])];
        let wanted = [paths(&["get", "put"], &["/api/v1", "/api/x*", "/ap*"])];
        let missing: Vec<_> = uncovered(&held, &wanted)
            .unwrap()
            .iter()
            .map(Rule::describe)
            .collect();
        assert_eq!(
            missing,
            [
                r#"{NonResourceURLs:["/api/v1"], Verbs:["put"]}"#,
                r#"{NonResourceURLs:["/api/x*"], Verbs:["put"]}"#,
                r#"{NonResourceURLs:["/ap*"], Verbs:["get"]}"#,
                r#"{NonResourceURLs:["/ap*"], Verbs:["put"]}"#,
            ]
        );
    }

    #[test]
    fn rules_that_break_down_into_too_much_are_not_compared_unless_one_covers_them() {
        let many: Vec<String> = (0..400).map(|n| n.to_string()).collect();
        let wanted = [Rule {
            verbs: many.clone(),
            groups: list(&[""]),
            resources: many,
            ..Rule::default()
        }];
        assert_eq!(uncovered(&[], &wanted), Err(TooManyRights));
        let admin = rule(&["*"], &["*"], &["*"], &[]);
        assert_eq!(uncovered(&[admin], &wanted), Ok(Vec::new()));
    }

    #[test]
    fn rights_of_one_resource_are_shown_together() {
        let rights = vec![
            rule(&["get"], &[""], &["pods"], &[]),
            rule(&["get"], &[""], &["pods"], &["a"]),
            paths(&["get"], &["/x"]),
            rule(&["list"], &[""], &["pods"], &[]),
        ];
        let together = [
            paths(&["get"], &["/x"]),
            rule(&["get", "list"], &[""], &["pods"], &[]),
            rule(&["get"], &[""], &["pods"], &["a"]),
        ];
        assert_eq!(compact(rights), together);
    }

    const VERBS: &[&str] = &["*", "get", "list"];
    const GROUPS: &[&str] = &["*", "", "apps"];
    const RESOURCES: &[&str] = &["*", "pods", "pods/log", "*/log", "sets", "sets/log"];
    const NAMES: &[&str] = &["a", "b"];
    const PATHS: &[&str] = &["*", "/", "/a", "/a*", "/ab", "/ab*", "/abc"];

    fn some(from: &'static [&'static str], least: usize) -> impl Strategy<Value = Vec<String>> {
        subsequence(from, least..=from.len().min(3)).prop_map(|texts| list(&texts))
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let on_paths = (some(VERBS, 1), some(PATHS, 1)).prop_map(|(verbs, paths)| Rule {
            verbs,
            paths,
            ..Rule::default()
        });
        let lists = (
            some(VERBS, 1),
            some(GROUPS, 1),
            some(RESOURCES, 1),
            some(NAMES, 0),
        );
        let on_resources = lists.prop_map(|(verbs, groups, resources, names)| Rule {
            verbs,
            groups,
            resources,
            names,
            paths: Vec::new(),
        });
        prop_oneof![3 => on_resources, 1 => on_paths]
    }

    /// Every request that rules over these words could tell apart. `?` is a word that no rule says.
    fn for_every_request(mut look: impl FnMut(&Attributes<'_>)) {
        let user = User::default();
        for verb in ["get", "list", "?"] {
            for group in ["", "apps", "?"] {
                for resource in ["pods", "sets", "?"] {
                    for subresource in ["", "log", "?"] {
                        for name in ["", "a", "b", "?"] {
                            let target = ResourceTarget {
                                group,
                                resource,
                                subresource,
                                name,
                                ..ResourceTarget::default()
                            };
                            let target = Target::Resource(target);
                            let user = &user;
                            look(&Attributes { user, verb, target });
                        }
                    }
                }
            }
            for path in ["/", "/a", "/ab", "/abc", "?", "/?", "/a?", "/ab?", "/abc?"] {
                let (user, target) = (&user, Target::Path(path));
                look(&Attributes { user, verb, target });
            }
        }
    }

    fn allow(rules: &[Rule], attributes: &Attributes<'_>) -> bool {
        rules.iter().any(|rule| rule.allows(attributes))
    }

    proptest! {
        #[test]
        fn nothing_is_missing_exactly_if_every_request_that_is_wanted_is_allowed_already(
            held in prop::collection::vec(any_rule(), 0..5),
            wanted in prop::collection::vec(any_rule(), 1..3),
        ) {
            let missing = uncovered(&held, &wanted).unwrap();
            let mut is_new = false;
            let mut adds_up = true;
            for_every_request(|request| {
                let (has, wants) = (allow(&held, request), allow(&wanted, request));
                is_new |= wants && !has;
                adds_up &= (has || wants) == (has || allow(&missing, request));
            });
            prop_assert_eq!(!missing.is_empty(), is_new);
            prop_assert!(adds_up, "held and missing together are not held and wanted");
        }

        #[test]
        fn compact_rules_allow_the_same(rules in prop::collection::vec(any_rule(), 0..6)) {
            let fewer = compact(rules.clone());
            let mut is_same = true;
            for_every_request(|request| is_same &= allow(&rules, request) == allow(&fewer, request));
            prop_assert!(is_same);
        }
    }
}
