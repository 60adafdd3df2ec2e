//! Finding resources.

use super::types::Resource;
use crate::schema::Gvk;
use std::cmp::Ordering;
use std::fmt;

/// What a server serves. Immutable once made.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Sorted by group, version and plural.
    resources: Vec<Resource>,
    /// Places in `resources`, sorted by group, version and kind.
    by_kind: Vec<usize>,
    /// In the order in which discovery lists them.
    groups: Vec<Group>,
}

/// A group of resources and the versions that it is served in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Empty for the core API.
    pub name: String,
    /// The preferred one first; never empty.
    pub versions: Vec<String>,
}

/// Two rows have the same group, version and plural, or the same kind.
#[derive(Debug, PartialEq, Eq)]
pub struct DuplicateResource(pub Gvk);

impl fmt::Display for DuplicateResource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gvk {
            group,
            version,
            kind,
        } = &self.0;
        write!(out, "two resources of {group}/{version} {kind}")
    }
}

impl std::error::Error for DuplicateResource {}

impl Catalog {
    /// A catalog of these rows. Groups keep the order of their first rows.
    ///
    /// # Errors
    /// If a row could not be told from another.
    pub fn new(mut resources: Vec<Resource>) -> Result<Catalog, DuplicateResource> {
        let groups = groups(&resources);
        resources.sort_by(|a, b| plural_key(a).cmp(&plural_key(b)));
        let mut by_kind: Vec<usize> = (0..resources.len()).collect();
        by_kind.sort_by(|a, b| kind_key(&resources[*a].gvk).cmp(&kind_key(&resources[*b].gvk)));
        let same_plural = resources
            .windows(2)
            .find(|pair| plural_key(&pair[0]) == plural_key(&pair[1]));
        let same_kind = by_kind
            .windows(2)
            .find(|pair| resources[pair[0]].gvk == resources[pair[1]].gvk);
        let duplicate = same_plural
            .map(|pair| &pair[0])
            .or(same_kind.map(|pair| &resources[pair[0]]));
        if let Some(duplicate) = duplicate {
            return Err(DuplicateResource(duplicate.gvk.clone()));
        }
        Ok(Catalog {
            resources,
            by_kind,
            groups,
        })
    }

    /// The resource at a path.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Resource> {
        let wanted = (group, version, plural);
        let found = self
            .resources
            .binary_search_by(|resource| plural_key(resource).cmp(&wanted));
        found.ok().map(|at| &self.resources[at])
    }

    /// The resource that serves objects of a kind.
    pub fn of_kind(&self, gvk: &Gvk) -> Option<&Resource> {
        let found = self
            .by_kind
            .binary_search_by(|at| kind_key(&self.resources[*at].gvk).cmp(&kind_key(gvk)));
        found.ok().map(|at| &self.resources[self.by_kind[at]])
    }

    /// All groups, in the order in which discovery lists them.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The resources of a group and version, by plural. Empty if it is not served.
    pub fn of_version(&self, group: &str, version: &str) -> &[Resource] {
        let wanted = (group, version);
        let key = |resource: &Resource| version_key(resource).cmp(&wanted);
        let from = self
            .resources
            .partition_point(|resource| key(resource) == Ordering::Less);
        let to = self
            .resources
            .partition_point(|resource| key(resource) != Ordering::Greater);
        &self.resources[from..to]
    }

    /// All resources, by group, version and plural.
    pub fn all(&self) -> &[Resource] {
        &self.resources
    }
}

fn version_key(resource: &Resource) -> (&str, &str) {
    (&resource.gvk.group, &resource.gvk.version)
}

fn plural_key(resource: &Resource) -> (&str, &str, &str) {
    (&resource.gvk.group, &resource.gvk.version, &resource.plural)
}

fn kind_key(gvk: &Gvk) -> (&str, &str, &str) {
    (&gvk.group, &gvk.version, &gvk.kind)
}

