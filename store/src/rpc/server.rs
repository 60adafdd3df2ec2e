//! Tells requests apart: gRPC or plain HTTP, which method, and whether this member may answer now.

use super::front::Front;
use super::lease::LeaseService;
use super::method::{METHODS, MethodId, Service, Shape};
use super::stream::{Call, Ending, Stop, Watched, stopped};
use super::{election, http, lease, long_answer};
use crate::Error;
use crate::raft::handle::Progress;
use ::http::{HeaderMap, Request, Response, header};
use bytes::Bytes;
use hyper::body::Body as HttpBody;
use keelson_proto::etcdserverpb::auth_server::AuthServer;
use keelson_proto::etcdserverpb::cluster_server::ClusterServer;
use keelson_proto::etcdserverpb::lease_server::LeaseServer;
use keelson_proto::etcdserverpb::maintenance_server::MaintenanceServer;
use keelson_proto::health::health_server::HealthServer;
use keelson_proto::serving::kv_server::KvServer;
use keelson_proto::serving::watch_server::{Watch, WatchServer};
use keelson_proto::v3electionpb::election_server::ElectionServer;
use keelson_proto::v3lockpb::lock_server::LockServer;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service as _;

/// Election timeouts without a leader after which a stream that insists on one is ended.
const LEADERLESS_TIMEOUTS: u32 = 3;

/// Answers the requests of a connection.
pub trait Serve: Send + Sync + 'static {
    /// Answers one request. `stop` ends long answers.
    fn answer<B>(
        &self,
        request: Request<B>,
        stop: &Stop,
    ) -> impl Future<Output = Response<Body>> + Send
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError> + Send + 'static;
}

/// All services of one front.
pub struct Services<W: Watch> {
    front: Arc<Front>,
    kv: KvServer<Front>,
    watch: WatchServer<W>,
    lease: LeaseServer<LeaseService>,
    cluster: ClusterServer<Front>,
    maintenance: MaintenanceServer<Front>,
    auth: AuthServer<Front>,
    lock: LockServer<Front>,
    election: ElectionServer<election::ElectionService>,
    health: HealthServer<Front>,
}

impl<W: Watch> Services<W> {
    /// The services of `front`, and the given implementation of Watch.
    pub fn new(front: Arc<Front>, watch: W) -> Services<W> {
        let max_bytes = front.limits().max_message_bytes();
        macro_rules! server {
            ($server:ident, $service:expr) => {
                $server::from_arc($service).max_decoding_message_size(max_bytes)
            };
        }
        Services {
            kv: server!(KvServer, front.clone()),
            watch: server!(WatchServer, Arc::new(watch)),
            lease: server!(LeaseServer, Arc::new(lease::service(&front))),
            cluster: server!(ClusterServer, front.clone()),
            maintenance: server!(MaintenanceServer, front.clone()),
            auth: server!(AuthServer, front.clone()),
            lock: server!(LockServer, front.clone()),
            election: server!(ElectionServer, Arc::new(election::service(&front))),
            health: server!(HealthServer, front.clone()),
            front,
        }
    }

