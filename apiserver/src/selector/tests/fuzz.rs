//! Any text as a selector: refused, or one that its own text says again.

use super::super::{FieldSelector, LabelSelector, Operator, Requirement};
use keelson_fuzz::{Form, Target};
use std::collections::BTreeMap;

/// Whether a label meets a requirement, as the documentation of selectors has it.
fn meets(requirement: &Requirement, label: Option<&str>) -> bool {
    let values = requirement.values();
    let is_one = label.is_some_and(|label| values.iter().any(|value| value == label));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let bound = number(values.first().map(String::as_str));
    let numbers = number(label).zip(bound);
    match requirement.operator() {
        Operator::Equals | Operator::DoubleEquals | Operator::In => is_one,
        Operator::NotEquals | Operator::NotIn => !is_one,
        Operator::Exists => label.is_some(),
        Operator::DoesNotExist => label.is_none(),
        Operator::GreaterThan => numbers.is_some_and(|(label, bound)| label > bound),
        Operator::LessThan => numbers.is_some_and(|(label, bound)| label < bound),
    }
}

fn check_labels(text: &str) {
    let Ok(selector) = text.parse::<LabelSelector>() else {
        return;
    };
    let canonical = selector.to_string();
    let again: LabelSelector = canonical
        .parse()
        .unwrap_or_else(|error| panic!("{canonical:?} of {text:?}: {error}"));
    assert_eq!(again, selector, "{canonical:?} of {text:?}");
    let requirements = selector.requirements().unwrap_or_default();
    // Labels with everything that is asked for, and with something else.
    for other in [None, Some(""), Some("5"), Some("zz")] {
        let mut labels = BTreeMap::new();
        for requirement in requirements {
            let value = other.or(requirement.values().first().map(String::as_str));
            let value = value.unwrap_or("x").to_owned();
            labels.insert(requirement.key().to_owned(), value);
        }
        let label = |key: &str| labels.get(key).map(String::as_str);
        let expected = requirements.iter().all(|it| meets(it, label(it.key())));
        assert_eq!(
            selector.matches(&labels),
            expected,
            "{text:?} of {labels:?}"
        );
    }
    let expected = requirements.iter().all(|it| meets(it, None));
    assert_eq!(
        selector.matches(&BTreeMap::new()),
        expected,
        "{text:?} of nothing"
    );
}

fn check_fields(text: &str) {
    let Ok(selector) = text.parse::<FieldSelector>() else {
        return;
    };
    let canonical = selector.to_string();
    let again: FieldSelector = canonical
        .parse()
        .unwrap_or_else(|error| panic!("{canonical:?} of {text:?}: {error}"));
    assert_eq!(again, selector, "{canonical:?} of {text:?}");
    for value in ["", "x", "a=b"] {
        let mut terms = selector.terms().iter();
        let expected = terms.all(|term| (term.value == value) == term.is_equal);
        assert_eq!(selector.matches(|_| Some(value)), expected, "{text:?}");
    }
}

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    check_labels(&text);
    check_fields(&text);
}

const WORDS: &[&str] = &[
    " in ",
    " notin ",
    "(",
    ")",
    ",",
    "!",
    "=",
    "==",
    "!=",
    ">",
    "<",
    "\\",
    "\\,",
    "\\=",
    "\t",
    "app",
    "example.com/",
    "metadata.name",
    "5",
    "-1",
    "é",
    "in",
    "notin",
];

/// Selectors of labels and of fields.
#[test]
fn fuzz_selector() {
    let seeds = [
        "app=web,tier in (a,b),!old",
        "x notin (,a), y!=,z==1",
        "n>5,m<-3,in in (in,notin)",
        "metadata.name=x,status.phase!=Running",
        "a=b\\,c,d==e\\=f\\\\",
        "!example.com/role , example.com/zone = eu ",
    ];
    Target::new("selector", Form::Text(WORDS))
        .length_max(300)
        .run(seeds.map(|seed| seed.as_bytes().to_vec()).into(), check);
}
