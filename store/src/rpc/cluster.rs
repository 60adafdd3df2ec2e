//! The Cluster service: who belongs to the group.
//!
//! What can be refused by looking at the present members is refused here, with the right words. The
//! leader checks again what must hold when the change is made.

use super::front::Front;
use super::{member_id, urls};
use crate::{Error, MemberId};
use keelson_proto::etcdserverpb::cluster_server::Cluster;
use keelson_proto::etcdserverpb::{
    Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
    MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
    MemberUpdateRequest, MemberUpdateResponse,
};
use keelson_proto::peer::Node;
use keelson_proto::peer::change_members_request::Change;
use std::time::{SystemTime, UNIX_EPOCH};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Cluster for Front {
    async fn member_add(
        &self,
        request: Request<MemberAddRequest>,
    ) -> Result<Response<MemberAddResponse>, Status> {
        let request = request.into_inner();
        let peer_urls = urls::parse(&request.peer_ur_ls)?;
        self.read_barrier().await?;
        let members = self.handle.members();
        check_new(
            &members,
            &peer_urls,
            request.is_learner,
            self.limits.max_learners,
        )?;
        let node = Node {
            id: member_id::member_id(&peer_urls, &self.cluster_token, Some(unix_now_ns())),
            peer_urls: peer_urls.clone(),
            wants_vote: !request.is_learner,
        };
        let id = node.id;
        let change = match request.is_learner {
            true => Change::AddLearner(node),
            false => Change::AddVoter(node),
        };
        let members = self.change(change).await?;
        let member = Member {
            id,
            peer_ur_ls: peer_urls,
            is_learner: request.is_learner,
            ..Member::default()
        };
        Ok(Response::new(MemberAddResponse {
            header: self.cluster_header(),
            member: Some(member),
            members,
        }))
    }

    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        let id = request.into_inner().id;
        self.read_barrier().await?;
        find(&self.handle.members(), id)?;
        let members = self.change(Change::Remove(id)).await?;
        let header = self.cluster_header();
        Ok(Response::new(MemberRemoveResponse { header, members }))
    }

    async fn member_update(
        &self,
        request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        let request = request.into_inner();
        let peer_urls = urls::parse(&request.peer_ur_ls)?;
        self.read_barrier().await?;
        let members = self.handle.members();
        find(&members, request.id)?;
        check_urls_free(&members, &peer_urls, Some(request.id))?;
        let node = Node {
            id: request.id,
            peer_urls,
            wants_vote: false,
        };
        let members = self.change(Change::Update(node)).await?;
        let header = self.cluster_header();
        Ok(Response::new(MemberUpdateResponse { header, members }))
    }

    async fn member_list(
        &self,
        request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        if request.into_inner().linearizable {
            self.read_barrier().await?;
        }
        Ok(Response::new(MemberListResponse {
            header: self.cluster_header(),
            members: self.handle.members(),
        }))
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        let id = request.into_inner().id;
        self.read_barrier().await?;
        if !find(&self.handle.members(), id)?.is_learner {
            return Err(Error::MemberNotLearner.into());
        }
        let members = self.change(Change::Promote(id)).await?;
        let header = self.cluster_header();
        Ok(Response::new(MemberPromoteResponse { header, members }))
    }
}

impl Front {
    /// Makes the change and returns the members as it left them, though others may have changed them since. The
    /// change has happened even if this member cannot confirm that it has heard of it, so that is no reason to
    /// report a failure.
    async fn change(&self, change: Change) -> Result<Vec<Member>, Error> {
        // A member that is no longer one would wait for an answer in vain.
        let own = self.handle.identity().member_id;
        let leaves = matches!(change, Change::Remove(id) if id == own);
        let after = self.handle.change_members(change).await?;
        if !leaves && let Err(error) = self.read_barrier().await {
            tracing::debug!(%error, "the list of members may not show the change yet");
        }
        Ok(after)
    }
}

fn unix_now_ns() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
}

fn find(members: &[Member], id: MemberId) -> Result<&Member, Error> {
    let found = members.iter().find(|member| member.id == id);
    found.ok_or(Error::MemberNotFound)
}

/// Whether a member with these URLs may be added to `members`.
fn check_new(
    members: &[Member],
    peer_urls: &[String],
    is_learner: bool,
    max_learners: usize,
) -> Result<(), Error> {
    check_urls_free(members, peer_urls, None)?;
    let learners = members.iter().filter(|member| member.is_learner).count();
    if is_learner && learners >= max_learners {
        return Err(Error::TooManyLearners);
    }
    Ok(())
}

/// Whether no other member than `own` has one of these URLs.
fn check_urls_free(
    members: &[Member],
    peer_urls: &[String],
    own: Option<MemberId>,
) -> Result<(), Error> {
    let mut others = members.iter().filter(|member| Some(member.id) != own);
    let taken = |member: &Member| member.peer_ur_ls.iter().any(|url| peer_urls.contains(url));
    match others.any(taken) {
        true => Err(Error::PeerUrlExists),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Vec<Member> {
        let member = |id, url: &str, is_learner| Member {
            id,
            peer_ur_ls: vec![url.to_owned()],
            is_learner,
            ..Member::default()
        };
        vec![
            member(1, "http://a:1", false),
            member(2, "http://b:1", true),
        ]
    }

    #[test]
    fn a_taken_peer_url_is_refused_except_to_its_owner() {
        let url = ["http://a:1".to_owned()];
        let taken = Err(Error::PeerUrlExists);
        assert_eq!(check_new(&members(), &url, false, 1), taken);
        assert_eq!(check_urls_free(&members(), &url, Some(2)), taken);
        assert_eq!(check_urls_free(&members(), &url, Some(1)), Ok(()));
    }

    #[test]
    fn learners_are_bounded_and_voters_are_not() {
        let url = ["http://c:1".to_owned()];
        let outcome = |learner, max| check_new(&members(), &url, learner, max);
        assert_eq!(outcome(true, 1), Err(Error::TooManyLearners));
        assert_eq!(outcome(true, 2), Ok(()));
        assert_eq!(outcome(false, 1), Ok(()));
    }

    #[test]
    fn an_unknown_member_is_not_found() {
        assert_eq!(find(&members(), 3), Err(Error::MemberNotFound));
    }
}