    async fn route<B>(&self, service: Service, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError> + Send + 'static,
    {
        // A clone is a reference count: tonic's services want to be called by `&mut`.
        let answer: Result<_, Infallible> = match service {
            Service::Kv => self.kv.clone().call(request).await,
            Service::Watch => self.watch.clone().call(request).await,
            Service::Lease => self.lease.clone().call(request).await,
            Service::Cluster => self.cluster.clone().call(request).await,
            Service::Maintenance => self.maintenance.clone().call(request).await,
            Service::Auth => self.auth.clone().call(request).await,
            Service::Lock => self.lock.clone().call(request).await,
            Service::Election => self.election.clone().call(request).await,
            Service::Health => self.health.clone().call(request).await,
        };
        match answer {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// What ends a long answer besides its own end.
    fn ending(&self, wants_leader: bool, stop: &Stop) -> Ending {
        let stopped = stopped(stop.clone());
        if !wants_leader {
            return Box::pin(stopped);
        }
        let handle = self.front.handle().clone();
        Box::pin(async move {
            tokio::select! {
                error = stopped => error,
                error = leader_lost(handle) => error,
            }
        })
    }
}

impl<W: Watch> Serve for Services<W> {
    async fn answer<B>(&self, request: Request<B>, stop: &Stop) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError> + Send + 'static,
    {
        if !is_grpc(request.headers()) {
            let (parts, _) = request.into_parts();
            return http::answer(&*self.front, &parts.method, &parts.uri).await;
        }
        let Some(id) = MethodId::find(request.uri().path()) else {
            return unknown(request.uri().path());
        };
        let call = Call::start(self.front.counters().clone(), id);
        let (headers, progress) = (request.headers(), self.front.handle().progress());
        let wants_leader = wants_leader(headers);
        let ending = || self.ending(wants_leader, stop);
        let admitted = check_metadata(headers).and_then(|()| admit(id, wants_leader, &progress));
        let response = match admitted {
            Ok(()) => self.route(id.method().service, request).await,
            Err(error) => Status::from(error).into_http(),
        };
        finish(call, id, response, ending)
    }
}

/// Resolves once there has been no leader for three election timeouts.
async fn leader_lost(handle: crate::raft::Handle) -> Error {
    let mut ticks = tokio::time::interval(handle.election_timeout());
    let mut leaderless = 0;
    while leaderless < LEADERLESS_TIMEOUTS {
        ticks.tick().await;
        leaderless = match handle.progress().leader {
            Some(_) => 0,
            None => leaderless + 1,
        };
    }
    Error::NoLeader
}

/// Whether these are the headers of a gRPC call.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The client would rather fail than talk to a member without a leader.
fn wants_leader(headers: &HeaderMap) -> bool {
    headers
        .get("hasleader")
        .is_some_and(|value| value == "true")
}

/// Refuses metadata that does not mean anything.
fn check_metadata(headers: &HeaderMap) -> Result<(), Error> {
    let version = headers.get("client-api-version");
    match version.is_none_or(|version| std::str::from_utf8(version.as_bytes()).is_ok()) {
        true => Ok(()),
        false => Err(Error::InvalidClientApiVersion),
    }
}

/// Whether this member may answer the method as things stand.
fn admit(id: MethodId, wants_leader: bool, progress: &Progress) -> Result<(), Error> {
    if progress.is_learner && !id.method().on_learner {
        return Err(Error::NotSupportedForLearner);
    }
    if wants_leader && progress.leader.is_none() {
        return Err(Error::NoLeader);
    }
    Ok(())
}

/// Puts the outcome of a call into the counters and the client's words.
pub(super) fn finish(
    call: Call,
    id: MethodId,
    response: Response<Body>,
    ending: impl FnOnce() -> Ending,
) -> Response<Body> {
    let mut response = too_large(response);
    if let Some(code) = status_of(&response) {
        call.finish(code);
        return response;
    }
    let ending = if long_answer::bring_back(&mut response) {
        // Half a message helps nobody: like every unary answer it may be finished while the member stops.
        Box::pin(std::future::pending()) as Ending
    } else if id.method().shape == Shape::Unary {
        // tonic puts the status of a unary answer behind it, and has none but OK left by then.
        call.finish(Code::Ok);
        return response;
    } else {
        ending()
    };
    response.map(|body| Body::new(Watched::new(body, call, ending)))
}

/// The status of a call that failed before its first answer.
fn status_of(response: &Response<Body>) -> Option<Code> {
    let code = response.headers().get(Status::GRPC_STATUS)?;
    Some(Code::from_bytes(code.as_bytes()))
}

/// tonic calls a message that is too large `OutOfRange`; gRPC's own libraries, and so etcd, say
/// `ResourceExhausted`. (`OutOfRange` would be taken for a compacted revision.)
fn too_large(response: Response<Body>) -> Response<Body> {
    let status = response.extensions().get::<Status>();
    let is_too_large = |status: &Status| {
        let text = "Error, decoded message length too large";
        status.code() == Code::OutOfRange && status.message().starts_with(text)
    };
    match status.filter(|status| is_too_large(status)) {
        None => response,
        Some(status) => {
            let numbers = status.message().split(|c: char| !c.is_ascii_digit());
            let numbers: Vec<_> = numbers.filter(|number| !number.is_empty()).collect();
            let sizes = numbers.join(" vs. ");
            let text = format!("grpc: received message larger than max ({sizes})");
            Status::resource_exhausted(text).into_http()
        }
    }
}

fn unknown(path: &str) -> Response<Body> {
    let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let is_known = |service| METHODS.iter().any(|one| one.service.name() == service);
    let text = match service {
        Some((service, method)) if is_known(service) => {
            format!("unknown method {method} for service {service}")
        }
        Some((service, _)) => format!("unknown service {service}"),
        None => format!("malformed method name: {path:?}"),
    };
    Status::unimplemented(text).into_http()
}

#[cfg(test)]
mod tests;
