//! Names at their edges, and the texts of what is wrong.

use super::*;
use proptest::prelude::*;

fn check(rule: fn(&str) -> Vec<String>, good: &[&str], bad: &[&str]) {
    for name in good {
        assert_eq!(rule(name), Vec::<String>::new(), "{name:?}");
    }
    for name in bad {
        assert_ne!(rule(name), Vec::<String>::new(), "{name:?}");
    }
}

#[test]
fn labels_of_hosts() {
    let longest = "a".repeat(63);
    let good = ["a", "0", "a-b", "1--2", &longest];
    let bad = ["", "-", "a-", "-a", "A", "a_b", "a b", "é", "a\n", "a\0"];
    check(dns1123_label, &good, &bad);
    check(
        dns1035_label,
        &["a", "a-0", &longest],
        &["", "0a", "-a", "a-", "a.b"],
    );
    assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
    assert_eq!(
        dns1123_label(&"a".repeat(64)),
        ["must be no more than 63 bytes"]
    );
}

#[test]
fn subdomains() {
    let longest = "a".repeat(253);
    check(
        dns1123_subdomain,
        &["a", "a.b", "0.1.2", "a-b.c", &longest],
        &["", ".", "a.", ".a", "a..b", "a.-b", "Foo", "a/b"],
    );
    let wrong = dns1123_subdomain(&"A".repeat(254));
    assert_eq!(wrong.len(), 2);
    assert_eq!(wrong[0], "must be no more than 253 bytes");
}

#[test]
fn texts_are_byte_for_byte() {
    assert_eq!(
        dns1123_subdomain("Foo"),
        [
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ]
    );
    assert_eq!(
        dns1123_label("Foo"),
        [
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        ]
    );
    assert_eq!(
        dns1035_label("1"),
        [
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
        ]
    );
    assert_eq!(
        label_value("a b"),
        [
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        ]
    );
    assert_eq!(
        label_key("a b"),
        [
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        ]
    );
}

#[test]
fn keys_and_values_of_labels() {
    let (longest, prefix) = ("a".repeat(63), "a".repeat(253));
    let full = format!("{prefix}/{longest}");
    check(
        label_key,
        &["a", "A_b.c-9", "example.com/Name", &full],
        &["", "/", "/a", "a/", "a/b/c", "A.com/x", "_a", "a_", "é"],
    );
    check(
        label_value,
        &["", "a", "A_b.c-9", &longest],
        &["-", "a-", "_", "a b", "é"],
    );
    assert_eq!(label_key("/a"), ["prefix part must be non-empty"]);
    assert_eq!(label_key("a/")[0], "name part must be non-empty");
    assert_eq!(
        label_key(&"a".repeat(64)),
        ["name part must be no more than 63 bytes"]
    );
    assert!(label_key("A.com/x")[0].starts_with("prefix part a lowercase RFC 1123 subdomain"));
    assert!(label_key("a/b/c")[0].ends_with(" (e.g. 'example.com/MyName')"));
}

#[test]
fn segments_of_paths() {
    check(
        path_segment,
        &["", "system:admin", "a b", "..."],
        &[".", "..", "a/b", "a%b"],
    );
    assert_eq!(path_segment(".."), ["may not be '..'"]);
    assert_eq!(
        path_segment("/%"),
        ["may not contain '/'", "may not contain '%'"]
    );
}

#[test]
fn a_prefix_may_end_with_a_dash() {
    for rule in [
        Rule::DnsSubdomain,
        Rule::DnsLabel,
        Rule::Dns1035Label,
        Rule::PathSegment,
    ] {
        assert_eq!(rule.check_prefix("web-"), Vec::<String>::new(), "{rule:?}");
        assert_eq!(rule.check_prefix("web"), Vec::<String>::new(), "{rule:?}");
    }
    assert_ne!(Rule::DnsLabel.check("web-"), Vec::<String>::new());
    assert_ne!(Rule::DnsLabel.check_prefix("-"), Vec::<String>::new());
    assert_ne!(Rule::DnsLabel.check_prefix("Web-"), Vec::<String>::new());
    assert_eq!(Rule::PathSegment.check_prefix(".."), Vec::<String>::new());
    assert_ne!(Rule::PathSegment.check(".."), Vec::<String>::new());
}

#[test]
fn made_up_names_are_cut_to_63_bytes() {
    assert_eq!(generate("web-", || 0), "web-bbbbb");
    assert_eq!(generate("web-", || 26), "web-99999");
    let name = generate(&"x".repeat(300), || 27);
    assert_eq!(name, format!("{}bbbbb", "x".repeat(58)));
    // A character of two bytes that does not fit is left out as a whole.
    let name = generate(&format!("{}é", "x".repeat(57)), || 1);
    assert_eq!(name, format!("{}ccccc", "x".repeat(57)));
}

proptest! {
    #[test]
    fn names_that_the_expressions_describe_are_accepted(name in "[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?){0,3}") {
        prop_assert!(dns1123_subdomain(&name).is_empty());
        prop_assert_eq!(dns1123_label(&name).is_empty(), !name.contains('.') && name.len() <= 63);
    }

    #[test]
    fn no_text_is_too_odd_to_be_checked(name in any::<String>(), number in any::<u32>()) {
        for rule in [Rule::DnsSubdomain, Rule::DnsLabel, Rule::Dns1035Label, Rule::PathSegment] {
            rule.check(&name);
            rule.check_prefix(&name);
        }
        label_key(&name);
        label_value(&name);
        prop_assert!(generate(&name, || number).len() <= 63);
    }
}
