//! The chain as a whole.

use super::*;

#[test]
fn plug_ins_come_in_the_order_of_upstream() {
    assert_eq!(
        World::empty().chain.names(),
        [
            "NamespaceLifecycle",
            // Upstream does this without a plug-in.
            "CustomResourceLifecycle",
            "LimitRanger",
            "ServiceAccount",
            "NodeRestriction",
            "TaintNodesByCondition",
            "Priority",
            "DefaultTolerationSeconds",
            "ServiceAllocation",
            "ResourceQuota",
        ]
    );
}

#[test]
fn a_dry_run_is_filled_in_and_leaves_nothing() {
    let world = World::new();
    world.put(
        "resourcequotas",
        "ns",
        quotas::a_quota(json!({"pods": "1"})),
    );
    let mut real = creation("pods", a_pod("x"));
    let admitted = world.ask(&mut real).expect("let through");
    assert_eq!((admitted.guards.len(), admitted.writes.len()), (2, 1));
    let mut dry = creation("pods", a_pod("x"));
    dry.is_dry_run = true;
    assert_eq!(
        world.ask(&mut dry).expect("let through"),
        Admitted::default()
    );
    assert_eq!(dry.object, real.object);
    assert_ne!(*dry.object, Some(a_pod("x")));
}

#[test]
fn plug_ins_that_were_asked_are_timed() {
    let world = World::new();
    world
        .ask(&mut creation("pods", a_pod("x")))
        .expect("let through");
    let mut page = crate::meter::Page::default();
    world.chain.meters().show(&mut page);
    let text = page.into_text();
    for (name, step) in [("Priority", "admit"), ("ResourceQuota", "validate")] {
        let line = format!(
            "apiserver_admission_controller_admission_duration_seconds_count{{name=\"{name}\",\
             type=\"{step}\",operation=\"CREATE\",rejected=\"false\"}} 1"
        );
        assert!(text.lines().any(|there| there == line), "{line}: {text}");
    }
}

#[test]
fn a_status_is_nobodys_business() {
    let world = World::new();
    world.put(
        "resourcequotas",
        "ns",
        quotas::a_quota(json!({"pods": "0"})),
    );
    let mut request = update("pods", a_pod("x"), a_pod("x"));
    request.target.subresource = "status".to_owned();
    assert_eq!(world.ask(&mut request), Ok(Admitted::default()));
    assert_eq!(*request.object, Some(a_pod("x")));
}

#[test]
fn a_store_that_is_away_is_no_missing_object() {
    use crate::storage::{Call, Fault, KvError};
    let world = World::new();
    let away = KvError::Unavailable("no leader".to_owned());
    world.kv.fail_next(Call::Range, Fault::Before(away));
    let failure = world.refuse(creation("configmaps", json!({})));
    assert_eq!(failure.code(), 503);
}
