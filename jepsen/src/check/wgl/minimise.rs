//! The few operations that a fail needs.

/// Drops items while the rest still fails: large pieces first, then single ones, until none can go.
/// `still_fails` must itself refuse rests that fail only because something they need is gone. It is
/// asked at most `tries` times.
pub fn minimise<T: Clone>(
    items: &[T],
    tries: usize,
    mut still_fails: impl FnMut(&[T]) -> bool,
) -> Vec<T> {
    let mut kept = items.to_vec();
    let mut piece = kept.len().div_ceil(2);
    let mut tries = tries;
    while piece > 0 && !kept.is_empty() {
        let (mut from, mut has_dropped) = (0, false);
        while from < kept.len() {
            if tries == 0 {
                return kept;
            }
            tries -= 1;
            let to = (from + piece).min(kept.len());
            let rest: Vec<T> = [&kept[..from], &kept[to..]].concat();
            match still_fails(&rest) {
                true => (kept, has_dropped) = (rest, true),
                false => from = to,
            }
        }
        piece = match piece {
            1 if has_dropped => 1,
            1 => 0,
            _ => piece.div_ceil(2),
        };
    }
    kept
}
