//! Jobs and CronJobs.

use super::*;

const JOB: &str = "batch/v1/Job";
const CRON: &str = "batch/v1/CronJob";

/// A Job, with a selector as one is made.
fn a_job() -> Value {
    let labels = json!({
        "controller-uid": "u",
        "job-name": "x",
        "batch.kubernetes.io/controller-uid": "u",
        "batch.kubernetes.io/job-name": "x",
    });
    let mut template = a_template();
    template["metadata"]["labels"] = labels;
    template["spec"]["restartPolicy"] = json!("Never");
    local(
        JOB,
        json!({
            "metadata": {"uid": "u"},
            "spec": {
                "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
                "template": template,
            },
        }),
    )
}

fn indexed() -> Value {
    edited(
        &a_job(),
        &[
            ("/spec/completionMode", json!("Indexed")),
            ("/spec/completions", json!(3)),
            ("/spec/parallelism", json!(3)),
        ],
    )
}

#[test]
fn selectors_are_generated() {
    creates(
        JOB,
        &a_job(),
        vec![
            (
                vec![("/spec/template/metadata/labels/job-name", Value::Null)],
                vec!["spec.template.metadata.labels[job-name]: Required value: must be 'x'"],
            ),
            (
                vec![("/spec/selector/matchLabels", json!({"a": "b"}))],
                vec![
                    "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` not auto-generated",
                    "spec.template.metadata.labels: Invalid value: …",
                ],
            ),
            (
                vec![
                    ("/spec/manualSelector", json!(true)),
                    ("/spec/selector/matchLabels", json!({"a": "b"})),
                    ("/spec/template/metadata/labels", json!({"a": "b"})),
                ],
                vec![],
            ),
            (
                vec![
                    ("/spec/manualSelector", json!(true)),
                    ("/spec/selector", Value::Null),
                ],
                vec![
                    "spec.selector: Required value",
                    "spec.template.metadata.labels: Invalid value: …",
                ],
            ),
        ],
    );
}

#[test]
fn numbers_and_restart_policies() {
    creates(
        JOB,
        &a_job(),
        vec![
            fine("/spec/parallelism", json!(0)),
            case(
                "/spec/parallelism",
                json!(-1),
                "spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
            ),
            case(
                "/spec/ttlSecondsAfterFinished",
                json!(-1),
                "spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0",
            ),
            fine("/spec/template/spec/restartPolicy", json!("OnFailure")),
            case(
                "/spec/template/spec/restartPolicy",
                json!("Always"),
                "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"",
            ),
            fine("/spec/managedBy", json!("a.b/c")),
            case(
                "/spec/managedBy",
                json!("a"),
                "spec.managedBy: Invalid value: \"a\": must be a domain-prefixed path (such as \"acme.io/foo\")",
            ),
            case(
                "/spec/backoffLimitPerIndex",
                json!(1),
                "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
            ),
        ],
    );
}