fn groups(resources: &[Resource]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for Resource { gvk, .. } in resources {
        let at = groups.iter().position(|group| group.name == gvk.group);
        let at = at.unwrap_or_else(|| {
            groups.push(Group {
                name: gvk.group.clone(),
                versions: Vec::new(),
            });
            groups.len() - 1
        });
        if !groups[at].versions.contains(&gvk.version) {
            groups[at].versions.push(gvk.version.clone());
        }
    }
    for group in &mut groups {
        group.versions.sort_by(|a, b| version_order(a, b));
    }
    groups
}

/// The order of preference: stable before beta before alpha, newer before older, and behind them whatever
/// does not look like a version, by name.
pub fn version_order(a: &str, b: &str) -> Ordering {
    match (parse_version(a), parse_version(b)) {
        (Some(a), Some(b)) => b.cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Stability (alpha 0, beta 1, stable 2), number, and number behind the stability. The greater the better.
pub(super) fn parse_version(version: &str) -> Option<(u8, u64, u64)> {
    let rest = version.strip_prefix('v')?;
    let digits = |text: &str| {
        let is_number = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        is_number.then(|| text.parse().ok()).flatten()
    };
    for (word, stability) in [("alpha", 0), ("beta", 1)] {
        if let Some((major, minor)) = rest.split_once(word) {
            return Some((stability, digits(major)?, digits(minor)?));
        }
    }
    Some((2, digits(rest)?, 0))
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::*;

    fn catalog(text: &str) -> Catalog {
        Catalog::new(load(text).unwrap()).unwrap()
    }

    const SOME: &str = "\
v1 pods Pod namespaced
z.io/v1beta1 apes Ape cluster
z.io/v2 apes Ape cluster
z.io/v2 bees Bee cluster
a.io/v1 pods Pod cluster";

    #[test]
    fn a_resource_is_found_by_path_and_by_kind() {
        let catalog = catalog(SOME);
        let found = catalog.find("z.io", "v2", "bees").unwrap();
        assert_eq!(found.gvk.kind, "Bee");
        assert_eq!(catalog.of_kind(&found.gvk), Some(found));
        assert_eq!(catalog.find("", "v1", "pods").unwrap().api_version(), "v1");
        for absent in [("z.io", "v2", "pods"), ("", "v2", "pods"), ("b", "v1", "")] {
            assert_eq!(catalog.find(absent.0, absent.1, absent.2), None);
        }
        let absent = Gvk {
            kind: "Cat".to_owned(),
            ..found.gvk.clone()
        };
        assert_eq!(catalog.of_kind(&absent), None);
    }

    #[test]
    fn groups_keep_their_order_and_prefer_stable_versions() {
        let catalog = catalog(SOME);
        let groups: Vec<_> = catalog.groups().iter().map(|g| &*g.name).collect();
        assert_eq!(groups, ["", "z.io", "a.io"]);
        assert_eq!(catalog.group("z.io").unwrap().versions, ["v2", "v1beta1"]);
        let names = |group, version| {
            let found = catalog.of_version(group, version).iter();
            found.map(|r| r.plural.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("z.io", "v2"), ["apes", "bees"]);
        assert_eq!(names("z.io", "v1"), [""; 0]);
        assert_eq!(names("", "v1"), ["pods"]);
    }

    #[test]
    fn versions_are_ordered_as_everybody_orders_them() {
        let mut versions = vec![
            "v1alpha1",
            "foo",
            "v1",
            "v01",
            "v11beta2",
            "v2",
            "v10",
            "v3beta1",
            "v12alpha1",
            "v1beta1",
            "bar",
            "v",
            "v99999999999999999999",
        ];
        versions.sort_by(|a, b| version_order(a, b));
        let expected = [
            "v10",
            "v2",
            "v1",
            "v11beta2",
            "v3beta1",
            "v1beta1",
            "v12alpha1",
            "v1alpha1",
            "bar",
            "foo",
            "v",
            "v01",
            "v99999999999999999999",
        ];
        assert_eq!(versions, expected);
    }

    #[test]
    fn rows_that_cannot_be_told_apart_are_refused() {
        for text in [
            "v1 as A cluster\nv1 as B cluster",
            "v1 as A cluster\nv1 bs A cluster",
        ] {
            let error = Catalog::new(load(text).unwrap()).unwrap_err();
            assert_eq!(error.0.kind, "A", "{text}");
        }
    }
}
