//! A cluster whose members have hosts of their own, with hollow nodes and clients outside.

use super::{MEMBERS, NODES, PATIENCE, program};
use keelson_kit::check::{Check, Failure, some};
use keelson_kit::cli::Cli;
use keelson_kit::client::Client;
use keelson_kit::dev::tails;
use keelson_kit::kubectl::Kubectl;
use keelson_kit::leader::leads;
use keelson_kit::net::{Net, OUTSIDE, Wire};
use keelson_kit::process::Process;
use keelson_kit::wait::wait_for;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

/// A member that takes longer to say who leads is not asked.
const ANSWER: Duration = Duration::from_millis(300);
/// A kubectl whose member has not answered by then goes to the next one.
const TURN: Duration = Duration::from_secs(4);

/// What a member does not hear or say any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It does not reach the others, nor they it; clients do.
    Peers,
    /// What it sends to the others gets lost; it hears them, and clients.
    Outgoing,
    /// What the others send it gets lost; they hear it, as do clients.
    Incoming,
    /// Nobody reaches it, and it reaches nobody.
    Everything,
}

impl Cut {
    /// One after the other.
    pub const ALL: [Cut; 4] = [Cut::Peers, Cut::Everything, Cut::Outgoing, Cut::Incoming];
}

/// See the module. It ends with this value.
pub struct Hosts {
    /// The members, at their clients' ports.
    pub client: Client,
    /// kubectl at whichever member answers.
    pub kubectl: Kubectl,
    /// The members' etcd endpoints.
    pub endpoints: Vec<String>,
    net: Net,
    _processes: Vec<Process>,
    scratch: TempDir,
}

fn name(host: usize) -> String {
    format!("m{}", host + 1)
}

fn peer_url(host: usize) -> String {
    format!("http://{}:2380", Wire::Peers.address(host))
}

fn client_url(host: usize) -> String {
    format!("http://{}:2379", Wire::Clients.address(host))
}

/// What follows the program's name.
fn member(host: usize, directory: &Path) -> Vec<String> {
    let everyone = (0..MEMBERS).map(|i| format!("{}={}", name(i), peer_url(i)));
    let everyone: Vec<String> = everyone.collect();
    let (name, peers, clients) = (name(host), peer_url(host), client_url(host));
    let kubernetes = format!("https://{}:6443", Wire::Clients.address(host));
    vec![
        "server".into(),
        format!("--data-dir={}", directory.join(&name).display()),
        format!("--name={name}"),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster={}", everyone.join(",")),
        format!("--listen-kubernetes-url={kubernetes}"),
    ]
}

impl Hosts {
    /// Starts them. Only inside a namespace.
    pub async fn start(programs: &Path) -> Check<Hosts> {
        let scratch = tempfile::Builder::new().prefix("keelson-kit-").tempdir()?;
        let directory = scratch.path();
        let net = Net::new(MEMBERS)?;
        let mut processes = Vec::new();
        for host in 0..MEMBERS {
            let mut command = net.on(host);
            command.push(program().display().to_string());
            command.extend(member(host, directory));
            let log = directory.join(format!("{}.log", name(host)));
            let (nsenter, arguments) = some("a program", command.split_first())?;
            processes.push(Process::start(Path::new(nsenter), arguments, &log)?);
        }
        let endpoints: Vec<String> = (0..MEMBERS).map(client_url).collect();
        let kubeconfig = directory.join("kubeconfig");
        let text = kubeconfig_of_all(&endpoints).await;
        let told = |failure| Failure::new(format!("{failure}\n{}", tails(directory)));
        std::fs::write(&kubeconfig, text.map_err(told)?)?;
        let nodes = [
            "hollow".to_owned(),
            format!("--nodes={NODES}"),
            format!("--kubeconfig={}", kubeconfig.display()),
        ];
        processes.push(Process::start(
            program(),
            &nodes,
            &directory.join("hollow.log"),
        )?);
        let kubectl = Kubectl::new(programs, &kubeconfig, "keelson", MEMBERS);
        Ok(Hosts {
            client: Client::new(&endpoints)?,
            kubectl: kubectl.with_turn(TURN),
            endpoints,
            net,
            _processes: processes,
            scratch,
        })
    }

    /// Whether clients reach a member.
    pub async fn answers(&self, host: usize) -> bool {
        let client = self.client.member(host);
        let status = timeout(ANSWER, client.status()).await;
        status.is_ok_and(|status| status.is_ok())
    }

    /// Which member leads, and in which term: of those that say so, the one with the newest.
    pub async fn leader(&self) -> Option<(usize, u64)> {
        let asked = (0..MEMBERS).map(|host| async move {
            let client = self.client.member(host);
            let status = timeout(ANSWER, client.status()).await.ok()?.ok()?;
            leads(&status).then_some((host, status.raft_term))
        });
        let answers = futures::future::join_all(asked).await;
        answers.into_iter().flatten().max_by_key(|(_, term)| *term)
    }

    /// Waits until a member leads in a later term than this.
    pub async fn later_leader(&self, than: u64) -> Check<(usize, u64)> {
        wait_for("another member leads", PATIENCE, || async {
            self.leader().await.filter(|(_, term)| *term > than)
        })
        .await
    }

    /// Cuts a member off.
    pub fn cut(&self, host: usize, cut: Cut) -> Check {
        for other in (0..MEMBERS).filter(|other| *other != host) {
            if cut != Cut::Incoming {
                self.net.cut(Wire::Peers, host, other)?;
            }
            if cut != Cut::Outgoing {
                self.net.cut(Wire::Peers, other, host)?;
            }
        }
        if cut == Cut::Everything {
            self.net.cut(Wire::Clients, host, OUTSIDE)?;
            self.net.cut(Wire::Clients, OUTSIDE, host)?;
        }
        Ok(())
    }

    /// All reach each other again.
    pub fn heal(&self) -> Check {
        self.net.heal()
    }

    /// The ends of all logs.
    pub fn tails(&self) -> String {
        tails(self.scratch.path())
    }
}

/// A file for kubectl that knows all members; they say where they are when they serve.
async fn kubeconfig_of_all(endpoints: &[String]) -> Check<String> {
    let keelson = Cli::on(program(), endpoints);
    wait_for("all members serve", PATIENCE, || async {
        let text = keelson.text(&["kubeconfig"]).await.ok()?;
        (text.matches("server:").count() == MEMBERS).then_some(text)
    })
    .await
}
