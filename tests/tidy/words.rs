//! Words that belong into some rooms only.

use super::source::{Keep, Source, blank, files, is_test_file, line_of, without_tests};
use super::{Violation, none};

/// Where the rule looks inside a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Code that ships: no comments, strings or tests.
    Shipped,
    /// Code, tests included.
    Code,
    /// Code and strings, in any case of letters; a comment may tell who the neighbours are.
    CodeAndStrings,
}

/// One rule.
struct Rule {
    /// Said when it is broken.
    why: &'static str,
    /// What must not be named. A word is found as a whole word.
    words: &'static [&'static str],
    /// Where: paths that begin with one of these.
    within: &'static [&'static str],
    /// Except here.
    except: &'static [&'static str],
    /// In which part of the text.
    look: Look,
    /// File and word that were there before the rule. Only ever gets shorter.
    known: &'static [(&'static str, &'static str)],
}

/// What changes from run to run or from member to member.
const IMPURE: &[&str] = &[
    "SystemTime",
    "Instant",
    "UNIX_EPOCH",
    "rand",
    "std::env",
    "async",
    "await",
    "tokio",
    "HashMap",
    "HashSet",
    "RandomState",
    "thread_rng",
];

const KUBERNETES: &[&str] = &[
    "kubernetes",
    "kube",
    "kubectl",
    "kubelet",
    "pod",
    "pods",
    "namespace",
    "namespaces",
    "apiserver",
    "resourceVersion",
    "resource_version",
    "daemonset",
    "replicaset",
];

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { why: "the store knows no Kubernetes word: it keeps keys and values for anybody",
        words: KUBERNETES, within: &["store/src/"], except: &[], look: Look::CodeAndStrings, known: &[] },
    Rule { why: "the API server knows no Raft word: it stands on any etcd-shaped store",
        words: &["raft", "openraft", "quorum", "follower", "voter", "learner", "keelson_store"],
        within: &["apiserver/src/"], except: &[], look: Look::CodeAndStrings, known: &[] },
    Rule { why: "only store/src/engine names RocksDB",
        words: &["rocksdb"], within: &[""], except: &["store/src/engine/", "tests/tidy/"], look: Look::Code, known: &[] },
    Rule { why: "an engine is chosen where a state is opened; everybody else takes dyn Engine",
        words: &["RocksEngine", "MemoryEngine"], within: &["store/src/", "src/"],
        except: &["store/src/engine", "store/src/raft/state_dir.rs", "store/src/raft/restore.rs"], look: Look::Shipped,
        known: &[] },
    Rule { why: "only store/src/raft names openraft",
        words: &["openraft"], within: &[""], except: &["store/src/raft/", "tests/tidy/"], look: Look::Code, known: &[] },
    Rule { why: "only apiserver/src/http names axum",
        words: &["axum"], within: &[""], except: &["apiserver/src/http/", "tests/tidy/"], look: Look::Code, known: &[] },
    Rule { why: "gRPC is for the edges: proto, rpc, peers, the command line, the test kit",
        words: &["tonic"], within: &[""],
        except: &["proto/", "store/src/rpc/", "store/src/raft/", "store/src/metrics/", "store/src/error.rs",
            "store/src/world/network.rs", "src/cli/", "src/bench/", "tests/", "apiserver/src/storage/", "jepsen/"],
        look: Look::Shipped,
        // For its list of codes: an error outside etcd's vocabulary carries one.
        known: &[("store/src/apply/lease.rs", "tonic"), ("store/src/mvcc/store.rs", "tonic")] },
    Rule { why: "what is applied depends on the log alone: no clock, chance, environment, await or hash order",
        words: IMPURE, within: &["store/src/apply/", "store/src/mvcc/"], except: &[], look: Look::Shipped, known: &[] },
    Rule { why: "a queue without a bound is memory that a client can fill",
        words: &["unbounded", "unbounded_channel"], within: &["store/src/"], except: &[], look: Look::Shipped,
        // Bounded by the number of segments of the log.
        known: &[("store/src/wal/spare.rs", "unbounded")] },
    Rule { why: "unfinished work does not ship",
        words: &["todo!", "unimplemented!"], within: &[""], except: &[], look: Look::Shipped, known: &[] },
    Rule { why: "say why it cannot fail (expect with a reason), or handle it",
        words: &[".unwrap()"], within: &["store/src/", "src/", "proto/src/", "apiserver/src/", "controllers/src/"],
        except: &[], look: Look::Shipped, known: &[] },
];

/// Offsets of whole-word occurrences.
fn occurrences(text: &str, word: &str) -> Vec<usize> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let joins = |edge: Option<char>, beyond: Option<char>| {
        edge.is_some_and(is_name) && beyond.is_some_and(is_name)
    };
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| {
            let before = text[..*at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !joins(word.chars().next(), before) && !joins(word.chars().next_back(), after)
        })
        .collect()
}

