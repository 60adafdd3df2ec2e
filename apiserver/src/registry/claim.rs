//! A claim: one key for each control loop, written by whoever begins to run it.
//!
//! Its revision is a condition of every write of that loop. Whoever claims anew invalidates whatever an
//! earlier claimant still means to write; and having seen the state as of its own claim, it has seen all
//! that the earlier one did write. So two that run the same loop by mistake cannot both act on one state.

use super::{Caller, Registry};
use crate::status::{Failure, GroupResource};
use crate::storage::{At, Committed, Guard, KvError, Range, Txn, Write};

/// Below this lie the claims.
pub(super) const PREFIX: &str = "/keelson/kubernetes/claims/";

impl Registry {
    /// Claims the loop of this name. The guard that is returned holds until somebody else claims it; its
    /// revision is that of the claim.
    ///
    /// # Errors
    /// The store's. A claim whose outcome is not known is to be made again.
    pub async fn claim(&self, caller: &Caller, name: &str) -> Result<Guard, Failure> {
        let key = bytes::Bytes::from(format!("{PREFIX}{name}"));
        let value = serde_json::json!({
            "holder": caller.user.name,
            "fence": caller.fence,
        });
        let txn = Txn {
            writes: vec![Write::Put {
                key: key.clone(),
                value: value.to_string().into(),
                lease: 0,
            }],
            fence: caller.fence,
            ..Txn::default()
        };
        let resource = GroupResource::new("", "claims");
        match self.kv.txn(txn).await {
            Ok(Committed::Written { revision }) => Ok(Guard {
                key,
                mod_revision: revision,
            }),
            Ok(Committed::Refused { .. }) => Err(Failure::grounds_changed(&resource)),
            Err(KvError::Fenced) => Err(Failure::leadership_lost(&resource)),
            Err(error) => Err(Failure::unavailable(format!(
                "the claim of {name}: {error:?}"
            ))),
        }
    }

    /// Whether nobody has claimed since.
    ///
    /// # Errors
    /// The store's.
    pub async fn claim_holds(&self, claim: &Guard) -> Result<bool, Failure> {
        let range = Range {
            key: claim.key.clone(),
            end: None,
            at: At::Latest,
            limit: 1,
            keys_only: true,
        };
        let found = self.kv.range(range).await;
        let found = found.map_err(|error| Failure::unavailable(format!("a claim: {error:?}")))?;
        let present = found.keys.first().map_or(0, |found| found.mod_revision);
        Ok(present == claim.mod_revision)
    }
}
