//! How a server begins, survives and ends.

use super::world::{LONG, Plan, World, until};
use crate::http::{Check, CheckFuture, Limits};
use crate::meter::{Export, Kind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    assert_eq!(admin.get("/version").await.json()["minor"], "35");
    let answer = admin.get_http2("/version").await;
    assert_eq!(answer.json()["gitVersion"], "v1.35.0+keelson");
    assert_eq!(admin.get_http2("/api/v1/nothings").await.failure().0, 404);
}

#[tokio::test]
async fn a_failed_check_makes_a_server_unready_without_saying_why() {
    let is_well = Arc::new(AtomicBool::new(false));
    let seen = is_well.clone();
    let check = Check::of_readiness("etcd", move || {
        let is_well = seen.load(Ordering::SeqCst);
        let result = is_well.then_some(()).ok_or("secret".to_owned());
        let future: CheckFuture = Box::pin(async move { result });
        future
    });
    let plan = Plan {
        checks: vec![check],
        ..Plan::default()
    };
    let world = World::new(plan).await;
    let admin = world.admin();
    let ready = admin.get("/readyz").await;
    assert_eq!(ready.code, 500);
    assert_eq!(
        ready.text(),
        "[+]ping ok\n[-]etcd failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n"
    );
    assert_eq!(admin.get("/readyz?exclude=etcd").await.text(), "ok");
    let verbose = admin.get("/readyz?verbose&exclude=etcd&exclude=x").await;
    assert_eq!(
        verbose.text(),
        "[+]ping ok\n[+]etcd excluded: ok\n[+]shutdown ok\nwarn: some health checks cannot be \
         excluded: no matches for \"x\"\nreadyz check passed\n"
    );
    assert_eq!(admin.get("/livez").await.text(), "ok");
    let one = admin.get("/readyz/etcd").await;
    assert_eq!(
        (one.code, one.text()),
        (500, "internal server error: secret\n")
    );
    is_well.store(true, Ordering::SeqCst);
    assert_eq!(admin.get("/readyz").await.code, 200);
    assert_eq!(admin.get("/readyz/etcd").await.text(), "ok");
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let check = Check::of_readiness("bad", || panic!("on purpose"));
    let plan = Plan {
        checks: vec![check],
        ..Plan::default()
    };
    let world = World::new(plan).await;
    let admin = world.admin();
    let (code, reason, _) = admin.get("/readyz").await.failure();
    assert_eq!((code, reason.as_str()), (500, "InternalError"));
    assert_eq!(admin.get("/livez").await.code, 200);
}

