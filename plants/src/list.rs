//! The mistakes.

/// Writes the list once: the enum, its names, its texts.
macro_rules! plants {
    ($($(#[doc = $what:literal])+ $plant:ident = $number:literal $name:literal, $found_by:literal;)*) => {
        /// A mistake that a test build can be told to make. Its text says what goes wrong then.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Plant {
            $($(#[doc = $what])+ $plant,)*
        }

        impl Plant {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$plant,)*];

            /// Its number in the list of mistakes that every store must be tried with; above 48, one of ours.
            pub const fn number(self) -> u8 {
                match self {
                    $(Self::$plant => $number,)*
                }
            }

            /// Its name in the environment.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$plant => $name,)*
                }
            }

            /// What goes wrong.
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$plant => concat!($($what),+).trim(),)*
                }
            }

            /// What must find it.
            pub const fn found_by(self) -> &'static str {
                match self {
                    $(Self::$plant => $found_by,)*
                }
            }

            /// The mistake of this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|plant| plant.name() == name)
            }
        }
    };
}

plants! {
    // Durability and consensus. 14, a change of members without a joint phase, cannot be made by our code: the
    // consensus library makes every change jointly. In its place stands that a member is not remembered.
    /// A write is acknowledged before its log entry is on disk.
    AckBeforeSync = 1 "ack-before-sync", "committed means on a quorum of disks";
    /// A vote is given before it is on disk.
    VoteUnsynced = 2 "vote-unsynced", "election safety, by what is on disks";
    /// Consensus is told that entries are on disk when they are handed to the log's writer.
    FlushedBeforeWritten = 3 "flushed-before-written", "committed means on a quorum of disks";
    /// How far the state has come is written in another batch than the data.
    AppliedApart = 4 "applied-apart", "equal states at equal places of the log";
    /// A start applies the last applied entry once more.
    LastAppliedTwice = 5 "last-applied-twice", "equal states; nothing is written twice";
    /// The log is shortened behind a state that was never made durable.
    PurgeBeyondDurable = 6 "purge-beyond-durable", "acknowledged writes are there after all members died";
    /// A snapshot is named the current state before it is there.
    SnapshotNamedEarly = 7 "snapshot-named-early", "an install that fails leaves the old state";
    /// A file of a snapshot is taken although it is not what was announced.
    SnapshotUnchecked = 7 "snapshot-unchecked", "what arrives is what was announced";
    /// A backup leaves leases out.
    BackupWithoutLeases = 8 "backup-without-leases", "keys and leases are there after a restore";
    /// Damage in the middle of the log is taken for its torn end, and what follows is forgotten.
    DamageTakenForTorn = 9 "damage-taken-for-torn", "every flipped bit is refused or changes nothing";
    /// A sync that failed is tried again, and the second success believed.
    SyncRetried = 10 "sync-retried", "after a failed sync the log has stopped";
    /// A state that could not be written is applied to further.
    ApplyErrorIgnored = 11 "apply-error-ignored", "a state that cannot be written stops the member";
    /// The directory is not synced after a rename: the new file may be gone after a power cut.
    NameUnsynced = 12 "name-unsynced", "a power cut at every operation loses nothing";
    /// A member that has not caught up counts as one that has, and votes.
    VoterBehind = 13 "voter-behind", "a learner is promoted when it is in sync";
    /// Whom a member has heard from is not written down, so that one with an empty disk may come back and vote.
    MetUnwritten = 14 "met-unwritten", "those met are known after a restart";

    // Reads. 17, a lease on reads with too long a life, does not exist here: no read trusts a clock. In its place
    // stands what makes a round of confirmation worthless.
    /// A read is answered without asking whether this member's state is current.
    ReadUnconfirmed = 15 "read-unconfirmed", "no answer is older than what was acknowledged";
    /// A read does not wait until what it must see is applied here.
    ReadBeforeApplied = 16 "read-before-applied", "no answer is older than what was acknowledged";
    /// A read joins a round of confirmation that was asked for before it came.
    ReadJoinsAskedRound = 17 "read-joins-asked-round", "a read that comes during a round waits for the next";
    /// Whoever thinks that it leads confirms reads without asking a quorum, also after it was paused or cut off.
    LeaderUnconfirmed = 18 "leader-unconfirmed", "no answer is older than what was acknowledged";
    /// A long range goes on at the newest revision after each piece.
    RangeMixesRevisions = 19 "range-mixes-revisions", "a range is of one revision";
    /// A transaction that reads a compacted revision is refused by one member and carried out by the others.
    CompactedReadPerMember = 20 "compacted-read-per-member", "equal states from equal logs";

    // Versions.
    /// Conditions of a transaction are looked at when it is proposed and not where it takes effect.
    CompareWhenProposed = 21 "compare-when-proposed", "writes fit the history of the store";
    /// Operations of one transaction get revisions of their own.
    TxnSpansRevisions = 22 "txn-spans-revisions", "operations of a transaction share a revision";
    /// A restored cluster gives revisions out again that the old one may have given out.
    RevisionReused = 23 "revision-reused", "the revision jumps ahead after a restore";
    /// A command that changes nothing makes a new revision.
    NothingMakesRevision = 24 "nothing-makes-revision", "deleting nothing leaves the revision alone";
    /// The end of a lease deletes its keys in another order at each member.
    OrderPerMember = 25 "order-per-member", "equal states from equal logs";
    /// A key that was deleted and made anew does not begin at version one.
    VersionKept = 26 "version-kept", "a new life begins after a deletion";
    /// A command whose fate is unknown is proposed again.
    UnknownProposedAgain = 27 "unknown-proposed-again", "nothing is written twice";

    // Watches.
    /// A watch whose reader is slow loses an event when it falls behind.
    SlowWatcherLosesEvent = 28 "slow-watcher-loses-event", "a slow reader gets everything";
    /// A watch that fell behind gets its last revision once more.
    EventTwiceAfterLag = 29 "event-twice-after-lag", "each event comes once";
    /// A watch whose queue fills up in the middle of a revision gets that revision in parts.
    RevisionSplit = 30 "revision-split", "a revision is kept whole when the queue fills up in it";
    /// Progress is told while events it covers are still to come.
    ProgressAheadOfEvents = 31 "progress-ahead-of-events", "progress comes after every event it covers";
    /// A watch that asks for compacted history silently begins later.
    CompactedStartMoved = 32 "compacted-start-moved", "a compacted start is refused";
    /// A watch is led back to its start when its member has got a snapshot.
    WatchGoesBack = 33 "watch-goes-back", "a watch goes on from its next revision";
    /// What an event says was there before is from the same transaction.
    PreviousOfSameRevision = 34 "previous-of-same-revision", "the version before is of an earlier revision";

    // Leases and locks. 39 and 40 are mistakes of users and roles, which the store does not have yet.
    /// A lock is given to a claimant whose lease ended while it waited.
    LockWithoutLease = 35 "lock-without-lease", "a claimant whose lease has ended is told so";
    /// What a leader decided takes effect after its term has ended: it ends leases that its successor keeps.
    FenceIgnored = 36 "fence-ignored", "a fenced command takes effect in its term only";
    /// A new leader counts leases from nothing, so that they end early.
    NewLeaderForgetsTime = 37 "new-leader-forgets-time", "a new leader starts from the whole time";
    /// A member that does not lead acknowledges a renewal that nobody counts.
    RenewedByAnybody = 38 "renewed-by-anybody", "a renewed lease stays";

    // The Kubernetes API and its controllers. 42, a cache older than what was asked for: there is no cache, so
    // the mistake is the same one in the read.
    /// An update takes effect although the object has changed since the client read it.
    UpdateUnconditional = 41 "update-unconditional", "of two puts with one version one is refused";
    /// A list is answered from a state that is older than what was asked for.
    ListOlderThanAsked = 42 "list-older-than-asked", "a version that does not come is waited for";
    /// A bookmark is ahead of the events that were told.
    BookmarkTooHigh = 43 "bookmark-too-high", "a bookmark lies behind what was told";
    /// A deletion ignores which object it was meant for.
    DeleteIgnoresUid = 44 "delete-ignores-uid", "preconditions that do not hold are conflicts";
    /// A deletion ignores finalizers.
    DeleteIgnoresFinalizers = 44 "delete-ignores-finalizers", "finalizers hold an object";
    /// The pages of a list are of different revisions.
    ContinueTokenDrifts = 45 "continue-token-drifts", "pages are one snapshot";
    /// A controller does not learn of what was deleted while its watch was broken.
    InformerMissesDelete = 46 "informer-misses-delete", "what is missed is made up for";
    /// A control loop writes without the claim that says that it is the one.
    TwoLeadersAct = 47 "two-leaders-act", "two who lead at once make nothing twice";

    // Compaction. In this store the revision is in the same batch as the data, so 48, a crash that lowers it,
    // has another face: a crash in the middle brings keys back.
    /// A deleted key is back after a restart, because its tombstone was dropped before what it hides.
    DeletedKeyRises = 48 "deleted-key-rises", "a tombstone stays while a put before it does";

    // Of our own, and of what others have had.
    /// A watch that begins at the revision of a deletion, such as the compacted one, misses it.
    DeletionAtStartMissed = 49 "deletion-at-start-missed", "a watch at the floor sees the deletion there";
    /// A watch on a future revision hears what happens before it.
    FutureWatchHearsNow = 50 "future-watch-hears-now", "a start in the future stays silent until then";
    /// A renewed lease keeps the note of the time it had left, and ends early under the next leader.
    RenewalKeepsNote = 51 "renewal-keeps-note", "a renewal first removes the note";
    /// The end of one lease hits another one that has its id.
    ExpiryHitsNamesake = 52 "expiry-hits-namesake", "what was decided for one lease spares the next";
    /// Compaction takes away what somebody is still reading.
    CompactionOvertakesReader = 53 "compaction-overtakes-reader", "a scan is of one revision";
    /// A watch that follows a list misses the first change after it.
    WatchSkipsFirst = 54 "watch-skips-first", "a watch from a list tells exactly the later changes";
    /// A control loop goes on deciding while nobody knows what became of its last write.
    UnknownWriteForgotten = 55 "unknown-write-forgotten", "a write of unknown outcome is not made twice";
    /// An answer that a follower gave long ago is taken for one to a request that the leader hands out now.
    AnswerCountsForLater = 56 "answer-counts-for-later", "an answer does not count for a later request";
    /// The list of members shows a change that nobody has confirmed, and that may be undone.
    MembersUndecided = 57 "members-undecided", "a change that is not committed is in no list of members";
    /// A change of the membership begins while another one, which somebody has left half-way, is not at its end.
    ChangeOnHalfChange = 58 "change-on-half-change", "a change left half-way is ended before the next one";
}
