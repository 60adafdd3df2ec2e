//! Every gRPC method of the client port, once: its path, its shape, and who may answer it.
//!
//! A method is known by its place in [`METHODS`], so that counting a request is an index into an
//! array and not a lookup by name.

/// How many messages go each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One request, one answer.
    Unary,
    /// One request, many answers.
    ServerStream,
    /// Many of both.
    Bidi,
}

impl Shape {
    /// As the `grpc_type` label of metrics has it.
    pub fn label(self) -> &'static str {
        match self {
            Shape::Unary => "unary",
            Shape::ServerStream => "server_stream",
            Shape::Bidi => "bidi_stream",
        }
    }
}

/// The services, in the terms of the dispatcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Keys and values.
    Kv,
    /// Watches.
    Watch,
    /// Leases.
    Lease,
    /// Membership.
    Cluster,
    /// Operations.
    Maintenance,
    /// Users and roles.
    Auth,
    /// Locks.
    Lock,
    /// Elections.
    Election,
    /// gRPC's own health service.
    Health,
}

impl Service {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Service::Kv => "etcdserverpb.KV",
            Service::Watch => "etcdserverpb.Watch",
            Service::Lease => "etcdserverpb.Lease",
            Service::Cluster => "etcdserverpb.Cluster",
            Service::Maintenance => "etcdserverpb.Maintenance",
            Service::Auth => "etcdserverpb.Auth",
            Service::Lock => "v3lockpb.Lock",
            Service::Election => "v3electionpb.Election",
            Service::Health => "grpc.health.v1.Health",
        }
    }
}

/// One method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// The service it belongs to.
    pub service: Service,
    /// Its name within the service.
    pub name: &'static str,
    /// How many messages go each way.
    pub shape: Shape,
    /// Answered by learners too. (`Range` decides by itself: only if serializable.)
    pub on_learner: bool,
}

/// Place in [`METHODS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodId(usize);

impl MethodId {
    /// The method with this path, if there is one.
    pub fn find(path: &str) -> Option<MethodId> {
        // Shorter than hashing: the busy ones stand in front, and lengths differ.
        let (service, name) = path.strip_prefix('/')?.split_once('/')?;
        METHODS
            .iter()
            .position(|method| method.name == name && method.service.name() == service)
            .map(MethodId)
    }

    /// The method.
    pub fn method(self) -> &'static Method {
        &METHODS[self.0]
    }

    /// The place.
    pub fn index(self) -> usize {
        self.0
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = MethodId> {
        (0..METHODS.len()).map(MethodId)
    }
}

const fn method(service: Service, name: &'static str, shape: Shape, on_learner: bool) -> Method {
    Method {
        service,
        name,
        shape,
        on_learner,
    }
}

const fn unary(service: Service, name: &'static str) -> Method {
    method(service, name, Shape::Unary, false)
}

/// Every method, the busy ones first.
pub const METHODS: &[Method] = &[
    method(Service::Kv, "Range", Shape::Unary, true),
    unary(Service::Kv, "Put"),
    unary(Service::Kv, "Txn"),
    unary(Service::Kv, "DeleteRange"),
    unary(Service::Kv, "Compact"),
    method(Service::Kv, "RangeStream", Shape::ServerStream, false),
    method(Service::Watch, "Watch", Shape::Bidi, false),
    unary(Service::Lease, "LeaseGrant"),
    unary(Service::Lease, "LeaseRevoke"),
    method(Service::Lease, "LeaseKeepAlive", Shape::Bidi, false),
    unary(Service::Lease, "LeaseTimeToLive"),
    unary(Service::Lease, "LeaseLeases"),
    method(Service::Maintenance, "Status", Shape::Unary, true),
    unary(Service::Maintenance, "Alarm"),
    unary(Service::Maintenance, "Defragment"),
    unary(Service::Maintenance, "Hash"),
    unary(Service::Maintenance, "HashKV"),
    method(Service::Maintenance, "Snapshot", Shape::ServerStream, true),
    unary(Service::Maintenance, "MoveLeader"),
    unary(Service::Maintenance, "Downgrade"),
    unary(Service::Cluster, "MemberAdd"),
    unary(Service::Cluster, "MemberRemove"),
    unary(Service::Cluster, "MemberUpdate"),
    unary(Service::Cluster, "MemberList"),
    unary(Service::Cluster, "MemberPromote"),
    unary(Service::Lock, "Lock"),
    unary(Service::Lock, "Unlock"),
    unary(Service::Election, "Campaign"),
    unary(Service::Election, "Proclaim"),
    unary(Service::Election, "Leader"),
    method(Service::Election, "Observe", Shape::ServerStream, false),
    unary(Service::Election, "Resign"),
    // About this process, not about the group: a learner answers it like anybody.
    method(Service::Health, "Check", Shape::Unary, true),
    method(Service::Health, "Watch", Shape::ServerStream, true),
    unary(Service::Auth, "AuthStatus"),
    unary(Service::Auth, "AuthEnable"),
    unary(Service::Auth, "AuthDisable"),
    unary(Service::Auth, "Authenticate"),
    unary(Service::Auth, "UserAdd"),
    unary(Service::Auth, "UserGet"),
    unary(Service::Auth, "UserList"),
    unary(Service::Auth, "UserDelete"),
    unary(Service::Auth, "UserChangePassword"),
    unary(Service::Auth, "UserGrantRole"),
    unary(Service::Auth, "UserRevokeRole"),
    unary(Service::Auth, "RoleAdd"),
    unary(Service::Auth, "RoleGet"),
    unary(Service::Auth, "RoleList"),
    unary(Service::Auth, "RoleDelete"),
    unary(Service::Auth, "RoleGrantPermission"),
    unary(Service::Auth, "RoleRevokePermission"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_own_path() {
        for id in MethodId::all() {
            let method = id.method();
            let path = format!("/{}/{}", method.service.name(), method.name);
            assert_eq!(MethodId::find(&path), Some(id), "{path}");
        }
    }

    #[test]
    fn other_paths_are_no_methods() {
        for path in ["/etcdserverpb.KV/Nothing", "/KV/Range", "/health", "/", ""] {
            assert_eq!(MethodId::find(path), None, "{path}");
        }
    }

    #[test]
    fn learners_answer_what_clients_rely_on_and_nothing_else() {
        let open = |id: &MethodId| id.method().on_learner;
        let names: Vec<_> = MethodId::all()
            .filter(open)
            .map(|id| id.method().name)
            .collect();
        assert_eq!(names, ["Range", "Status", "Snapshot", "Check", "Watch"]);
    }
}