/// What in `text` breaks the rule, and which of its known cases were met.
fn check(rule: &Rule, path: &str, text: &str) -> (Vec<Violation>, Vec<(String, String)>) {
    let (mut violations, mut met) = (Vec::new(), Vec::new());
    let holds = |list: &[&str]| list.iter().any(|start| path.starts_with(start));
    let is_test = rule.look == Look::Shipped && is_test_file(path);
    if !holds(rule.within) || holds(rule.except) || is_test {
        return (violations, met);
    }
    let text = match rule.look {
        Look::Shipped => without_tests(&blank(text, Keep::Code)),
        Look::Code => blank(text, Keep::Code),
        Look::CodeAndStrings => blank(text, Keep::Strings).to_lowercase(),
    };
    for word in rule.words {
        let wanted = match rule.look {
            Look::CodeAndStrings => word.to_lowercase(),
            _ => (*word).to_owned(),
        };
        for at in occurrences(&text, &wanted) {
            if rule.known.contains(&(path, word)) {
                met.push((path.to_owned(), (*word).to_owned()));
            } else {
                let what = format!("{word}: {}", rule.why);
                violations.push(Violation::new(path, line_of(&text, at), what));
            }
        }
    }
    (violations, met)
}

#[test]
fn words_stay_in_their_rooms() {
    let sources = files(".rs");
    let mut violations = Vec::new();
    for rule in RULES {
        let mut all_met = Vec::new();
        for Source { path, text } in &sources {
            let (found, met) = check(rule, path, text);
            violations.extend(found);
            all_met.extend(met);
        }
        for (path, word) in rule.known {
            if !all_met.contains(&((*path).to_owned(), (*word).to_owned())) {
                let what =
                    format!("does not name {word} any more: take it off the list in tests/tidy");
                violations.push(Violation::new(path, 0, what));
            }
        }
    }
    none(&violations);
}

/// The rule of the table that forbids `word` where `path` lies.
fn rule_of(word: &str, path: &str) -> &'static Rule {
    let holds = |rule: &&Rule| rule.within.iter().any(|start| path.starts_with(start));
    RULES
        .iter()
        .filter(holds)
        .find(|rule| rule.words.contains(&word))
        .expect("a rule forbids the word")
}

#[test]
fn every_rule_bites() {
    let bad = [
        (
            "pod",
            "store/src/mvcc/store.rs",
            "const KEY: &str = \"/registry/Pod\";",
        ),
        ("raft", "apiserver/src/lib.rs", "let raft = 1;"),
        (
            "rocksdb",
            "store/src/raft/node/recovery.rs",
            "use rocksdb::DB;",
        ),
        (
            "RocksEngine",
            "store/src/mvcc/load.rs",
            "RocksEngine::open()",
        ),
        ("openraft", "src/run/member.rs", "use openraft::Raft;"),
        ("axum", "src/main.rs", "use axum::Router;"),
        (
            "tonic",
            "store/src/watch/hub.rs",
            "fn a() -> tonic::Status {}",
        ),
        (
            "Instant",
            "store/src/apply/kv.rs",
            "let now = Instant::now();",
        ),
        (
            "HashMap",
            "store/src/mvcc/pins.rs",
            "pins: HashMap<u64, u64>,",
        ),
        ("async", "store/src/apply/txn.rs", "async fn run() {}"),
        ("std::env", "store/src/apply/txn.rs", "std::env::var(\"X\")"),
        (
            "unbounded",
            "store/src/raft/proposer.rs",
            "let (s, r) = unbounded();",
        ),
        ("todo!", "controllers/src/lib.rs", "fn f() { todo!() }"),
        (".unwrap()", "src/cli/kv.rs", "x.unwrap()"),
    ];
    for (word, path, text) in bad {
        let (violations, _) = check(rule_of(word, path), path, text);
        assert_eq!(violations.len(), 1, "{word} in {path}: {text}");
    }
}

#[test]
fn rules_let_pass_what_they_should() {
    let good = [
        (
            "store/src/mvcc/store.rs",
            "// A pod is one key.\nlet podium = 1;",
        ),
        ("store/src/engine/rocks.rs", "use rocksdb::DB;"),
        ("src/log.rs", "const QUIET: &str = \"tonic=warn\";"),
        ("store/src/lease/clock.rs", "now: Instant"),
        (
            "store/src/mvcc/pins.rs",
            "#[cfg(test)]\nmod tests { use std::HashMap; }",
        ),
        ("store/src/wal/tests.rs", "x.unwrap()"),
        ("store/src/wal/log.rs", "x.unwrap_or(1)"),
        ("store/src/wal/log.rs", "let todo = 1;"),
    ];
    for (path, text) in good {
        for rule in RULES {
            let (violations, _) = check(rule, path, text);
            assert_eq!(violations, [], "{path}: {text}");
        }
    }
}
