//! Connections: what is no HTTP, what comes too slowly, what has no end.

use crate::http::Limits;
use crate::http::tests::everybody::place::Place;
use crate::http::tests::world::LONG;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

type Stream = TlsStream<TcpStream>;

const MAPS: &str = "/api/v1/namespaces/shop/configmaps";

/// Says something, and hears what comes until the server hangs up.
async fn say(stream: &mut Stream, bytes: &[u8]) -> String {
    // A server that has heard enough does not take the rest.
    let told = async {
        let _ = stream.write_all(bytes).await;
        let _ = stream.flush().await;
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        heard
    };
    let heard = timeout(LONG, told).await.unwrap_or_else(|_| {
        panic!(
            "the server does not hang up after {:.80}",
            String::from_utf8_lossy(bytes)
        )
    });
    String::from_utf8_lossy(&heard).into_owned()
}

/// The codes of all answers.
fn codes(heard: &str) -> Vec<u16> {
    let starts = heard.match_indices("HTTP/1.").map(|(at, _)| at);
    let codes = starts.filter_map(|at| heard.get(at + 9..at + 12)?.parse().ok());
    codes.collect()
}

async fn answers(place: &Place) {
    let path = format!("{MAPS}/there");
    let answer = place
        .operator
        .ask(&hyper::Method::GET, &path, &[], "")
        .await;
    assert_eq!(answer.code, 200, "{answer:?}");
}

fn short() -> Limits {
    Limits {
        deadline: Duration::from_millis(200),
        head: Duration::from_millis(200),
        ..Limits::default()
    }
}

#[tokio::test]
async fn what_is_no_http_is_hung_up_on() {
    let place = Place::with(short()).await;
    let before = place.store.revision();
    let admin = place.world.admin();
    let head = |lines: &str| format!("{lines}\r\nhost: kubernetes\r\nconnection: close\r\n\r\n");
    let many: String = (0..200)
        .map(|number| format!("\r\nx-{number}: y"))
        .collect();
    let object = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"new"}}"#;
    let post = |lines: &str| {
        head(&format!(
            "POST {MAPS} HTTP/1.1\r\ncontent-type: application/json{lines}"
        ))
    };
    let refused = [
        "\r\n\r\n\r\n".to_owned(),
        "hello\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /version\r\n\r\n".to_owned(),
        head("GET /version HTTP/9.9"),
        head("GET version HTTP/1.1"),
        head("GET  /version HTTP/1.1"),
        head("GET /a b HTTP/1.1"),
        head("G\u{0}T /version HTTP/1.1"),
        head("GET /\u{0} HTTP/1.1"),
        head("GET /version HTTP/1.1\r\nx: a\u{0}b"),
        head("GET /version HTTP/1.1\r\nx y: z"),
        head("GET /version HTTP/1.1\r\n: z"),
        head("GET /version HTTP/1.1\r\nnothing"),
        head(&format!(
            "GET /version HTTP/1.1\r\nx: {}",
            "y".repeat(1 << 20)
        )),
        head(&format!("GET /{} HTTP/1.1", "y".repeat(1 << 20))),
        head(&format!("GET /version HTTP/1.1{many}")),
        post("\r\ncontent-length: x") + object,
        post("\r\ncontent-length: -1") + object,
        post("\r\ncontent-length: 18446744073709551616") + object,
        post("\r\ncontent-length: 5\r\ncontent-length: 6") + object,
        post("\r\ntransfer-encoding: nothing") + object,
        post("\r\ntransfer-encoding: chunked") + "zz\r\n{}\r\n0\r\n\r\n",
        post("\r\ntransfer-encoding: chunked") + "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        post("\r\ntransfer-encoding: chunked") + "2\r\n{}0\r\n\r\n",
        post(&format!("\r\ncontent-length: {}", object.len() + 1)) + object,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnothing like a frame".to_owned(),
    ];
    for text in &refused {
        let mut stream = admin.connect("http/1.1").await;
        let heard = say(&mut stream, text.as_bytes()).await;
        let codes = codes(&heard);
        let is_refused = codes
            .iter()
            .all(|code| (400..500).contains(code) || *code == 504);
        assert!(is_refused, "{text:.100}: {heard:.400}");
    }
    // Two lengths: whoever stands before this server must not see another request than it does.
    let smuggled = format!("0\r\n\r\nDELETE {MAPS}/there HTTP/1.1\r\nhost: kubernetes\r\n\r\n");
    let length = smuggled.len();
    let both = post(&format!(
        "\r\ncontent-length: {length}\r\ntransfer-encoding: chunked"
    )) + &smuggled;
    let mut stream = admin.connect("http/1.1").await;
    let heard = say(&mut stream, both.as_bytes()).await;
    assert!(codes(&heard).len() <= 1, "{heard}");
    assert_eq!(place.store.revision(), before);
    answers(&place).await;
}

