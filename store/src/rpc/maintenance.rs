//! The Maintenance service: what an operator asks and orders.

use super::front::{Front, unexpected};
use super::leash::Pace;
use super::{snapshot, version};
use crate::reply::Reply;
use crate::{Error, Revision, mvcc};
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::downgrade_request::DowngradeAction;
use keelson_proto::etcdserverpb::maintenance_server::Maintenance;
use keelson_proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, DefragmentRequest, DefragmentResponse,
    DowngradeInfo, DowngradeRequest, DowngradeResponse, HashKvRequest, HashKvResponse, HashRequest,
    HashResponse, MoveLeaderRequest, MoveLeaderResponse, SnapshotRequest, StatusRequest,
    StatusResponse,
};
use keelson_proto::log::command::Operation;
use std::sync::Arc;
use tonic::{Code, Request, Response, Status};

/// The least size that `Status` tells. Even a store without keys holds its position in the log and
/// its members, and etcdctl divides by the size.
const EMPTY_BYTES: i64 = 4096;

#[tonic::async_trait]
impl Maintenance for Front {
    type SnapshotStream = snapshot::Pieces;

    async fn alarm(
        &self,
        request: Request<AlarmRequest>,
    ) -> Result<Response<AlarmResponse>, Status> {
        let request = request.into_inner();
        let alarms = if request.action == AlarmAction::Get as i32 {
            self.read_barrier().await?;
            of_kind(self.state().alarms(), request.alarm)
        } else {
            match self.propose(Operation::Alarm(request)).await? {
                Reply::Alarm(alarms) => alarms,
                other => unexpected(&other),
            }
        };
        let header = self.header_now();
        Ok(Response::new(AlarmResponse { header, alarms }))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        Ok(Response::new(self.present_status()))
    }

    async fn defragment(
        &self,
        _: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        self.store().defragment();
        Ok(Response::new(DefragmentResponse { header: None }))
    }

    async fn hash(&self, _: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        let hash = self.hash_at(0).await?;
        Ok(Response::new(HashResponse {
            header: self.header_now(),
            hash: hash.hash,
        }))
    }

    async fn hash_kv(
        &self,
        request: Request<HashKvRequest>,
    ) -> Result<Response<HashKvResponse>, Status> {
        let hash = self.hash_at(request.into_inner().revision).await?;
        Ok(Response::new(HashKvResponse {
            header: self.header_now(),
            hash: hash.hash,
            compact_revision: hash.compact_revision,
            hash_revision: hash.revision,
        }))
    }

    async fn snapshot(
        &self,
        _: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let snapshot = self.snapshots.open().await?;
        let pieces = snapshot::pieces(snapshot, Pace::of(&self.limits));
        Ok(Response::new(pieces))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        let target = request.into_inner().target_id;
        let own = self.handle.identity().member_id;
        if self.handle.progress().leader != Some(own) {
            return Err(Error::NotLeader.into());
        }
        let members = self.handle.members();
        let can_lead = |id| members.iter().any(|one| one.id == id && !one.is_learner);
        if !can_lead(target) {
            return Err(Error::BadLeaderTransferee.into());
        }
        if target != own {
            self.handle.move_leader(target).await?;
        }
        Ok(Response::new(MoveLeaderResponse { header: None }))
    }

    async fn downgrade(
        &self,
        request: Request<DowngradeRequest>,
    ) -> Result<Response<DowngradeResponse>, Status> {
        let request = request.into_inner();
        match DowngradeAction::try_from(request.action) {
            Ok(DowngradeAction::Validate) => check_downgrade(&request.version)?,
            // Nothing can be in progress; etcd answers this with OK as well.
            Ok(DowngradeAction::Cancel) => {}
            Ok(DowngradeAction::Enable) | Err(_) => {
                return Err(Status::unimplemented(
                    "the stored data cannot be downgraded; restore a backup with the older version",
                ));
            }
        }
        Ok(Response::new(DowngradeResponse {
            header: self.header_now(),
            version: version::CLUSTER.to_owned(),
        }))
    }
}

impl Front {
    /// How this member sees itself. Never waits for anybody.
    fn present_status(&self) -> StatusResponse {
        let progress = self.handle.progress();
        let size = self.store().size();
        StatusResponse {
            header: self.header_now(),
            version: version::SERVER.to_owned(),
            db_size: signed(size.total).max(EMPTY_BYTES),
            leader: progress.leader.unwrap_or(0),
            raft_index: progress.committed_index,
            raft_term: progress.term,
            raft_applied_index: progress.applied_index,
            errors: status_errors(progress.leader.is_some(), &self.state().alarms()),
            db_size_in_use: signed(size.in_use).max(EMPTY_BYTES),
            is_learner: progress.is_learner,
            storage_version: version::STORAGE.to_owned(),
            db_size_quota: self.limits.quota_bytes().map_or(0, signed),
            downgrade_info: Some(DowngradeInfo::default()),
        }
    }

