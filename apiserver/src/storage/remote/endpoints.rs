//! Members of the store: their connections, which of them is asked, and who is asked when it fails.
//!
//! All calls go to one member until it fails: answers from its local state then never go back in time.
//! A call is tried elsewhere only if it is certain that nothing has happened.

use super::super::kv::KvError;
use super::Options;
use super::error::Effect;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

/// Wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Silence after which a connection is tested while calls wait for it. etcd ends connections that are
/// tested more often than every 5 seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Wait for the answer to such a test.
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(5);
/// Bytes that a call's answer may be ahead of its reader, and all answers of a connection together.
const CALL_WINDOW: u32 = 1 << 20;
const CALLS_WINDOW: u32 = 16 << 20;
/// The same for watches. A reader that is slow must not stop the others: hundreds fit.
const WATCH_WINDOW: u32 = 256 << 10;
const WATCHES_WINDOW: u32 = 128 << 20;

/// The connections to one member. They are made when first used, and made again after they broke.
pub struct Connections {
    url: String,
    /// For calls with one answer.
    pub calls: Channel,
    /// For watches, apart: the bytes that wait for a slow reader of one must not hold up a call.
    pub watches: Channel,
}

/// All members.
pub struct Endpoints {
    members: Vec<Connections>,
    /// The one that is asked first.
    preferred: AtomicUsize,
    timeout: Duration,
}

impl Endpoints {
    /// Takes endpoints as people write them: `host:port` or `http://host:port`.
    pub fn new(options: &Options) -> Result<Endpoints, KvError> {
        let members: Vec<Connections> = options
            .endpoints
            .iter()
            .map(|endpoint| connections(endpoint.trim()))
            .collect::<Result<_, _>>()?;
        if members.is_empty() {
            return Err(KvError::Invalid("no endpoint of a store is given".into()));
        }
        Ok(Endpoints {
            members,
            preferred: AtomicUsize::new(0),
            timeout: options.timeout,
        })
    }

    /// Makes a call, elsewhere too if nothing has happened: at most once for each member.
    pub async fn call<'a, T, F>(
        &'a self,
        effect: Effect,
        call: impl Fn(&'a Connections) -> F,
    ) -> Result<T, KvError>
    where
        F: Future<Output = Result<T, KvError>>,
    {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut last = KvError::Unavailable("no endpoint answers".into());
        for offset in 0..self.members.len() {
            let number = (first + offset) % self.members.len();
            let member = &self.members[number];
            let error = match tokio::time::timeout(self.timeout, call(member)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => effect.lost(format!("no answer within {:?}", self.timeout)),
            };
            match error {
                KvError::Unavailable(why) => {
                    self.avoid(number);
                    last = KvError::Unavailable(format!("{}: {why}", member.url));
                }
                KvError::Unknown(why) => {
                    self.avoid(number);
                    return Err(KvError::Unknown(format!("{}: {why}", member.url)));
                }
                other => return Err(other),
            }
        }
        Err(last)
    }

    /// Later calls begin with the next member, unless somebody has seen to that already.
    fn avoid(&self, number: usize) {
        let next = (number + 1) % self.members.len();
        // It does not matter who wins: each sends everybody away from a member that failed.
        let _ = self
            .preferred
            .compare_exchange(number, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

fn connections(endpoint: &str) -> Result<Connections, KvError> {
    let url = match endpoint.contains("://") {
        true => endpoint.trim_end_matches('/').to_owned(),
        false => format!("http://{endpoint}"),
    };
    if !url.starts_with("http://") {
        let text = format!("{url} cannot be used: only http:// is built");
        return Err(KvError::Invalid(text));
    }
    let built = Endpoint::from_shared(url.clone())
        .map_err(|error| KvError::Invalid(format!("{url} is not an endpoint: {error}")))?
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_ANSWER);
    let with = |stream: u32, connection: u32| {
        built
            .clone()
            .initial_stream_window_size(stream)
            .initial_connection_window_size(connection)
            .connect_lazy()
    };
    Ok(Connections {
        url,
        calls: with(CALL_WINDOW, CALLS_WINDOW),
        watches: with(WATCH_WINDOW, WATCHES_WINDOW),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn three() -> Endpoints {
        let options = Options::new(["127.0.0.1:1", "http://127.0.0.1:2/", " 127.0.0.1:3"]);
        Endpoints::new(&options).expect("they are endpoints")
    }

    /// Calls in vain, and tells whom it asked.
    async fn asked(endpoints: &Endpoints, effect: Effect, error: &KvError) -> Vec<String> {
        let asked = Mutex::new(Vec::new());
        let outcome: Result<(), KvError> = endpoints
            .call(effect, |member| {
                asked.lock().expect("not poisoned").push(member.url.clone());
                std::future::ready(Err(error.clone()))
            })
            .await;
        assert!(outcome.is_err());
        asked.into_inner().expect("not poisoned")
    }

    #[tokio::test]
    async fn an_unavailable_member_is_passed_over_and_the_next_one_preferred() {
        let endpoints = three();
        let gone = KvError::Unavailable("gone".into());
        let all = asked(&endpoints, Effect::Some, &gone).await;
        let urls = [1, 2, 3].map(|port| format!("http://127.0.0.1:{port}"));
        assert_eq!(all, urls);
    }

    #[tokio::test]
    async fn a_call_that_may_have_happened_is_not_made_again() {
        let endpoints = three();
        let lost = KvError::Unknown("lost".into());
        for port in [1, 2, 3, 1] {
            let one = asked(&endpoints, Effect::Some, &lost).await;
            assert_eq!(one, [format!("http://127.0.0.1:{port}")]);
        }
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_the_member_stays_preferred() {
        let endpoints = three();
        for error in [KvError::NoSpace, KvError::Invalid("no".into())] {
            let one = asked(&endpoints, Effect::None, &error).await;
            assert_eq!(one, ["http://127.0.0.1:1"]);
        }
    }

    #[tokio::test]
    async fn what_is_no_endpoint_is_refused() {
        for bad in [&[][..], &["https://a:1"], &["unix:///a"], &["http://a b"]] {
            let refused = Endpoints::new(&Options::new(bad.iter().copied()));
            assert!(matches!(refused, Err(KvError::Invalid(_))), "{bad:?}");
        }
    }
}
