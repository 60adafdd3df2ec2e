//! How many Pods a rolling update may have too many, and how many too few (D3).

use super::observed::Observed;
use serde_json::Value;

/// See the module. Where nothing rolls, both are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    /// Too many.
    pub(super) surge: i32,
    /// Too few.
    pub(super) unavailable: i32,
}

impl Fence {
    /// What the Deployment allows.
    pub(super) fn of(seen: &Observed) -> Fence {
        let replicas = seen.replicas();
        let rolling = &seen.deployment.spec.strategy["rollingUpdate"];
        match seen.recreates() {
            true => Fence {
                surge: 0,
                unavailable: 0,
            },
            false => Fence::resolve(&rolling["maxSurge"], &rolling["maxUnavailable"], replicas),
        }
    }

    /// Of a surge the fraction counts, of what may be missing it does not; one of both must be possible.
    fn resolve(surge: &Value, unavailable: &Value, replicas: i32) -> Fence {
        let surge = scaled(surge, replicas, true);
        let mut unavailable = scaled(unavailable, replicas, false);
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        Fence {
            surge,
            unavailable: unavailable.min(replicas),
        }
    }

    /// How many Pods there may be.
    pub(super) fn most(self, replicas: i32) -> i32 {
        replicas.saturating_add(self.surge)
    }

    /// How many available Pods there must be.
    pub(super) fn least(self, replicas: i32) -> i32 {
        replicas - self.unavailable
    }
}

/// A number, or a percentage of `total`. What is neither is a quarter, which is what is meant where
/// nothing is said.
fn scaled(value: &Value, total: i32, rounds_up: bool) -> i32 {
    if let Some(number) = value.as_i64() {
        return i32::try_from(number.max(0)).unwrap_or(i32::MAX);
    }
    let percent = value.as_str().and_then(|text| text.strip_suffix('%'));
    let percent = percent.and_then(|digits| digits.parse().ok());
    let hundredths = i64::from(total) * percent.unwrap_or(25_i64).clamp(0, i64::from(i32::MAX));
    let whole = match rounds_up {
        true => hundredths.saturating_add(99) / 100,
        false => hundredths / 100,
    };
    i32::try_from(whole).unwrap_or(i32::MAX)
}
