//! A range request, checked and put into the store's terms.

use crate::Revision;
use crate::error::Error;
use bytes::Bytes;
use keelson_proto::etcdserverpb::RangeRequest;
use keelson_proto::etcdserverpb::range_request::{SortOrder, SortTarget};

/// Which keys, in etcd's conventions for `range_end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub from: Bytes,
    pub end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Only the key itself.
    Single,
    /// Everything from the key on.
    Open,
    /// Keys below this one.
    Before(Bytes),
}

impl Interval {
    pub fn new(key: &Bytes, range_end: &Bytes) -> Interval {
        let end = match &range_end[..] {
            [] => End::Single,
            [0] => End::Open,
            _ => End::Before(range_end.clone()),
        };
        Interval {
            from: key.clone(),
            end,
        }
    }

    /// The exclusive end of an interval that is not a single key.
    pub fn to(&self) -> Option<&[u8]> {
        match &self.end {
            End::Before(to) => Some(to),
            _ => None,
        }
    }
}

/// Inclusive bounds on revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub mod_revision: (Revision, Revision),
    pub create_revision: (Revision, Revision),
}

impl Filter {
    const NONE: (Revision, Revision) = (Revision::MIN, Revision::MAX);

    fn of(request: &RangeRequest) -> Filter {
        let bounds = |min: Revision, max: Revision| {
            let min = if min == 0 { Revision::MIN } else { min };
            let max = if max == 0 { Revision::MAX } else { max };
            (min, max)
        };
        Filter {
            mod_revision: bounds(request.min_mod_revision, request.max_mod_revision),
            create_revision: bounds(request.min_create_revision, request.max_create_revision),
        }
    }

    pub fn is_set(&self) -> bool {
        self.mod_revision != Filter::NONE || self.reads_creation()
    }

    /// Looks at create_revision, which the index knows of newest versions only.
    pub fn reads_creation(&self) -> bool {
        self.create_revision != Filter::NONE
    }

    pub fn accepts(&self, mod_revision: Revision, create_revision: Revision) -> bool {
        let within = |bounds: (Revision, Revision), revision: Revision| {
            bounds.0 <= revision && revision <= bounds.1
        };
        within(self.mod_revision, mod_revision) && within(self.create_revision, create_revision)
    }
}

/// A range request that may be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub interval: Interval,
    /// The revision to read.
    pub at: Revision,
    /// The store's revision, for the header.
    pub current: Revision,
    /// Zero for none.
    pub limit: u64,
    pub keys_only: bool,
    pub count_only: bool,
    pub filter: Filter,
    /// By what to sort, and whether descending. `None`: key ascending, as the index has it.
    pub sort: Option<(SortTarget, bool)>,
    /// The limit applies before sorting and filtering, with one key more (contract #23).
    pub limit_first: bool,
}

impl Query {
    /// Checks a request against the store's revision and its compaction floor.
    pub fn plan(
        request: &RangeRequest,
        current: Revision,
        compacted: Revision,
    ) -> Result<Query, Error> {
        let order =
            SortOrder::try_from(request.sort_order).map_err(|_| Error::InvalidSortOption)?;
        let target =
            SortTarget::try_from(request.sort_target).map_err(|_| Error::InvalidSortOption)?;
        let at = if request.revision <= 0 {
            current
        } else {
            request.revision
        };
        if at > current {
            return Err(Error::FutureRevision);
        }
        if at < compacted {
            return Err(Error::Compacted);
        }
        let sort = match (order, target) {
            (SortOrder::None | SortOrder::Ascend, SortTarget::Key) => None,
            (SortOrder::None | SortOrder::Ascend, target) => Some((target, false)),
            (SortOrder::Descend, target) => Some((target, true)),
        };
        let filter = Filter::of(request);
        Ok(Query {
            interval: Interval::new(&request.key, &request.range_end),
            at,
            current,
            limit: u64::try_from(request.limit).unwrap_or(0),
            keys_only: request.keys_only,
            count_only: request.count_only,
            filter,
            sort,
            limit_first: order == SortOrder::None && !filter.is_set(),
        })
    }

    /// The answer is not a run of the index: it must be collected before its first key is known.
    pub fn collects(&self) -> bool {
        self.sort.is_some() || self.filter.is_set()
    }

    /// Sorts by value: every record must be read, even if only keys are answered.
    pub fn sorts_values(&self) -> bool {
        matches!(self.sort, Some((SortTarget::Value, _)))
    }

    /// Needs fields that the index knows of newest versions only.
    pub fn reads_fields(&self) -> bool {
        self.filter.reads_creation()
            || matches!(
                self.sort,
                Some((SortTarget::Version | SortTarget::Create, _))
            )
    }
}
