use super::*;
use http_body_util::BodyExt;

/// A member in any condition.
struct Patient {
    alarm: Option<AlarmType>,
    leader: bool,
    learner: bool,
    reads: Result<(), Error>,
}

const WELL: Patient = Patient {
    alarm: None,
    leader: true,
    learner: false,
    reads: Ok(()),
};

impl Vitals for Patient {
    fn alarms(&self) -> Vec<AlarmMember> {
        let member = |alarm| AlarmMember {
            member_id: 1,
            alarm: alarm as i32,
        };
        self.alarm.map(member).into_iter().collect()
    }

    fn has_leader(&self) -> bool {
        self.leader
    }

    fn is_learner(&self) -> bool {
        self.learner
    }

    async fn probe(&self, linearizable: bool) -> Result<(), Error> {
        match linearizable {
            true => self.reads.clone(),
            false => Ok(()),
        }
    }

    fn metrics(&self) -> String {
        "metrics".to_owned()
    }

    fn health_checked(&self, _: bool) {}
}

fn ask(patient: &Patient, method: Method, target: &'static str) -> (u16, String) {
    let uri = Uri::from_static(target);
    futures::executor::block_on(async {
        let response = answer(patient, &method, &uri).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("complete");
        let text = String::from_utf8(body.to_bytes().to_vec()).expect("text");
        (status, text)
    })
}

fn get(patient: &Patient, target: &'static str) -> (u16, String) {
    ask(patient, Method::GET, target)
}

fn sick(reason: &str) -> (u16, String) {
    (503, format!(r#"{{"health":"false","reason":"{reason}"}}"#))
}

fn healthy() -> (u16, String) {
    (200, r#"{"health":"true","reason":""}"#.to_owned())
}

#[test]
fn health_says_what_is_wrong_in_etcds_words() {
    assert_eq!(get(&WELL, "/health"), healthy());
    let full = Patient {
        alarm: Some(AlarmType::Nospace),
        ..WELL
    };
    assert_eq!(get(&full, "/health"), sick("ALARM NOSPACE"));
    assert_eq!(get(&full, "/health?exclude=NOSPACE"), healthy());
    assert_eq!(get(&full, "/health?exclude=CORRUPT"), sick("ALARM NOSPACE"));
    let cut_off = Patient {
        leader: false,
        reads: Err(Error::Timeout),
        ..WELL
    };
    assert_eq!(get(&cut_off, "/health"), sick("RAFT NO LEADER"));
    assert_eq!(get(&cut_off, "/health?serializable=true"), healthy());
    let slow = Patient {
        reads: Err(Error::Timeout),
        ..WELL
    };
    let reason = "RANGE ERROR:etcdserver: request timed out";
    assert_eq!(get(&slow, "/health"), sick(reason));
}

#[test]
fn probes_are_terse_unless_asked_and_always_explain_a_failure() {
    let ok = (200, "ok\n".to_owned());
    assert_eq!(get(&WELL, "/livez"), ok);
    assert_eq!(get(&WELL, "/readyz"), ok);
    let verbose = "[+]serializable_read ok\nok\n".to_owned();
    assert_eq!(get(&WELL, "/livez?verbose"), (200, verbose));
    let learner = Patient {
        learner: true,
        reads: Err(Error::NoLeader),
        ..WELL
    };
    let report = "[+]data_corruption ok\n\
        [-]linearizable_read failed: etcdserver: no leader\n\
        [-]non_learner failed: etcdserver: rpc not supported for learner\n\
        [+]serializable_read ok\n";
    assert_eq!(get(&learner, "/readyz"), (503, report.to_owned()));
    assert_eq!(get(&learner, "/livez"), ok);
}

#[test]
fn single_checks_have_their_own_paths_and_others_can_be_left_out() {
    let corrupt = Patient {
        alarm: Some(AlarmType::Corrupt),
        ..WELL
    };
    let report = "[-]data_corruption failed: alarm activated: CORRUPT\n".to_owned();
    assert_eq!(get(&corrupt, "/readyz/data_corruption"), (503, report));
    assert_eq!(get(&corrupt, "/readyz/linearizable_read").0, 200);
    assert_eq!(get(&corrupt, "/readyz?exclude=data_corruption").0, 200);
    let (_, text) = get(&corrupt, "/readyz?verbose&exclude=data_corruption");
    assert!(text.starts_with("[+]data_corruption excluded: ok\n"));
    assert_eq!(get(&WELL, "/livez/data_corruption").0, 404);
}

#[test]
fn only_get_is_allowed_and_only_known_paths_exist() {
    for target in ["/health", "/livez", "/readyz", "/metrics", "/version"] {
        assert_eq!(ask(&WELL, Method::POST, target).0, 405, "{target}");
        assert_eq!(get(&WELL, target).0, 200, "{target}");
    }
    assert_eq!(get(&WELL, "/nothing").0, 404);
    assert_eq!(get(&WELL, "/readyzz").0, 404);
}

#[test]
fn version_names_server_cluster_and_storage() {
    let text = r#"{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}"#;
    assert_eq!(get(&WELL, "/version"), (200, text.to_owned()));
}
