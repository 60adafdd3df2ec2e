//! Discovery: what a server tells of the resources it serves.
//!
//! The same catalog in two tellings. Old clients walk from the list of versions (`/api`, `/apis`) to
//! one list of resources per version (`legacy`); newer ones ask the same two paths for everything at
//! once (`aggregated`). Both are pure functions of the catalog; who asks which by its Accept header,
//! entity tags and caching belong to whoever serves them.
//!
//! Upstream's documents are matched field by field, oddities included: what lies under `/api` carries no
//! `apiVersion`. What never happens here: IO, a resource that is not in the catalog.

mod aggregated;
mod legacy;

pub use aggregated::{Form, api_aggregated, apis_aggregated};
pub use legacy::{api, apis, group, resources};

#[cfg(test)]
mod tests;
