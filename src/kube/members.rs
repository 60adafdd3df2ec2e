//! Which members serve the API now: those that have noted an address and take a connection there.

use super::serve::SERVERS_PREFIX;
use keelson_apiserver::storage::{At, Kv, Range};
use keelson_controllers::kubernetes_service::Member;
use parking_lot::RwLock;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Pause between two rounds.
const EVERY: Duration = Duration::from_secs(3);
/// A member that does not take a connection for so long is not there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Those that were there in the last round. Clones share them.
#[derive(Clone, Default)]
pub struct Members(Arc<RwLock<Vec<Member>>>);

impl Members {
    /// Those that are there.
    pub fn present(&self) -> Vec<Member> {
        self.0.read().clone()
    }

    /// Looks again and again, for ever.
    pub async fn keep(&self, kv: &dyn Kv) {
        loop {
            if let Some(noted) = noted(kv).await {
                let mut present = Vec::with_capacity(noted.len());
                for address in noted {
                    if matches!(
                        timeout(PATIENCE, TcpStream::connect(address)).await,
                        Ok(Ok(_))
                    ) {
                        present.push(Member {
                            ip: address.ip(),
                            port: address.port(),
                        });
                    }
                }
                *self.0.write() = present;
            }
            sleep(EVERY).await;
        }
    }
}

/// The addresses that members have noted; `None` if the store does not tell. Names that are no addresses
/// are left out: a Service leads to addresses.
async fn noted(kv: &dyn Kv) -> Option<Vec<SocketAddr>> {
    let mut end = SERVERS_PREFIX.as_bytes().to_vec();
    end.pop();
    end.push(b'/' + 1);
    let range = Range {
        key: SERVERS_PREFIX.into(),
        end: Some(end.into()),
        at: At::Any,
        limit: 0,
        keys_only: false,
    };
    let found = kv.range(range).await.ok()?;
    let addresses = found.keys.into_iter().filter_map(|found| {
        let text = std::str::from_utf8(&found.value).ok()?;
        text.strip_prefix("https://")?.parse().ok()
    });
    Some(addresses.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apiserver::storage::{MemoryKv, Txn, Write};

    #[tokio::test]
    async fn members_that_take_a_connection_are_there_and_others_are_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let here = listener.local_addr().expect("bound");
        // Nobody listens there any more.
        let gone = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("bound")
        };
        let kv = MemoryKv::new();
        for (name, address) in [
            ("a", here.to_string()),
            ("b", gone.to_string()),
            ("c", "x".into()),
        ] {
            let put = Write::Put {
                key: format!("{SERVERS_PREFIX}{name}").into(),
                value: format!("https://{address}").into(),
                lease: 0,
            };
            let txn = Txn {
                writes: vec![put],
                ..Txn::default()
            };
            kv.txn(txn).await.expect("written");
        }
        let members = Members::default();
        let looked = async {
            while members.present().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = members.keep(&kv) => {}
            () = looked => {}
        }
        let present = members.present();
        assert_eq!(present.len(), 1);
        assert_eq!((present[0].ip, present[0].port), (here.ip(), here.port()));
    }
}
