//! What every answer says about where and when it was made.

use crate::raft::Handle;
use crate::{MemberId, Revision};
use keelson_proto::etcdserverpb::ResponseHeader;

/// Fills response headers for one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    cluster_id: u64,
    member_id: MemberId,
}

impl Headers {
    /// For the member behind `handle`.
    pub fn new(handle: &Handle) -> Headers {
        let identity = handle.identity();
        Headers::of(identity.cluster_id, identity.member_id)
    }

    /// For the member with these ids.
    pub fn of(cluster_id: u64, member_id: MemberId) -> Headers {
        Headers {
            cluster_id,
            member_id,
        }
    }

    /// A header. Answers about the cluster rather than the store carry revision zero.
    pub fn at(&self, term: u64, revision: Revision) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.cluster_id,
            member_id: self.member_id,
            revision,
            raft_term: term,
        }
    }

    /// Completes a header that so far has a revision at most. One without a revision gets `current`,
    /// as etcd does it; `current` is asked for only then.
    pub fn complete(
        &self,
        header: &mut Option<ResponseHeader>,
        term: u64,
        current: impl FnOnce() -> Revision,
    ) {
        let revision = match header.map_or(0, |header| header.revision) {
            0 => current(),
            revision => revision,
        };
        *header = Some(self.at(term, revision));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_its_revision_and_gets_the_rest() {
        let mut header = Some(ResponseHeader {
            revision: 7,
            ..ResponseHeader::default()
        });
        Headers::of(1, 2).complete(&mut header, 3, || unreachable!("it has a revision"));
        let header = header.expect("completed");
        let fields = (header.cluster_id, header.member_id, header.raft_term);
        assert_eq!((fields, header.revision), ((1, 2, 3), 7));
    }

    #[test]
    fn an_answer_without_a_revision_gets_the_current_one() {
        for mut header in [None, Some(ResponseHeader::default())] {
            Headers::of(1, 2).complete(&mut header, 3, || 9);
            assert_eq!(header.expect("completed").revision, 9);
        }
    }
}
