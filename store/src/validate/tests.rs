//! One test per statement of the contract; the numbers are its own.

use super::*;
use bytes::Bytes;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{Compare, RequestOp, TxnRequest};
use keelson_proto::log::command::Operation;
use proptest::prelude::*;

const ETCD_MAX_OPS: usize = 128;

fn op(request: Request) -> RequestOp {
    let request = Some(request);
    RequestOp { request }
}

fn put_request(key: &'static str) -> PutRequest {
    PutRequest {
        key: key.into(),
        value: "v".into(),
        ..Default::default()
    }
}

fn put(key: &'static str) -> RequestOp {
    op(Request::RequestPut(put_request(key)))
}

fn delete(key: &'static str, range_end: &'static str) -> RequestOp {
    op(Request::RequestDeleteRange(DeleteRangeRequest {
        key: key.into(),
        range_end: range_end.into(),
        prev_kv: false,
    }))
}

fn range_request(key: &'static str) -> RangeRequest {
    RangeRequest {
        key: key.into(),
        ..Default::default()
    }
}

fn range(key: &'static str, serializable: bool) -> RequestOp {
    op(Request::RequestRange(RangeRequest {
        serializable,
        ..range_request(key)
    }))
}

fn txn(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> TxnRequest {
    TxnRequest {
        compare: Vec::new(),
        success,
        failure,
    }
}

fn nested(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> RequestOp {
    op(Request::RequestTxn(txn(success, failure)))
}

fn check(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> Result<(), Error> {
    check_txn(&txn(success, failure), ETCD_MAX_OPS)
}

#[test]
fn c24_a_sort_order_or_target_that_does_not_exist_is_refused() {
    let request = |sort_order, sort_target| RangeRequest {
        sort_order,
        sort_target,
        ..range_request("k")
    };
    assert_eq!(check_range(&request(2, 4)), Ok(()));
    assert_eq!(check_range(&request(3, 0)), Err(Error::InvalidSortOption));
    assert_eq!(check_range(&request(0, 5)), Err(Error::InvalidSortOption));
    assert_eq!(check_range(&request(-1, 0)), Err(Error::InvalidSortOption));
}

#[test]
fn c26_a_request_without_a_key_is_refused() {
    assert_eq!(check_range(&range_request("")), Err(Error::EmptyKey));
    assert_eq!(check_put(&put_request("")), Err(Error::EmptyKey));
    let request = DeleteRangeRequest::default();
    assert_eq!(check_delete_range(&request), Err(Error::EmptyKey));
    let mut request = TxnRequest::default();
    request.compare.push(Compare::default());
    assert_eq!(check_txn(&request, ETCD_MAX_OPS), Err(Error::EmptyKey));
    for without in [range("", false), put(""), delete("", "")] {
        assert_eq!(check(vec![], vec![without]), Err(Error::EmptyKey));
    }
}

#[test]
fn c29_ignoring_and_giving_a_value_or_a_lease_exclude_each_other() {
    let mut request = put_request("k");
    request.ignore_value = true;
    assert_eq!(check_put(&request), Err(Error::ValueProvided));
    request.value = Bytes::new();
    assert_eq!(check_put(&request), Ok(()));
    request.ignore_lease = true;
    assert_eq!(check_put(&request), Ok(()));
    request.lease = 7;
    assert_eq!(check_put(&request), Err(Error::LeaseProvided));
}

#[test]
fn c44_the_longest_list_counts_against_the_limit() {
    let limit = 3;
    let of = |compares: usize, success: usize, failure: usize| TxnRequest {
        compare: vec![
            Compare {
                key: "k".into(),
                ..Default::default()
            };
            compares
        ],
        success: vec![range("k", false); success],
        failure: vec![range("k", false); failure],
    };
    assert_eq!(check_txn(&of(3, 3, 3), limit), Ok(()));
    for over in [of(4, 0, 0), of(0, 4, 0), of(0, 0, 4)] {
        assert_eq!(check_txn(&over, limit), Err(Error::TooManyOps));
    }
}

#[test]
fn c44_a_nested_transaction_gets_what_its_parent_left_over() {
    let inner = |ops| nested(vec![range("k", false); ops], vec![]);
    let outer = |ops| txn(vec![inner(ops), range("k", false)], vec![]);
    assert_eq!(check_txn(&outer(2), 4), Ok(()));
    assert_eq!(check_txn(&outer(3), 4), Err(Error::TooManyOps));
}

#[test]
fn nesting_ends_well_before_the_decoder_gives_up() {
    use prost::Message;
    let deep = |depth: usize| {
        let innermost = txn(vec![put("k")], vec![]);
        (1..depth).fold(innermost, |inner, _| {
            txn(vec![op(Request::RequestTxn(inner))], vec![])
        })
    };
    let deepest = deep(DEPTH_MAX);
    assert_eq!(check_txn(&deepest, usize::MAX), Ok(()));
    let over = check_txn(&deep(DEPTH_MAX + 1), usize::MAX);
    assert_eq!(over, Err(Error::TooManyOps));

    let command = keelson_proto::log::Command {
        fence_term: 0,
        operation: Some(Operation::Txn(deepest)),
    };
    let decoded = keelson_proto::log::Command::decode(&command.encode_to_vec()[..]);
    assert_eq!(decoded, Ok(command));
}

#[test]
fn c45_an_operation_that_is_none_is_refused() {
    let none = RequestOp { request: None };
    assert_eq!(check(vec![none.clone()], vec![]), Err(Error::KeyNotFound));
    let inside = nested(vec![], vec![none]);
    assert_eq!(check(vec![inside], vec![]), Err(Error::KeyNotFound));
}

#[test]
fn c46_one_key_is_not_written_twice_in_one_branch() {
    let duplicate = Err(Error::DuplicateKey);
    assert_eq!(check(vec![put("k"), put("k")], vec![]), duplicate);
    assert_eq!(check(vec![put("k"), delete("a", "z")], vec![]), duplicate);
    assert_eq!(check(vec![delete("k", ""), put("k")], vec![]), duplicate);
    assert_eq!(
        check(vec![put("k"), nested(vec![put("k")], vec![])], vec![]),
        duplicate
    );
    assert_eq!(
        check(
            vec![delete("a", "z"), nested(vec![], vec![put("k")])],
            vec![]
        ),
        duplicate
    );
    assert_eq!(
        check(
            vec![nested(vec![delete("k", "")], vec![]), put("k")],
            vec![]
        ),
        duplicate
    );
}

#[test]
fn c46_what_excludes_or_does_not_touch_each_other_is_allowed() {
    assert_eq!(check(vec![put("a"), put("b")], vec![]), Ok(()));
    assert_eq!(check(vec![put("k")], vec![put("k")]), Ok(()));
    let overlapping = vec![delete("a", "m"), delete("k", "z"), delete("l", "")];
    assert_eq!(check(overlapping, vec![]), Ok(()));
    assert_eq!(check(vec![delete("a", "k"), put("k")], vec![]), Ok(()));
    assert_eq!(check(vec![delete("z", "a"), put("k")], vec![]), Ok(()));
    let both_branches = nested(vec![put("k")], vec![put("k"), delete("x", "")]);
    assert_eq!(check(vec![both_branches], vec![]), Ok(()));
}

#[test]
fn c46_sibling_transactions_may_not_write_the_same_key() {
    let first = nested(vec![put("k")], vec![]);
    let second = nested(vec![], vec![put("k")]);
    let siblings = check(vec![first.clone(), second], vec![]);
    assert_eq!(siblings, Err(Error::DuplicateKey));
    let deleting = nested(vec![delete("k", "")], vec![]);
    let deleted_first = check(vec![deleting.clone(), first.clone()], vec![]);
    assert_eq!(deleted_first, Err(Error::DuplicateKey));
    // The other way round etcd lets it pass, and so do we.
    assert_eq!(check(vec![first, deleting], vec![]), Ok(()));
}

/// Seconds of a processor that this thread has used.
fn cpu_s() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes one timespec, which it is given.
    let outcome = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(outcome, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[test]
fn a_transaction_of_many_deletions_and_puts_is_checked_in_no_time() {
    const COUNT: u32 = 50_000;
    let key = |number: u32, kind: u8| Bytes::from([&number.to_be_bytes()[..], &[kind]].concat());
    let deletions = (0..COUNT).map(|number| {
        op(Request::RequestDeleteRange(DeleteRangeRequest {
            key: key(number, 0),
            range_end: key(number, 1),
            prev_kv: false,
        }))
    });
    let puts = (0..COUNT).map(|number| {
        op(Request::RequestPut(PutRequest {
            key: key(number, 1),
            ..Default::default()
        }))
    });
    let request = txn(
        vec![
            nested(deletions.collect(), vec![]),
            nested(puts.collect(), vec![]),
        ],
        vec![],
    );
    let start = cpu_s();
    assert_eq!(check_txn(&request, usize::MAX), Ok(()));
    // Each put held against each deletion takes half a minute.
    let taken = cpu_s() - start;
    assert!(taken < 3.0, "{taken} s");
}

#[test]
fn c47_both_branches_are_checked_whether_or_not_they_run() {
    let duplicate = vec![put("k"), put("k")];
    assert_eq!(check(duplicate.clone(), vec![]), Err(Error::DuplicateKey));
    assert_eq!(check(vec![], duplicate), Err(Error::DuplicateKey));
}

#[test]
fn c48_a_put_under_a_deletion_from_its_key_on_passes_as_in_etcd() {
    assert_eq!(check(vec![delete("a", "\0"), put("k")], vec![]), Ok(()));
    assert_eq!(check(vec![delete("\0", "\0"), put("k")], vec![]), Ok(()));
}

#[test]
fn c50e_only_ranges_at_the_top_make_a_transaction_read_only() {
    assert!(is_read_only(&txn(vec![], vec![])));
    assert!(is_read_only(&txn(
        vec![range("a", false)],
        vec![range("b", true)]
    )));
    assert!(!is_read_only(&txn(vec![range("a", false)], vec![put("b")])));
    assert!(!is_read_only(&txn(vec![delete("a", "")], vec![])));
    let reading = nested(vec![range("a", false)], vec![]);
    assert!(!is_read_only(&txn(vec![reading], vec![])));
}

#[test]
fn c50e_a_transaction_is_serializable_if_every_range_in_it_is() {
    assert!(is_serializable(&txn(vec![], vec![])));
    let both = txn(vec![range("a", true)], vec![range("b", true)]);
    assert!(is_serializable(&both));
    let one = txn(vec![range("a", true)], vec![range("b", false)]);
    assert!(!is_serializable(&one));
}

#[test]
fn c77_a_time_to_live_is_bounded_above_and_raised_below() {
    let grant = |ttl| LeaseGrantRequest { ttl, id: 1 };
    assert_eq!(check_lease_grant(&grant(LEASE_TTL_MAX_S)), Ok(()));
    assert_eq!(
        check_lease_grant(&grant(LEASE_TTL_MAX_S + 1)),
        Err(Error::LeaseTtlTooLarge)
    );
    assert_eq!(check_lease_grant(&grant(-1)), Ok(()));
    assert_eq!(lease_ttl(-1, 2), 2);
    assert_eq!(lease_ttl(0, 0), 1);
    assert_eq!(lease_ttl(60, 2), 60);
}

#[test]
fn c102_a_transaction_costs_its_dearer_branch_with_what_is_nested() {
    let one = 256 + 2;
    assert_eq!(put_cost(&put_request("k")), one);
    let dearer = txn(
        vec![put("a")],
        vec![put("b"), nested(vec![put("c"), put("d")], vec![put("e")])],
    );
    assert_eq!(txn_cost(&dearer), 3 * one);
    assert_eq!(
        txn_cost(&txn(vec![delete("a", "")], vec![range("b", false)])),
        0
    );
    let grant = LeaseGrantRequest { ttl: 1, id: 1 };
    assert_eq!(cost(&Operation::LeaseGrant(grant)), 64);
    assert_eq!(
        cost(&Operation::DeleteRange(DeleteRangeRequest::default())),
        0
    );
}

#[test]
fn c119_a_request_may_be_as_large_as_the_limit() {
    assert_eq!(check_size(10, 10), Ok(()));
    assert_eq!(check_size(11, 10), Err(Error::RequestTooLarge));
}

proptest! {
    /// In a flat branch the rule is simple enough to be stated twice.
    #[test]
    fn c46_agrees_with_the_naive_rule(branch in prop::collection::vec((0..3u8, 0..6u8, 0..6u8), 0..6)) {
        const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
        let key = |at: u8| KEYS[at as usize];
        let operations = branch.iter().map(|&(kind, from, to)| match kind {
            0 => put(key(from)),
            1 => delete(key(from), ""),
            _ => delete(key(from), key(to)),
        });
        let collides = |at: usize, other: usize| {
            let (kind, from, to) = branch[other];
            at != other && branch[at].0 == 0 && match kind {
                0 | 1 => from == branch[at].1,
                _ => from <= branch[at].1 && branch[at].1 < to,
            }
        };
        let count = branch.len();
        let duplicate = (0..count).any(|at| (0..count).any(|other| collides(at, other)));
        let verdict = check(operations.collect(), vec![]);
        prop_assert_eq!(verdict.is_err(), duplicate);
    }
}