#[tokio::test]
async fn methods_that_nobody_has_are_refused() {
    let place = Place::new().await;
    let before = place.store.revision();
    for line in [
        "OPTIONS * HTTP/1.1",
        "CONNECT kubernetes:443 HTTP/1.1",
        "TRACE /version HTTP/1.1",
        "QUERY /api/v1/pods HTTP/1.1",
        "get /api/v1/pods HTTP/1.1",
        "GET https://elsewhere/api/v1/nothing HTTP/1.1",
        "PROPFIND / HTTP/1.1",
        "DELETE / HTTP/1.1",
        "PUT /api HTTP/1.1",
    ] {
        let mut stream = place.world.admin().connect("http/1.1").await;
        let text = format!(
            "{line}\r\nhost: kubernetes\r\nconnection: close\r\nupgrade: websocket\r\n\r\n"
        );
        let heard = say(&mut stream, text.as_bytes()).await;
        let codes = codes(&heard);
        assert!(matches!(codes.as_slice(), [400..=499]), "{line}: {heard}");
        assert!(
            heard.contains("\"kind\":\"Status\"") || codes == [400],
            "{line}: {heard}"
        );
    }
    assert_eq!(place.store.revision(), before);
}

#[tokio::test]
async fn a_body_that_has_no_end_is_given_up_in_time_and_in_size() {
    let place = Place::with(short()).await;
    let head = format!(
        "POST {MAPS} HTTP/1.1\r\nhost: kubernetes\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    // It stops in the middle: 504, and the connection is of no more use.
    let mut stream = place.world.admin().connect("http/1.1").await;
    let heard = say(&mut stream, format!("{head}1\r\n{{\r\n").as_bytes()).await;
    assert_eq!(codes(&heard), [504], "{heard}");
    // It goes on and on.
    let place = Place::new().await;
    let before = place.store.revision();
    let mut stream = place.world.admin().connect("http/1.1").await;
    let piece = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let text = head + &piece.repeat(100);
    let heard = say(&mut stream, text.as_bytes()).await;
    // What was said in vain may have cost the answer.
    assert!(heard.is_empty() || codes(&heard) == [413], "{heard}");
    assert_eq!(place.store.revision(), before);
    answers(&place).await;
}

#[tokio::test]
async fn whoever_does_not_finish_a_head_is_let_go() {
    let place = Place::with(short()).await;
    for (protocol, part) in [
        ("http/1.1", ""),
        ("http/1.1", "GET"),
        ("http/1.1", "GET /version HTTP/1.1\r\n"),
        ("http/1.1", "GET /version HTTP/1.1\r\nhost: kub"),
        ("h2", ""),
        ("h2", "PRI * HTTP/2.0\r\n"),
        ("h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ] {
        let mut stream = place.world.admin().connect(protocol).await;
        let heard = say(&mut stream, part.as_bytes()).await;
        let is_quiet = codes(&heard).iter().all(|code| *code == 408);
        assert!(is_quiet, "{part:?}: {heard}");
    }
    answers(&place).await;
}

#[tokio::test]
async fn a_body_that_says_it_is_packed_is_not_unpacked() {
    let place = Place::new().await;
    let before = place.store.revision();
    // Ten megabytes of spaces.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, &vec![b' '; 10 << 20]).unwrap();
    let packed = packer.finish().unwrap();
    for encoding in ["gzip", "deflate", "br", "gzip, gzip"] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ];
        let answer = place
            .operator
            .ask(&hyper::Method::POST, MAPS, &headers, packed.clone())
            .await;
        assert!(matches!(answer.code, 400 | 415), "{encoding}: {answer:?}");
    }
    assert_eq!(place.store.revision(), before);
}

#[tokio::test]
async fn requests_that_are_sent_without_waiting_are_answered_in_their_order() {
    let place = Place::new().await;
    let mut stream = place.world.admin().connect("http/1.1").await;
    let names: Vec<String> = (0..40).map(|number| format!("none-{number}")).collect();
    let ask = |name: &String| format!("GET {MAPS}/{name} HTTP/1.1\r\nhost: kubernetes\r\n\r\n");
    let mut text: String = names.iter().map(ask).collect();
    text.push_str("GET /version HTTP/1.1\r\nhost: kubernetes\r\nconnection: close\r\n\r\n");
    let heard = say(&mut stream, text.as_bytes()).await;
    assert_eq!(codes(&heard).len(), 41, "{heard}");
    let told = |name: &String| heard.find(&format!("configmaps \\\"{name}\\\" not found"));
    let places: Vec<usize> = names.iter().map(|name| told(name).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}
