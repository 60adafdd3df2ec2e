//! Which hunt for which mistake.

use keelson_plants::Plant;

/// The cheapest thing that must find a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Unit tests of a crate, by their whole names.
    Tests {
        /// The crate, as its library is called.
        of: &'static str,
        /// The tests.
        names: &'static [&'static str],
    },
    /// Seeds of the simulation, from zero on, until one fails.
    Seeds {
        /// So many at most.
        most: u64,
    },
    /// A statement of the conformance suite.
    Statement {
        /// The test that asks it: how many members there are.
        test: &'static str,
        /// Its name, or a part that no other has.
        name: &'static str,
    },
}

impl How {
    /// Where it stands in line: less is earlier.
    pub fn cost(self) -> u8 {
        match self {
            How::Tests { .. } => 0,
            How::Seeds { .. } => 1,
            How::Statement { .. } => 2,
        }
    }

    /// Whether it takes half a minute at most, also on a machine with other things to do.
    pub fn is_short(self) -> bool {
        matches!(self, How::Tests { .. } | How::Seeds { .. })
    }

    /// In words, for a table.
    pub fn text(self) -> String {
        match self {
            How::Tests { of, names } => {
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                format!("{}: {}", of.replace('_', "-"), names.join(", "))
            }
            How::Seeds { most } => format!("simulation, up to {most} seeds"),
            How::Statement { test, name } => format!("conformance, `{test}`: `{name}`"),
        }
    }
}

/// The store's unit tests.
const STORE: &str = "keelson_store";

const fn store(names: &'static [&'static str]) -> How {
    How::Tests { of: STORE, names }
}

const fn kubernetes(names: &'static [&'static str]) -> How {
    How::Tests {
        of: "keelson_apiserver",
        names,
    }
}

const fn loops(names: &'static [&'static str]) -> How {
    How::Tests {
        of: "keelson_controllers",
        names,
    }
}

const fn one_member(name: &'static str) -> How {
    How::Statement {
        test: "keelson_one_member",
        name,
    }
}

/// The hunt for a mistake.
pub const fn how(plant: Plant) -> How {
    match plant {
        Plant::AckBeforeSync
        | Plant::VoteUnsynced
        | Plant::FlushedBeforeWritten
        | Plant::LastAppliedTwice
        | Plant::ReadUnconfirmed
        | Plant::ReadBeforeApplied
        | Plant::LeaderUnconfirmed
        | Plant::CompareWhenProposed
        | Plant::UnknownProposedAgain
        | Plant::PurgeBeyondDurable => How::Seeds { most: 100 },
        Plant::RenewedByAnybody => one_member("c88_a_renewed_lease_stays"),
        Plant::VoterBehind => one_member("c112_a_learner_is_promoted_when_in_sync"),
        plant => in_a_crate(plant),
    }
}

/// The hunt for a mistake that a unit test finds.
const fn in_a_crate(plant: Plant) -> How {
    match plant {
        Plant::UpdateUnconditional => kubernetes(&[
            "registry::write::tests::update::statement_28_of_two_puts_with_one_version_one_is_refused",
        ]),
        Plant::ListOlderThanAsked => kubernetes(&[
            "registry::read::tests::fresh::statement_22_a_version_that_does_not_come_is_waited_for_and_then_too_large",
        ]),
        Plant::BookmarkTooHigh => kubernetes(&[
            "registry::read::tests::bookmarks::statement_8_a_bookmark_lies_between_what_was_told_and_what_was_not",
        ]),
        Plant::DeleteIgnoresUid => kubernetes(&[
            "registry::write::tests::delete::statement_53_preconditions_that_do_not_hold_are_conflicts",
        ]),
        Plant::DeleteIgnoresFinalizers => kubernetes(&[
            "registry::write::tests::delete::statement_50_finalizers_hold_an_object_until_the_last_is_gone",
        ]),
        Plant::ContinueTokenDrifts => {
            kubernetes(&["registry::read::tests::paging::statement_16_pages_are_one_snapshot"])
        }
        Plant::WatchSkipsFirst => kubernetes(&[
            "registry::read::tests::watching::statement_1_a_watch_from_a_list_tells_exactly_the_later_changes",
        ]),
        Plant::InformerMissesDelete => loops(&[
            "runtime::tests::world::what_is_missed_while_the_watch_is_broken_is_made_up_for",
        ]),
        Plant::TwoLeadersAct => {
            loops(&["runtime::tests::leading::two_who_lead_at_once_make_nothing_twice"])
        }
        // A loop that reports what it met is told to the runtime a second time; only one that does not care tells.
        Plant::UnknownWriteForgotten => loops(&[
            "runtime::tests::careless::nothing_is_decided_before_it_is_known_what_became_of_the_last_decision",
        ]),
        plant => store(in_the_store(plant)),
    }
}

