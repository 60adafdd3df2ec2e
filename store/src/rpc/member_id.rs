//! How the ids of members and clusters are derived: as etcd does it, so that configuration moved from
//! there names the same members.

use crate::MemberId;
use sha1::{Digest, Sha1};

/// The id of a member with these *sorted* peer URLs in the cluster of this token. A member that is
/// added while the cluster runs also gives the time, so that one that comes back is somebody else, be it
/// within the same second, which etcd refuses. Never zero.
pub fn member_id(sorted_urls: &[String], token: &str, added_unix_ns: Option<u128>) -> MemberId {
    let mut hash = Sha1::new();
    for url in sorted_urls {
        hash.update(url.as_bytes());
    }
    hash.update(token.as_bytes());
    if let Some(time_ns) = added_unix_ns {
        hash.update(time_ns.to_string().as_bytes());
    }
    first_eight(hash)
}

/// The id of the cluster that starts with these members. Never zero.
pub fn cluster_id(members: &[MemberId]) -> u64 {
    let mut members = members.to_vec();
    members.sort_unstable();
    let mut hash = Sha1::new();
    for member in members {
        hash.update(member.to_be_bytes());
    }
    first_eight(hash)
}

fn first_eight(hash: Sha1) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.finalize()[..8]);
    // Zero means "nobody" on the wire.
    u64::from_be_bytes(bytes).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_etcds_default_member_is_the_well_known_one() {
        let urls = ["http://localhost:2380".to_owned()];
        let member = member_id(&urls, "etcd-cluster", None);
        assert_eq!(format!("{member:x}"), "8e9e05c52164694d");
        assert_eq!(format!("{:x}", cluster_id(&[member])), "cdf818194e3a8c32");
    }

    #[test]
    fn a_member_that_comes_back_is_somebody_else() {
        let urls = ["http://a:1".to_owned()];
        let first = member_id(&urls, "token", Some(1));
        assert_ne!(first, member_id(&urls, "token", Some(2)));
        assert_ne!(first, member_id(&urls, "token", None));
    }
}