#[test]
fn indexes() {
    creates(
        JOB,
        &indexed(),
        vec![
            case(
                "/spec/completions",
                Value::Null,
                "spec.completions: Required value: when completion mode is Indexed",
            ),
            case(
                "/spec/parallelism",
                json!(100_001),
                "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed",
            ),
            case(
                "/spec/maxFailedIndexes",
                json!(1),
                "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            ),
            (
                vec![
                    ("/spec/backoffLimitPerIndex", json!(1)),
                    ("/spec/maxFailedIndexes", json!(4)),
                ],
                vec![
                    "spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions",
                ],
            ),
            (
                vec![
                    ("/spec/backoffLimitPerIndex", json!(1)),
                    ("/spec/completions", json!(100_001)),
                ],
                vec![
                    "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
                ],
            ),
        ],
    );
    let name = "a".repeat(62);
    let mut long = indexed();
    long["metadata"]["name"] = json!(name);
    for label in ["job-name", "batch.kubernetes.io/job-name"] {
        long["spec"]["template"]["metadata"]["labels"][label] = json!(name);
    }
    let what = format!(
        "metadata.name: Invalid value: \"{name}\": will not able to create pod with invalid DNS label: {name}-2"
    );
    expect("a long name", &create(&gvk(JOB), &long), &[&what]);
}

#[test]
fn failure_policies() {
    let rules = |rule: Value| vec![("/spec/podFailurePolicy", json!({"rules": [rule]}))];
    let codes = |values: Value| {
        let codes = json!({"operator": "In", "values": values});
        rules(json!({"action": "FailJob", "onExitCodes": codes}))
    };
    let at = |rest: &str| format!("spec.podFailurePolicy.rules[0]{rest}");
    let replaces = |when: &str| ("/spec/podReplacementPolicy", json!(when));
    creates(
        JOB,
        &edited(&a_job(), &[replaces("Failed")]),
        vec![
            (codes(json!([1, 2])), vec![]),
            (vec![replaces("TerminatingOrFailed")], vec![]),
            (
                [codes(json!([1])), vec![replaces("TerminatingOrFailed")]].concat(),
                vec![
                    "spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported values: \"Failed\"",
                ],
            ),
            (
                codes(json!([0])),
                vec![&at(
                    ".onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator",
                )],
            ),
            (
                codes(json!([2, 1])),
                vec![&at(
                    ".onExitCodes.values: Invalid value: [2,1]: must be ordered",
                )],
            ),
            (
                codes(json!([1, 1])),
                vec![&at(".onExitCodes.values[1]: Duplicate value: 1")],
            ),
            (
                codes(json!([])),
                vec![&at(
                    ".onExitCodes.values: Invalid value: []: at least one value is required",
                )],
            ),
            (
                rules(json!({"action": "Ignore"})),
                vec![&at(
                    ": Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
                )],
            ),
            (
                rules(json!({"action": "x", "onPodConditions": [{"type": "A", "status": "True"}]})),
                vec![&at(
                    ".action: Unsupported value: \"x\": supported values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\"",
                )],
            ),
            (
                rules(json!({"action": "Count", "onPodConditions": [{"type": "A"}]})),
                vec![&at(
                    ".onPodConditions[0].status: Required value: valid values: [\"False\" \"True\" \"Unknown\"]",
                )],
            ),
            (
                rules(
                    json!({"action": "FailIndex", "onPodConditions": [{"type": "A", "status": "True"}]}),
                ),
                vec![&at(
                    ".action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set",
                )],
            ),
            (
                [
                    codes(json!([1])),
                    vec![("/spec/template/spec/restartPolicy", json!("OnFailure"))],
                ]
                .concat(),
                vec![
                    "spec.template.spec.restartPolicy: Invalid value: \"OnFailure\": only \"Never\" is supported when podFailurePolicy is specified",
                ],
            ),
        ],
    );
}

#[test]
fn success_policies() {
    let policy = |rule: Value| vec![("/spec/successPolicy", json!({"rules": [rule]}))];
    let at = "spec.successPolicy.rules[0]";
    creates(
        JOB,
        &indexed(),
        vec![
            (
                policy(json!({"succeededIndexes": "0,1-2", "succeededCount": 3})),
                vec![],
            ),
            (
                policy(json!({})),
                vec![&format!(
                    "{at}: Required value: at least one of succeededCount or succeededIndexes must be specified"
                )],
            ),
            (
                policy(json!({"succeededIndexes": "3"})),
                vec![&format!(
                    "{at}.succeededIndexes: Invalid value: \"3\": error parsing succeededIndexes: too large index: \"3\""
                )],
            ),
            (
                policy(json!({"succeededIndexes": "1,0"})),
                vec![&format!(
                    "{at}.succeededIndexes: Invalid value: \"1,0\": error parsing…"
                )],
            ),
            (
                policy(json!({"succeededIndexes": "0", "succeededCount": 2})),
                vec![&format!(
                    "{at}.succeededCount: Invalid value: 2: must be less than or equal to 1 (the number of indexes in the specified succeededIndexes field)"
                )],
            ),
        ],
    );
    creates(
        JOB,
        &a_job(),
        vec![(
            policy(json!({"succeededCount": 1})),
            vec!["spec.successPolicy: Invalid value: …"],
        )],
    );
}

#[test]
fn what_a_job_may_not_change() {
    updates(
        JOB,
        &a_job(),
        vec![
            fine("/spec/parallelism", json!(5)),
            fine("/spec/suspend", json!(true)),
            case(
                "/spec/completions",
                json!(2),
                "spec.completions: Invalid value: 2: field is immutable",
            ),
            case(
                "/spec/template/spec/nodeSelector",
                json!({"a": "b"}),
                "spec.template: Invalid value: …",
            ),
            (
                vec![
                    ("/spec/manualSelector", json!(true)),
                    ("/spec/selector/matchLabels/job-name", json!("x")),
                ],
                vec!["spec.selector: Invalid value: …"],
            ),
            case(
                "/spec/managedBy",
                json!("a.b/c"),
                "spec.managedBy: Invalid value: \"a.b/c\": field is immutable",
            ),
        ],
    );
    let suspended = edited(&a_job(), &[("/spec/suspend", json!(true))]);
    updates(
        JOB,
        &suspended,
        vec![
            fine("/spec/template/spec/nodeSelector", json!({"a": "b"})),
            case(
                "/spec/template/spec/hostNetwork",
                json!(true),
                "spec.template: Invalid value: …",
            ),
        ],
    );
    updates(
        JOB,
        &indexed(),
        vec![
            (
                vec![
                    ("/spec/completions", json!(4)),
                    ("/spec/parallelism", json!(4)),
                ],
                vec![],
            ),
            case(
                "/spec/completions",
                json!(4),
                "spec.completions: Invalid value: 4: can only be modified in tandem with spec.parallelism",
            ),
        ],
    );
}

/// A CronJob.
fn a_cron_job() -> Value {
    let mut template = a_template();
    template["spec"]["restartPolicy"] = json!("Never");
    local(
        CRON,
        json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}}),
    )
}