/// Unit tests of the store that find a mistake. None: the table has no hunt for it, which a test forbids.
const fn in_the_store(plant: Plant) -> &'static [&'static str] {
    match plant {
        Plant::AppliedApart => {
            &["apply::tests::determinism::after_a_crash_the_rest_of_the_log_gives_the_same_state"]
        }
        Plant::SnapshotNamedEarly => {
            &["raft::state_dir::tests::an_install_that_fails_leaves_the_old_state"]
        }
        Plant::SnapshotUnchecked => {
            &["raft::snapshot::tests::resuming::what_arrives_must_be_what_was_announced"]
        }
        Plant::BackupWithoutLeases => {
            &["raft::restore::tests::keys_and_leases_stay_and_the_revision_jumps_ahead"]
        }
        Plant::DamageTakenForTorn => {
            &["wal::tests::damage::a_flipped_bit_is_refused_or_changes_nothing"]
        }
        Plant::SyncRetried => &["wal::tests::failure::after_a_failed_sync_everything_fails"],
        Plant::ApplyErrorIgnored => {
            &["apply::tests::log::a_state_that_cannot_be_written_stops_the_member"]
        }
        Plant::NameUnsynced => {
            &["wal::tests::crash::a_power_cut_at_every_operation_of_one_workload_is_survived"]
        }
        Plant::MetUnwritten => &["raft::met::tests::those_met_are_still_known_after_a_restart"],
        Plant::AnswerCountsForLater => {
            &["raft::node::paused::answers_of_before_a_pause_confirm_no_read_of_afterwards"]
        }
        Plant::ChangeOnHalfChange => {
            &["raft::node::undecided::a_change_that_was_left_half_way_is_ended_before_the_next_one"]
        }
        Plant::MembersUndecided => {
            &["raft::node::undecided::a_change_that_is_not_committed_is_in_no_list_of_members"]
        }
        Plant::ReadJoinsAskedRound => {
            &["raft::front::tests::a_read_that_comes_during_a_round_waits_for_the_next_one"]
        }
        Plant::RangeMixesRevisions => {
            &["mvcc::tests::concurrency::a_scan_is_of_one_revision_whatever_happens_meanwhile"]
        }
        Plant::CompactedReadPerMember | Plant::OrderPerMember => {
            &["apply::tests::determinism::neither_runs_nor_replies_change_what_happens"]
        }
        Plant::TxnSpansRevisions => {
            &["apply::tests::txn::c5_operations_share_a_revision_in_their_order"]
        }
        Plant::RevisionReused => {
            &["raft::restore::tests::keys_and_leases_stay_and_the_revision_jumps_ahead"]
        }
        Plant::NothingMakesRevision => {
            &["apply::tests::kv::c3_deleting_nothing_leaves_the_revision_alone"]
        }
        Plant::VersionKept => &["mvcc::tests::contract::a_new_life_begins_after_a_deletion"],
        Plant::DeletedKeyRises => {
            &["mvcc::tests::maintenance::a_tombstone_stays_while_a_put_before_it_does"]
        }
        Plant::DeletionAtStartMissed => {
            &["mvcc::tests::contract::a_watch_at_the_floor_sees_the_deletion_made_there"]
        }
        Plant::CompactionOvertakesReader => {
            &["mvcc::tests::concurrency::a_scan_is_of_one_revision_whatever_happens_meanwhile"]
        }
        plant => of_watches_and_leases(plant),
    }
}

const fn of_watches_and_leases(plant: Plant) -> &'static [&'static str] {
    match plant {
        Plant::SlowWatcherLosesEvent | Plant::EventTwiceAfterLag => {
            &["watch::tests::catching_up::s70_a_slow_reader_gets_everything_it_missed_in_order"]
        }
        Plant::RevisionSplit => {
            &["watch::tests::catching_up::a_revision_is_kept_whole_when_the_queue_fills_up_in_it"]
        }
        Plant::ProgressAheadOfEvents => {
            &["watch::tests::progress::s68_a_lagging_watch_holds_the_answer_back"]
        }
        Plant::CompactedStartMoved => {
            &["watch::tests::creating::s58_a_compacted_start_is_created_and_then_canceled"]
        }
        Plant::WatchGoesBack => &[
            "watch::tests::catching_up::s71_after_a_reset_every_watch_goes_on_from_its_next_revision",
        ],
        Plant::PreviousOfSameRevision => {
            &["mvcc::tests::contract::the_version_before_an_event_is_that_of_an_earlier_revision"]
        }
        Plant::FutureWatchHearsNow => {
            &["watch::tests::creating::s57_a_start_in_the_future_stays_silent_until_it_is_reached"]
        }
        Plant::LockWithoutLease => &[
            "rpc::ownership::tests::a_claimant_whose_lease_ends_while_it_waits_is_told_so_at_once",
        ],
        Plant::FenceIgnored => {
            &["apply::tests::log::a_fenced_command_takes_effect_in_its_term_only"]
        }
        Plant::NewLeaderForgetsTime => &[
            "lease::tests::c83_a_new_leader_starts_from_the_whole_or_the_noted_time_plus_an_extension",
        ],
        Plant::RenewalKeepsNote => &["lease::tests::c84_a_renewal_first_removes_the_note"],
        Plant::ExpiryHitsNamesake => &[
            "apply::tests::lease::what_was_decided_for_one_lease_passes_over_the_next_with_its_id",
        ],
        _ => &[],
    }
}

/// What a bad harness would do to its own record, and the tests in which that is no pass.
pub const SELF_TESTS: [(&str, &str, &[&str]); 6] = [
    (
        "H1",
        "the recorder repeats a request and does not say so",
        &["check::tests::spoil_operations::an_operation_that_was_sent_twice_is_flagged"],
    ),
    (
        "H2",
        "the recorder's clock goes back",
        &["check::tests::harness::h2_a_clock_that_goes_back_is_no_pass"],
    ),
    (
        "H3",
        "a fault fails, or does not work, unnoticed",
        &["check::tests::harness::h3_a_fault_that_nobody_saw_work_is_no_pass"],
    ),
    (
        "H4",
        "what may have happened is taken for what has not",
        &["check::tests::spoil_operations::something_refused_that_took_effect_is_flagged"],
    ),
    (
        "H5",
        "a checker that gives up is taken for one that found nothing",
        &[
            "check::tests::harness::h5_a_search_that_gives_up_is_no_pass",
            "check::tests::unknown_never_becomes_a_pass",
        ],
    ),
    (
        "H6",
        "the end of a history is lost",
        &["check::tests::harness::h6_a_truncated_history_is_no_pass"],
    ),
];
