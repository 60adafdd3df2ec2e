//! Transactions that only read: answered from the store at one revision, without the log.
//!
//! Everything is read at the revision that was current when the evaluation began, so compares and
//! ranges see one state although writes go on meanwhile.

use super::front::Front;
use super::kv::range_op;
use crate::{Error, Revision};
use bytes::Bytes;
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{Compare, RangeRequest, ResponseHeader, TxnRequest};
use keelson_proto::mvccpb::KeyValue;
use keelson_proto::serving::{RangeResponse, TxnResponse};
use prost::Message;
use std::cmp::Ordering;
use std::future::Future;

/// What an evaluation reads from. The real one is the front.
pub(super) trait Source: Sync {
    /// The newest revision.
    fn revision(&self) -> Revision;
    /// The newest compaction; -1 if there was none.
    fn compacted(&self) -> Revision;
    /// A whole range, read without keeping others waiting.
    fn range(
        &self,
        request: RangeRequest,
    ) -> impl Future<Output = Result<RangeResponse, Error>> + Send;
}

impl Source for Front {
    fn revision(&self) -> Revision {
        self.store().revision()
    }

    fn compacted(&self) -> Revision {
        self.store().compacted()
    }

    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.read(request).await
    }
}

/// Answers a checked transaction that consists of compares and ranges only.
///
/// # Errors
/// A range pinned at a compacted or future revision fails the whole transaction.
pub(super) async fn evaluate(
    source: &impl Source,
    request: &TxnRequest,
) -> Result<TxnResponse, Error> {
    loop {
        let revision = source.revision();
        match evaluate_at(source, request, revision).await {
            // A compaction overtook the evaluation itself, not a revision that the client chose.
            Err(Error::Compacted) if !pins_old(request) && source.revision() > revision => {}
            outcome => return outcome,
        }
    }
}

/// Some range names a revision of its own.
fn pins_old(request: &TxnRequest) -> bool {
    let mut operations = request.success.iter().chain(&request.failure);
    operations.any(
        |operation| matches!(&operation.request, Some(Request::RequestRange(range)) if range.revision != 0),
    )
}

async fn evaluate_at(
    source: &impl Source,
    request: &TxnRequest,
    revision: Revision,
) -> Result<TxnResponse, Error> {
    let mut succeeded = true;
    for compare in &request.compare {
        if !holds(source, compare, revision).await? {
            succeeded = false;
            break;
        }
    }
    let branch = match succeeded {
        true => &request.success,
        false => &request.failure,
    };
    let header = Some(ResponseHeader {
        revision,
        ..ResponseHeader::default()
    });
    let mut responses = Vec::with_capacity(branch.len());
    for operation in branch {
        let Some(Request::RequestRange(range)) = &operation.request else {
            // Validation lets only ranges come here.
            return Err(Error::KeyNotFound);
        };
        let mut range = range.clone();
        range.revision = pin(range.revision, revision, source.compacted())?;
        let mut response = source.range(range).await?;
        response.header = header;
        responses.push(range_op(response));
    }
    Ok(TxnResponse {
        header,
        succeeded,
        responses,
    })
}

/// A transaction whose conditions have been looked at here and now, and not where it takes effect: it says yes
/// or no whatever has happened meanwhile. Nobody but a plant asks for it.
pub(super) async fn decided(
    source: &impl Source,
    mut request: TxnRequest,
) -> Result<TxnRequest, Error> {
    let revision = source.revision();
    for compare in std::mem::take(&mut request.compare) {
        if !holds(source, &compare, revision).await? {
            // No version is below zero.
            request.compare = vec![Compare {
                result: CompareResult::Less as i32,
                target: CompareTarget::Version as i32,
                target_union: Some(TargetUnion::Version(0)),
                ..compare
            }];
            break;
        }
    }
    Ok(request)
}

/// The revision at which a range inside reads. As in etcd, only zero is "now" here: a negative one
/// counts as compacted, unlike outside of transactions (-1 does not while nothing has been compacted).
fn pin(wanted: Revision, now: Revision, compacted: Revision) -> Result<Revision, Error> {
    if wanted > now {
        return Err(Error::FutureRevision);
    }
    if wanted != 0 && wanted < compacted {
        return Err(Error::Compacted);
    }
    Ok(if wanted <= 0 { now } else { wanted })
}

/// Whether a compare holds for the key, or for every live key of its range. A missing key, and an
/// empty range, compare as version, revisions and lease zero.
async fn holds(source: &impl Source, compare: &Compare, revision: Revision) -> Result<bool, Error> {
    let request = RangeRequest {
        key: compare.key.clone(),
        range_end: compare.range_end.clone(),
        revision,
        keys_only: compare.target != CompareTarget::Value as i32,
        ..RangeRequest::default()
    };
    let records = source.range(request).await?.kvs;
    if records.is_empty() {
        // A missing key has no value that could compare with anything.
        let by_value = compare.target == CompareTarget::Value as i32;
        return Ok(!by_value && matches(compare, &KeyValue::default()));
    }
    Ok(records
        .iter()
        .all(|record| matches(compare, &decode(record))))
}

fn decode(record: &Bytes) -> KeyValue {
    match KeyValue::decode(record.clone()) {
        Ok(kv) => kv,
        Err(error) => crate::broken!("a stored record does not decode: {error}"),
    }
}

