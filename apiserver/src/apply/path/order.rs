//! One order of all JSON values, in which numbers stand by their value.

use serde_json::{Number, Value};
use std::cmp::Ordering;

/// Compares any two values: numbers, then text, `false`, `true`, lists, objects, null. A total order, so
/// that sorting by it never fails: `1` equals `1.0`, and large numbers are compared exactly.
pub fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => lists(a, b),
        (Value::Object(a), Value::Object(b)) => {
            let (mut a, mut b): (Vec<_>, Vec<_>) = (a.iter().collect(), b.iter().collect());
            a.sort_by_key(|entry| entry.0);
            b.sort_by_key(|entry| entry.0);
            fields(a.into_iter(), b.into_iter())
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

/// Whether two values are the same, `1` and `1.0` being so.
pub fn equal(left: &Value, right: &Value) -> bool {
    left == right || compare(left, right) == Ordering::Equal
}

/// Compares sequences of names and values, by the first difference; the shorter one first.
pub(super) fn fields<'a, N: Ord>(
    mut a: impl Iterator<Item = (N, &'a Value)>,
    mut b: impl Iterator<Item = (N, &'a Value)>,
) -> Ordering {
    loop {
        let (left, right) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => (left, right),
        };
        let order = left.0.cmp(&right.0);
        let order = order.then_with(|| compare(left.1, right.1));
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn lists(a: &[Value], b: &[Value]) -> Ordering {
    let differing = a.iter().zip(b).map(|(left, right)| compare(left, right));
    let mut differing = differing.filter(|order| *order != Ordering::Equal);
    differing.next().unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

fn whole(number: &Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

fn numbers(a: &Number, b: &Number) -> Ordering {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => whole_and_float(a, b.as_f64().unwrap_or_default()),
        (None, Some(b)) => whole_and_float(b, a.as_f64().unwrap_or_default()).reverse(),
        (None, None) => {
            let (a, b) = (
                a.as_f64().unwrap_or_default(),
                b.as_f64().unwrap_or_default(),
            );
            // Adding zero makes minus zero plain zero.
            (a + 0.0).total_cmp(&(b + 0.0))
        }
    }
}

/// Without rounding the whole number to a float: that would not be an order.
fn whole_and_float(whole: i128, float: f64) -> Ordering {
    const BEYOND: f64 = 36_893_488_147_419_103_232.0; // 2^65
    if float >= BEYOND {
        return Ordering::Less;
    }
    if float <= -BEYOND {
        return Ordering::Greater;
    }
    let truncated = float.trunc();
    let fraction = float - truncated;
    #[allow(clippy::cast_possible_truncation)] // within 2^65, see above
    let order = whole.cmp(&(truncated as i128));
    order.then_with(|| 0.0_f64.total_cmp(&(fraction + 0.0)))
}