/// A check that says when it was asked, and waits until it may answer.
fn slow() -> (Check, Arc<Notify>, Arc<Notify>) {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (asked.clone(), answer.clone());
    let check = Check::of_life("slow", move || {
        let (tell, wait) = (tell.clone(), wait.clone());
        Box::pin(async move {
            tell.notify_one();
            wait.notified().await;
            Ok(())
        })
    });
    (check, asked, answer)
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_with_504() {
    let (check, _asked, _answer) = slow();
    let plan = Plan {
        checks: vec![check],
        ..Plan::default()
    };
    let world = World::new(plan).await;
    let answer = world.admin().get("/livez?timeout=50ms").await;
    let (code, reason, message) = answer.failure();
    assert_eq!((code, reason.as_str()), (504, "Timeout"));
    assert!(
        message.contains("request did not complete within"),
        "{message}"
    );
    let wrong = world.admin().get("/livez?timeout=soon").await;
    assert_eq!(wrong.failure().0, 400);
}

#[tokio::test]
async fn a_server_that_stops_is_first_not_ready_and_then_finishes_what_runs() {
    let (check, asked, answer) = slow();
    let plan = Plan {
        checks: vec![check],
        limits: Limits {
            leave: Duration::from_secs(1),
            ..Limits::default()
        },
        ..Plan::default()
    };
    let mut world = World::new(plan).await;
    let admin = world.admin();
    let running = tokio::spawn({
        let admin = admin.clone();
        async move { admin.get("/livez/slow").await }
    });
    timeout(LONG, asked.notified()).await.unwrap();
    world.stop();
    // It is still there, and says that it is going.
    let mut ready = admin.get("/readyz?exclude=slow").await;
    while ready.code == 200 {
        ready = admin.get("/readyz?exclude=slow").await;
    }
    assert!(
        ready.text().contains("[-]shutdown failed"),
        "{}",
        ready.text()
    );
    assert_eq!(admin.get("/livez?exclude=slow").await.code, 200);
    let address = world.address;
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, closed).await.unwrap();
    answer.notify_one();
    assert_eq!(running.await.unwrap().text(), "ok");
    world.stopped().await;
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_up_a_server_that_stops() {
    let (check, asked, _answer) = slow();
    let plan = Plan {
        checks: vec![check],
        limits: Limits {
            drain: Duration::from_millis(100),
            ..Limits::default()
        },
        ..Plan::default()
    };
    let mut world = World::new(plan).await;
    let admin = world.admin();
    tokio::spawn(async move { admin.get("/livez/slow").await });
    timeout(LONG, asked.notified()).await.unwrap();
    world.stop();
    world.stopped().await;
}

#[tokio::test]
async fn each_request_is_counted_and_written_down_once() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    admin.get("/api").await;
    admin.get("/api/v1/namespaces/default/pods?limit=bad").await;
    until("two lines", || world.paper.lines().len() == 2).await;
    let lines = world.paper.lines();
    assert_eq!(lines[0]["requestURI"], "/api");
    assert_eq!(lines[0]["level"], "Metadata");
    assert_eq!(lines[1]["verb"], "list");
    assert_eq!(lines[1]["responseStatus"]["code"], 400);
    assert_eq!(lines[1]["sourceIPs"][0], "127.0.0.1");
    let metrics = admin.get("/metrics").await;
    let count = "apiserver_request_total{verb=\"LIST\",dry_run=\"\",group=\"\",version=\"v1\",\
                 resource=\"pods\",subresource=\"\",scope=\"namespace\",component=\"apiserver\",\
                 code=\"400\"} 1";
    assert!(metrics.text().contains(count), "{}", metrics.text());
    assert!(
        metrics
            .text()
            .contains("apiserver_request_duration_seconds_bucket{le=\"0.005\"")
    );
    assert!(
        metrics
            .text()
            .contains("apiserver_current_inflight_requests{request_kind=\"mutating\"} 0")
    );
}

#[tokio::test]
async fn answers_to_those_who_read_are_counted_by_their_size() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let sent = admin.get("/api/v1/nodes").await.text().len();
    // The answer is told of when it is over, which its client may know first.
    let count = "apiserver_response_sizes_count{verb=\"LIST\",group=\"\",version=\"v1\",\
                 resource=\"nodes\",subresource=\"\",scope=\"cluster\",component=\"apiserver\"} 1\n";
    until("the answer is told of", || {
        world.server.metrics().contains(count)
    })
    .await;
    let sum = format!(
        "apiserver_response_sizes_sum{{verb=\"LIST\",group=\"\",version=\"v1\",resource=\"nodes\",\
         subresource=\"\",scope=\"cluster\",component=\"apiserver\"}} {sent}"
    );
    let text = world.server.metrics();
    assert!(text.contains(&sum), "{sum}: {text}");
}

#[tokio::test]
async fn what_others_count_is_on_the_page() {
    let export: Export = Arc::new(|page| {
        page.family("others_total", "Others", Kind::Counter);
        page.value("others_total", &[], 7);
    });
    let plan = Plan {
        exports: vec![export],
        ..Plan::default()
    };
    let world = World::new(plan).await;
    let text = world.admin().get("/metrics").await.text().to_owned();
    let there = "# HELP others_total Others.\n# TYPE others_total counter\nothers_total 7\n";
    assert!(text.contains(there), "{text}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_those_who_connect_next() {
    let world = World::new(Plan::default()).await;
    let admin = world.admin();
    let shown = async || {
        let stream = admin.connect("http/1.1").await;
        let chain = stream.get_ref().1.peer_certificates().unwrap();
        chain[0].to_vec()
    };
    let first = shown().await;
    assert_eq!(shown().await, first);
    let renewed = crate::pki::Server::default();
    let renewed = renewed
        .issue(&world.authority, super::world::now())
        .unwrap();
    world.server.tls().renew(&renewed).unwrap();
    assert_ne!(shown().await, first);
}