/// Compares one record. What the union does not set, or sets for another target, is zero or empty.
fn matches(compare: &Compare, kv: &KeyValue) -> bool {
    let target = CompareTarget::try_from(compare.target);
    let ordering = match (target, &compare.target_union) {
        (Ok(CompareTarget::Value), Some(TargetUnion::Value(value))) => kv.value.cmp(value),
        (Ok(CompareTarget::Value), _) => kv.value.cmp(&Bytes::new()),
        (Ok(target), union) => number(target, kv).cmp(&expected(target, union)),
        // An unknown target compares nothing with nothing.
        (Err(_), _) => Ordering::Equal,
    };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => ordering.is_eq(),
        Ok(CompareResult::NotEqual) => ordering.is_ne(),
        Ok(CompareResult::Greater) => ordering.is_gt(),
        Ok(CompareResult::Less) => ordering.is_lt(),
        Err(_) => true,
    }
}

fn number(target: CompareTarget, kv: &KeyValue) -> i64 {
    match target {
        CompareTarget::Version => kv.version,
        CompareTarget::Create => kv.create_revision,
        CompareTarget::Mod => kv.mod_revision,
        CompareTarget::Lease => kv.lease,
        CompareTarget::Value => 0,
    }
}

fn expected(target: CompareTarget, union: &Option<TargetUnion>) -> i64 {
    match (target, union) {
        (CompareTarget::Version, Some(TargetUnion::Version(number)))
        | (CompareTarget::Create, Some(TargetUnion::CreateRevision(number)))
        | (CompareTarget::Mod, Some(TargetUnion::ModRevision(number)))
        | (CompareTarget::Lease, Some(TargetUnion::Lease(number))) => *number,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use keelson_proto::etcdserverpb::RequestOp;

    /// One key, `a` = `x`, created at 5, and nothing else.
    struct OneKey;

    impl Source for OneKey {
        fn revision(&self) -> Revision {
            9
        }

        fn compacted(&self) -> Revision {
            4
        }

        async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
            if request.revision < 4 {
                return Err(Error::Compacted);
            }
            let kv = KeyValue {
                key: "a".into(),
                value: "x".into(),
                create_revision: 5,
                mod_revision: 6,
                version: 2,
                lease: 0,
            };
            let kvs = match &request.key[..] {
                b"a" => vec![kv.encode_to_vec().into()],
                _ => Vec::new(),
            };
            Ok(RangeResponse {
                count: kvs.len() as i64,
                kvs,
                ..RangeResponse::default()
            })
        }
    }

    fn compare(key: &'static str, result: CompareResult, union: Option<TargetUnion>) -> bool {
        let target = match &union {
            Some(TargetUnion::Version(_)) | None => CompareTarget::Version,
            Some(TargetUnion::CreateRevision(_)) => CompareTarget::Create,
            Some(TargetUnion::ModRevision(_)) => CompareTarget::Mod,
            Some(TargetUnion::Value(_)) => CompareTarget::Value,
            Some(TargetUnion::Lease(_)) => CompareTarget::Lease,
        };
        let compare = Compare {
            result: result as i32,
            target: target as i32,
            key: key.into(),
            target_union: union,
            range_end: Bytes::new(),
        };
        block_on(holds(&OneKey, &compare, 9)).expect("readable")
    }

    #[test]
    fn a_missing_key_is_zero_in_every_number_and_its_value_compares_with_nothing() {
        use CompareResult::{Equal, NotEqual};
        assert!(compare("b", Equal, Some(TargetUnion::ModRevision(0))));
        assert!(compare("b", Equal, None));
        assert!(!compare("b", NotEqual, Some(TargetUnion::Version(0))));
        for result in [Equal, NotEqual, CompareResult::Less] {
            assert!(!compare("b", result, Some(TargetUnion::Value("y".into()))));
        }
    }

    #[test]
    fn a_present_key_compares_by_its_numbers_and_value() {
        use CompareResult::{Equal, Greater, Less, NotEqual};
        assert!(compare("a", Equal, Some(TargetUnion::Version(2))));
        assert!(compare("a", Greater, Some(TargetUnion::CreateRevision(4))));
        assert!(!compare("a", Greater, Some(TargetUnion::CreateRevision(5))));
        assert!(compare("a", Less, Some(TargetUnion::ModRevision(7))));
        assert!(compare("a", NotEqual, Some(TargetUnion::Value("y".into()))));
        assert!(!compare("a", Equal, None), "unset is version zero");
    }

    fn ranges_at(revision: Revision) -> TxnRequest {
        let range = RangeRequest {
            key: "a".into(),
            revision,
            ..RangeRequest::default()
        };
        TxnRequest {
            success: vec![RequestOp {
                request: Some(Request::RequestRange(range)),
            }],
            ..TxnRequest::default()
        }
    }

    #[test]
    fn ranges_inside_answer_at_the_revision_of_the_whole() {
        let response = block_on(evaluate(&OneKey, &ranges_at(0))).expect("readable");
        assert!(response.succeeded);
        assert_eq!(response.header.expect("set").revision, 9);
        assert_eq!(response.responses.len(), 1);
    }

    #[test]
    fn a_pin_outside_the_history_fails_the_whole() {
        let outcome = |revision| block_on(evaluate(&OneKey, &ranges_at(revision)));
        assert_eq!(outcome(10), Err(Error::FutureRevision));
        assert_eq!(outcome(3), Err(Error::Compacted));
        assert_eq!(outcome(-1), Err(Error::Compacted));
    }

    #[test]
    fn minus_one_is_now_until_something_is_compacted() {
        assert_eq!(pin(-1, 9, -1), Ok(9));
        assert_eq!(pin(-2, 9, -1), Err(Error::Compacted));
        assert_eq!(pin(-1, 9, 0), Err(Error::Compacted));
    }
}
