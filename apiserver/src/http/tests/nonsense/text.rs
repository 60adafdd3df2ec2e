//! Bodies that are no objects, as text.

/// Texts that are none, or none of an object.
pub fn broken() -> Vec<Vec<u8>> {
    let short = [
        "",
        " ",
        "\n",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "{\"",
        "{\"a",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1,",
        "{,}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "[1,]",
        "nul",
        "null",
        "true",
        "0",
        "-",
        "-0",
        "1e",
        "1e999",
        "01",
        "0x10",
        "\"text\"",
        "[]",
        "[null]",
        "[{}]",
        "{}{}",
        "{} x",
        "{}\u{0}",
        "\u{feff}{}",
        "/* c */{}",
        "// c\n{}",
        "NaN",
        "Infinity",
        "{\"a\":NaN}",
        "{\"\\ud800\":1}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"kind\":null}",
        "{\"kind\":1}",
        "{\"kind\":[]}",
        "{\"kind\":{}}",
        "{\"apiVersion\":1,\"kind\":2}",
        "{\"apiVersion\":\"a/b/c\",\"kind\":\"Pod\"}",
        "{\"apiVersion\":\"/\",\"kind\":\"/\"}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Nothing\"}",
        "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Status\",\"status\":\"Success\"}",
    ];
    let mut all: Vec<Vec<u8>> = short.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.extend([
        b"\xff\xfe{\0}\0".to_vec(),
        b"{\"a\":\"\xc3\x28\"}".to_vec(),
        b"{\"\xff\":1}".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"\x1f\x8b\x08\0\0\0\0\0".to_vec(),
        b"k8s\0".to_vec(),
    ]);
    all
}

/// Texts of YAML that have caught others.
pub fn yaml() -> Vec<Vec<u8>> {
    let short = [
        "a: b: c",
        "a: [",
        "a: {",
        "- a\nb: c",
        "\ta: 1",
        "a:\n\t- 1",
        "a: &x",
        "a: *x",
        "&a a: *a",
        "? ",
        "? ? ?",
        ": :",
        "!!binary aGk=",
        "!!set {a, b}",
        "!!python/object:a.b {}",
        "!<tag:yaml.org,2002:str> a",
        "a: !!int x",
        "--- \n--- \n---",
        "...\n...",
        "%YAML 9.9\n---\na: 1",
        "%TAG ! !\n---\n!x y",
        "a: |\n b\n  c\n d: >-",
        "a: 1\na: 2",
        "<<: {a: 1}",
        "<<: [1, 2]",
        "<<: *x",
        "{a: 1, <<: {b: 2}}",
        "1: 2",
        "null: 1",
        "~: 1",
        "true: 1",
        "[a]: 1",
        "{}: 1",
        "? [a, b]\n: c",
        "a: 0o17",
        "a: 1_000",
        "a: 190:20:30",
        "a: .inf",
        "a: .nan",
        "a: 2001-01-01",
        "a: \"\\x\"",
        "a: \"\\ud800\"",
        "a: '",
        "@a: 1",
        "`a: 1",
        "a: @b",
        "a: %b",
        "a: \u{85}b",
        "a: \u{2028}b",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: &m\n  name: x\n  labels: *m",
    ];
    let mut all: Vec<Vec<u8>> = short.iter().map(|text| text.as_bytes().to_vec()).collect();
    // Ten aliases of ten aliases of ten ...
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    all.push(bomb.into_bytes());
    let mut maps = String::from("m0: &m0 {a: 1, b: 2, c: 3}\n");
    for level in 1..30 {
        let before = level - 1;
        maps.push_str(&format!(
            "m{level}: &m{level} {{a: *m{before}, b: *m{before}}}\n"
        ));
    }
    all.push(maps.into_bytes());
    all.push("- ".repeat(50_000).into_bytes());
    all.push("? ".repeat(50_000).into_bytes());
    all.push("[".repeat(50_000).into_bytes());
    all.push("{a: ".repeat(50_000).into_bytes());
    all.push("&a ".repeat(50_000).into_bytes());
    all.push("!a ".repeat(50_000).into_bytes());
    all.push("\"".repeat(50_001).into_bytes());
    all.push("a: |\n".repeat(20_000).into_bytes());
    let steps = (0..1_000).map(|depth| format!("{}a:\n", " ".repeat(depth)));
    all.push(steps.collect::<String>().into_bytes());
    all
}

/// Texts that are deep, long or many.
pub fn huge() -> Vec<Vec<u8>> {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}1{}", open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    let map = |data: &str| {
        format!("{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"new\"}},\"data\":{data}}}")
            .into_bytes()
    };
    let many = |one: &str, count: usize| vec![one; count].join(",");
    vec![
        nested("[", "]", 100_000),
        nested("{\"a\":", "}", 100_000),
        nested("[", "", 100_000),
        nested("{\"metadata\":", "}", 121),
        map(&nested_text(119)),
        map(&format!("{{\"a\":{}}}", nested_text(500))),
        map(&format!("[{}]", many("[]", 200_001))),
        map(&format!("{{{}}}", many("\"a\":\"\"", 100_000))),
        map(&format!("{{\"{}\":\"\"}}", "k".repeat(1_000_000))),
        map(&format!("{{\"k\":\"{}\"}}", "v".repeat(1_600_000))),
        map(&format!("{{\"k\":\"{}\"}}", "\\u0001".repeat(300_000))),
        map(&format!("{{\"k\":{}}}", "9".repeat(1_000_000))),
        map(&format!("{{\"k\":1e{}}}", "9".repeat(100_000))),
        vec![b' '; 3 * 1024 * 1024],
        vec![b'['; 3 * 1024 * 1024 + 1],
    ]
}

fn nested_text(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}
