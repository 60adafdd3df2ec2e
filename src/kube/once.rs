//! What all members of a cluster have in common and nobody configures: whoever comes first makes it.

use keelson_apiserver::storage::{At, Committed, Guard, Kv, KvError, Range, Txn, Write};

/// The text at `key`; what `make` makes, if there is none yet. However many ask at the same time, on
/// however many members: all get the same.
///
/// # Errors
/// The store's; what `make` says.
pub async fn once(
    kv: &dyn Kv,
    key: &'static str,
    make: impl Fn() -> Result<String, String>,
) -> Result<String, Setback> {
    loop {
        if let Some(text) = read(kv, key).await? {
            return Ok(text);
        }
        let text = make().map_err(Setback::Final)?;
        let txn = Txn {
            guards: vec![Guard {
                key: key.into(),
                mod_revision: 0,
            }],
            writes: vec![Write::Put {
                key: key.into(),
                value: text.clone().into(),
                lease: 0,
            }],
            ..Txn::default()
        };
        match kv.txn(txn).await {
            Ok(Committed::Written { .. }) => return Ok(text),
            // Somebody was first, or may have been: what counts is what is there now.
            Ok(Committed::Refused { .. }) | Err(KvError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn read(kv: &dyn Kv, key: &'static str) -> Result<Option<String>, Setback> {
    let range = Range {
        key: key.into(),
        end: None,
        at: At::Latest,
        limit: 0,
        keys_only: false,
    };
    let Some(found) = kv.range(range).await?.keys.pop() else {
        return Ok(None);
    };
    match String::from_utf8(found.value.into()) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Setback::Final(format!("{key} is no text"))),
    }
}

/// Why it did not work out.
#[derive(Debug)]
pub enum Setback {
    /// Trying again helps, mostly: there may be no leader yet.
    Passing(String),
    /// It does not: somebody has to look.
    Final(String),
}

impl From<KvError> for Setback {
    fn from(error: KvError) -> Setback {
        match error {
            KvError::Unavailable(why) | KvError::Unknown(why) => Setback::Passing(why),
            KvError::Overloaded | KvError::NoSpace => Setback::Passing(format!("{error:?}")),
            other => Setback::Final(format!("{other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_apiserver::storage::MemoryKv;
    use std::sync::Arc;

    const KEY: &str = "/keelson/kubernetes/test";

    #[tokio::test]
    async fn all_who_ask_get_what_the_first_made() {
        let kv = Arc::new(MemoryKv::new());
        let asked = (0..8).map(|number| {
            let kv = kv.clone();
            tokio::spawn(async move { once(&*kv, KEY, || Ok(number.to_string())).await })
        });
        let mut texts = Vec::new();
        for task in asked.collect::<Vec<_>>() {
            texts.push(task.await.expect("no panic").expect("made"));
        }
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        let again = once(&*kv, KEY, || Err("it is made only once".to_owned())).await;
        assert_eq!(again.expect("read"), texts[0]);
    }
}
