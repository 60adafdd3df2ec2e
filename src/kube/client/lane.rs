//! The connection that requests go over, whichever server it leads to. When it breaks or
//! nothing is heard of the server, the next server's takes its place.

use super::config::Config;
use super::connection::{Connection, open};
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
    /// The position of the server, and whether it has ever been connected to.
    at: usize,
    was_open: bool,
    open: Option<Connection>,
    /// Why no server could be reached, and until when that counts.
    failed: Option<(Instant, String)>,
}

impl Lane {
    /// A lane that prefers one server.
    pub(super) fn new(at: usize) -> Lane {
        Lane(Mutex::new(State {
            at,
            was_open: false,
            open: None,
            failed: None,
        }))
    }

    /// An open connection, to a server that is not silent if there is one.
    ///
    /// # Errors
    /// No server takes one: why.
    pub(super) async fn connection(&self, config: &Config) -> Result<Connection, String> {
        let mut state = self.0.lock().await;
        let present = state.open.clone();
        let present = present.filter(|present| !present.sender.is_closed());
        if let Some(present) = &present
            && !present.pulse.is_silent()
        {
            return Ok(present.clone());
        }
        if let Some((until, why)) = &state.failed
            && Instant::now() < *until
        {
            return present.ok_or(why.clone());
        }
        match state.next(config).await {
            Ok(opened) => {
                state.open = Some(opened.clone());
                Ok(opened)
            }
            // Silent is better than nothing: it may only be slow.
            Err(why) => {
                state.failed = Some((Instant::now() + PAUSE, why.clone()));
                present.ok_or(why)
            }
        }
    }
}

impl State {
    /// Opens a connection to the server behind the present one, or to the one behind that. The present one
    /// comes last: it has broken, or is silent. In the beginning it comes first.
    async fn next(&mut self, config: &Config) -> Result<Connection, String> {
        let mut reasons = Vec::new();
        for step in 0..config.servers.len() {
            let at = (self.at + usize::from(self.was_open) + step) % config.servers.len();
            let server = &config.servers[at];
            let why = match timeout(CONNECT, open(config, server)).await {
                Ok(Ok(opened)) => {
                    self.at = at;
                    self.was_open = true;
                    self.failed = None;
                    return Ok(opened);
                }
                Ok(Err(why)) => why,
                Err(_) => "it does not answer".to_owned(),
            };
            reasons.push(format!("{}:{}: {why}", server.host, server.port));
        }
        Err(reasons.join("; "))
    }
}