#[test]
fn cron_jobs() {
    creates(
        CRON,
        &a_cron_job(),
        vec![
            case("/spec/schedule", json!(""), "spec.schedule: Required value"),
            fine("/metadata/name", json!("a".repeat(52))),
            case(
                "/metadata/name",
                json!("a".repeat(53)),
                "metadata.name: Invalid value: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": must be no more than 52 characters",
            ),
            case(
                "/spec/concurrencyPolicy",
                json!("x"),
                "spec.concurrencyPolicy: Unsupported value: \"x\": supported values: \"Allow\", \"Forbid\", \"Replace\"",
            ),
            case(
                "/spec/startingDeadlineSeconds",
                json!(-1),
                "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
            ),
            fine("/spec/timeZone", json!("Europe/Berlin")),
            case(
                "/spec/timeZone",
                json!(""),
                "spec.timeZone: Invalid value: \"\": timeZone must be nil or non-empty string",
            ),
            case(
                "/spec/timeZone",
                json!("a b"),
                "spec.timeZone: Invalid value: \"a b\": unknown time zone a b",
            ),
            case(
                "/spec/timeZone",
                json!("Middle/Earth"),
                "spec.timeZone: Invalid value: \"Middle/Earth\": unknown time zone Middle/Earth",
            ),
            case(
                "/spec/timeZone",
                json!("local"),
                "spec.timeZone: Invalid value: \"local\": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
            ),
            case(
                "/spec/jobTemplate/spec/manualSelector",
                json!(true),
                "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\"",
            ),
            case(
                "/spec/jobTemplate/spec/selector",
                json!({"matchLabels": {"a": "b"}}),
                "spec.jobTemplate.spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` will be auto-generated",
            ),
            case(
                "/spec/jobTemplate/spec/template/spec/restartPolicy",
                json!("Always"),
                "spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"",
            ),
            case(
                "/spec/schedule",
                json!("TZ=UTC * * * * *"),
                "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
            ),
        ],
    );
}

#[test]
fn schedules() {
    let base = a_cron_job();
    for line in [
        "*/5 * * * *",
        "0 0 1 jan mon-fri",
        "0-30/10 1,2 ? * SUN",
        "@daily",
        "@every 1h30m",
        "5/15 * * * *",
    ] {
        let object = edited(&base, &[("/spec/schedule", json!(line))]);
        expect(line, &create(&gvk(CRON), &object), &[]);
    }
    for line in [
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "a * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "@often",
        "@every x",
    ] {
        let object = edited(&base, &[("/spec/schedule", json!(line))]);
        let expected = format!("spec.schedule: Invalid value: \"{line}\": …");
        expect(line, &create(&gvk(CRON), &object), &[&expected]);
    }
}
