//! The connection that requests go over, whichever server it leads to. When it breaks, the next server's
//! takes its place.

use super::config::Config;
use super::connection::{Sender, open};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// A server that does not take a connection in this time is passed over.
const CONNECT: Duration = Duration::from_secs(1);
/// When no server takes a connection, nobody tries again before.
const PAUSE: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct Lane(Mutex<State>);

struct State {
    /// The position of the server.
    at: usize,
    open: Option<Sender>,
    /// Why no server could be reached, and until when that counts.
    failed: Option<(Instant, String)>,
}

impl Lane {
    /// A lane that prefers one server.
    pub(super) fn new(at: usize) -> Lane {
        Lane(Mutex::new(State {
            at,
            open: None,
            failed: None,
        }))
    }

    /// An open connection.
    ///
    /// # Errors
    /// No server takes one: why.
    pub(super) async fn sender(&self, config: &Config) -> Result<Sender, String> {
        let mut state = self.0.lock().await;
        if let Some(sender) = &state.open {
            if !sender.is_closed() {
                return Ok(sender.clone());
            }
            state.open = None;
            state.at += 1;
        }
        if let Some((until, why)) = &state.failed
            && Instant::now() < *until
        {
            return Err(why.clone());
        }
        let mut reasons = Vec::new();
        for step in 0..config.servers.len() {
            let at = (state.at + step) % config.servers.len();
            let server = &config.servers[at];
            let why = match timeout(CONNECT, open(config, server)).await {
                Ok(Ok(sender)) => {
                    state.at = at;
                    state.failed = None;
                    state.open = Some(sender.clone());
                    return Ok(sender);
                }
                Ok(Err(why)) => why,
                Err(_) => "it does not answer".to_owned(),
            };
            reasons.push(format!("{}:{}: {why}", server.host, server.port));
        }
        let why = reasons.join("; ");
        state.failed = Some((Instant::now() + PAUSE, why.clone()));
        Err(why)
    }
}