    /// Hashing reads everything, so it happens on a thread of its own, and few do it at a time. A client
    /// that goes away gives up its place in the queue; a reading that has begun ends first.
    async fn hash_at(&self, revision: Revision) -> Result<mvcc::Hash, Error> {
        let place = Arc::clone(&self.hashing).acquire_owned().await;
        let place = place.map_err(|_| Error::Stopped)?;
        let store = self.store();
        let hashed = tokio::task::spawn_blocking(move || {
            let _place = place;
            store.hash(revision)
        });
        hashed.await.map_err(|_| Error::Stopped)?
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The alarms of one kind; all of them for `NONE`.
fn of_kind(mut alarms: Vec<AlarmMember>, kind: i32) -> Vec<AlarmMember> {
    alarms.retain(|alarm| kind == AlarmType::None as i32 || alarm.alarm == kind);
    alarms
}

/// What `Status` lists as errors: the lack of a leader, and alarms in the form `etcdctl` shows.
fn status_errors(has_leader: bool, alarms: &[AlarmMember]) -> Vec<String> {
    let no_leader = (!has_leader).then(|| Error::NoLeader.text().to_owned());
    let alarms = alarms.iter().map(|alarm| {
        let (member, kind) = (alarm.member_id, alarm.alarm().as_str_name());
        format!("memberID:{member} alarm:{kind} ")
    });
    no_leader.into_iter().chain(alarms).collect()
}

/// Whether etcd of our version would agree to be downgraded to this one.
fn check_downgrade(target: &str) -> Result<(), Error> {
    let invalid = |text: &str| Error::Other(Code::InvalidArgument as i32, text.to_owned());
    let Some(target) = major_minor(target) else {
        return Err(invalid("etcdserver: wrong downgrade target version format"));
    };
    match target == version::DOWNGRADE_TARGET {
        true => Ok(()),
        false => Err(invalid("etcdserver: invalid downgrade target version")),
    }
}

/// `3.6`, `3.6.1` and `v3.6.1` are all understood.
fn major_minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.strip_prefix('v').unwrap_or(version).split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let patch_ok = parts
        .next()
        .is_none_or(|patch| patch.parse::<u64>().is_ok());
    (patch_ok && parts.next().is_none()).then_some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::super::test_front::with_front;
    use super::*;
    use futures::FutureExt;

    fn alarm(member_id: u64, kind: AlarmType) -> AlarmMember {
        AlarmMember {
            member_id,
            alarm: kind as i32,
        }
    }

    #[test]
    fn status_lists_a_missing_leader_and_every_alarm() {
        let alarms = [alarm(5, AlarmType::Nospace)];
        assert_eq!(
            status_errors(false, &alarms),
            ["etcdserver: no leader", "memberID:5 alarm:NOSPACE "]
        );
        assert!(status_errors(true, &[]).is_empty());
    }

    #[test]
    fn alarms_are_listed_by_kind_or_all() {
        let alarms = vec![alarm(1, AlarmType::Nospace), alarm(1, AlarmType::Corrupt)];
        assert_eq!(of_kind(alarms.clone(), AlarmType::None as i32), alarms);
        let corrupt = of_kind(alarms, AlarmType::Corrupt as i32);
        assert_eq!(corrupt, [alarm(1, AlarmType::Corrupt)]);
    }

    #[test]
    fn only_the_minor_version_before_ours_is_a_downgrade_target() {
        for target in ["3.6", "3.6.0", "v3.6.4"] {
            assert_eq!(check_downgrade(target), Ok(()), "{target}");
        }
        for (target, words) in [
            ("3.5.0", "invalid downgrade target version"),
            ("3.7.0", "invalid downgrade target version"),
            ("three", "wrong downgrade target version format"),
            ("3.6.0.1", "wrong downgrade target version format"),
        ] {
            let error = check_downgrade(target).expect_err(target);
            assert_eq!(error.text(), format!("etcdserver: {words}"));
        }
    }

    #[test]
    fn who_asks_for_a_hash_waits_for_a_place_and_leaves_it_again() {
        with_front(|_member, front| async move {
            let taken = Arc::clone(&front.hashing).acquire_many_owned(2).await;
            let mut waiting = Box::pin(front.hash_at(0));
            assert!(
                waiting.as_mut().now_or_never().is_none(),
                "no place is free"
            );
            drop(taken);
            waiting.await.expect("hashed");
            assert_eq!(front.hashing.available_permits(), 2);
        });
    }
}
