//! "Did you mean": the known word closest to an unknown one.

/// The candidate with the fewest edits to `word`, if it is close enough to be what was meant.
///
/// Close enough is a third of the word's length, at least two edits. A candidate that `word` begins
/// (or that begins `word`) counts as close whatever its length.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).max(2);
    candidates
        .map(|candidate| {
            let edits = edit_distance(word, candidate);
            let begins = word.len() >= 4 && candidate.starts_with(word);
            (if begins { edits.min(limit) } else { edits }, candidate)
        })
        .filter(|(edits, _)| *edits <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitution = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitution.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_word() {
        let words = ["data-dir", "name", "listen-client-urls", "listen-peer-urls"];
        assert_eq!(nearest("dta-dir", words.into_iter()), Some("data-dir"));
        assert_eq!(nearest("naem", words.into_iter()), Some("name"));
        assert_eq!(
            nearest("listen-clients-url", words.into_iter()),
            Some("listen-client-urls")
        );
        assert_eq!(
            nearest("listen-client", words.into_iter()),
            Some("listen-client-urls")
        );
    }

    #[test]
    fn a_stranger_finds_nothing() {
        assert_eq!(nearest("bananas", ["data-dir", "name"].into_iter()), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(edit_distance("abcd", "abdc"), 1);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
