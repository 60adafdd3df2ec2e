//! Opening: the index from a dump and the history after it, or from the whole history.

use super::Options;
use super::cache::Cache;
use super::dump::{self, Dumps, Footer};
use super::index::{Builder, Entry, Tree, Version};
use super::record::{self, Fields};
use super::schema::{self, damaged};
use super::size::{Segments, Size};
use super::store::State;
use crate::engine::{Batch, Engine, EngineError, Family, history_key, parse_history_key};
use crate::{LeaseId, Revision};
use std::ops::{ControlFlow, Range};

/// What a store starts with.
pub(crate) struct Loaded {
    /// Trimmed to its compaction floor.
    pub state: State,
    pub dumps: Dumps,
}

/// Reads everything that a store needs in memory.
pub(crate) fn load(engine: &dyn Engine, options: &Options) -> Result<Loaded, EngineError> {
    let revision = schema::number(engine, schema::REVISION)?.unwrap_or(1);
    let compacted = schema::number(engine, schema::COMPACTED)?.unwrap_or(-1);
    let tombstone_floor = schema::number(engine, schema::TOMBSTONE_FLOOR)?.unwrap_or(-1);
    let total = schema::number(engine, schema::TOTAL)?.unwrap_or(0);
    let mut state = State {
        tree: Tree::default(),
        revision,
        compacted,
        size: Size::default(),
        segments: Segments::default(),
        cache: Cache::new(options.cache_bytes),
        undumped_bytes: 0,
        tombstone_floor,
        spare: Batch::default(),
    };
    let mut dumps = Dumps {
        directory: options.index_dir.clone(),
        bound: None,
    };
    match load_dump(engine, &mut dumps, &state)? {
        Some((footer, tree)) => {
            state.tree = tree;
            state.segments = footer.segments;
            replay(engine, footer.revision + 1, &mut state)?;
        }
        None => build(engine, &mut state)?,
    }
    state.size.in_use = stored_bytes(&state.tree);
    // Garbage of earlier compactions came back with the rest. The floor is as durable as they are.
    state.trim(&[], compacted, usize::MAX);
    state.size.total = state.size.in_use.max(total as u64);
    Ok(Loaded { state, dumps })
}

/// The dump that the database names, if it can be used.
fn load_dump(
    engine: &dyn Engine,
    dumps: &mut Dumps,
    state: &State,
) -> Result<Option<(Footer, Tree)>, EngineError> {
    let Some(directory) = &dumps.directory else {
        return Ok(None);
    };
    let Some(id) = schema::dump(engine)? else {
        return Ok(None);
    };
    if id.revision > state.revision || id.revision < state.tombstone_floor {
        return Ok(None);
    }
    let mut builder = Builder::default();
    let read = dump::read(directory, id, &mut |entry| builder.push(entry));
    let Some((footer, bytes)) = read else {
        tracing::warn!("the index dump is missing or damaged, reading the whole history");
        return Ok(None);
    };
    dumps.bound = Some((id, bytes));
    Ok(Some((footer, builder.finish())))
}

/// One record of the history, as far as the index wants it.
struct Row<'a> {
    version: Version,
    fields: Fields<'a>,
}

/// Visits the history from a revision on.
fn scan(
    engine: &dyn Engine,
    from: Revision,
    revision: Revision,
    visit: &mut dyn FnMut(Row<'_>),
) -> Result<(), EngineError> {
    let mut bad = None;
    engine.scan(
        Family::History,
        &history_key(from, 0),
        &[],
        &mut |key, stored| {
            let row = row(key, stored).filter(|row| row.version.revision <= revision);
            match row {
                Some(row) => {
                    visit(row);
                    ControlFlow::Continue(())
                }
                None => {
                    bad = Some(key.to_vec());
                    ControlFlow::Break(())
                }
            }
        },
    )?;
    match bad {
        None => Ok(()),
        Some(key) => Err(damaged(format!(
            "the history record {key:02x?} does not parse, or lies above revision {revision}"
        ))),
    }
}

fn row<'a>(key: &[u8], stored: &'a [u8]) -> Option<Row<'a>> {
    let (revision, sub) = parse_history_key(key)?;
    let (&kind, record) = stored.split_first()?;
    let fields = Fields::parse(record)?;
    let version = Version::new(revision, sub, record.len(), kind == record::TOMBSTONE);
    Some(Row { version, fields })
}

/// Applies the history after a dump.
fn replay(engine: &dyn Engine, from: Revision, state: &mut State) -> Result<(), EngineError> {
    let State {
        tree,
        segments,
        undumped_bytes,
        ..
    } = state;
    scan(engine, from, state.revision, &mut |row| {
        segments.added(row.version);
        *undumped_bytes += row.version.stored_bytes();
        let fields = row.fields;
        tree.upsert(fields.key, |entry, _| {
            entry.push(
                row.version,
                fields.create_revision,
                fields.version,
                fields.lease,
            );
        });
    })
}

/// A version while the whole history is being sorted.
struct Draft {
    key: Range<usize>,
    version: Version,
    create_revision: Revision,
    count: i64,
    lease: LeaseId,
}

/// Builds the index from the whole history: collect, sort, build. Never by random inserts.
fn build(engine: &dyn Engine, state: &mut State) -> Result<(), EngineError> {
    let mut keys: Vec<u8> = Vec::new();
    let mut drafts: Vec<Draft> = Vec::new();
    let State {
        segments,
        undumped_bytes,
        ..
    } = state;
    scan(engine, 0, state.revision, &mut |row| {
        segments.added(row.version);
        *undumped_bytes += row.version.stored_bytes();
        let start = keys.len();
        keys.extend_from_slice(row.fields.key);
        drafts.push(Draft {
            key: start..keys.len(),
            version: row.version,
            create_revision: row.fields.create_revision,
            count: row.fields.version,
            lease: row.fields.lease,
        });
    })?;
    // Stable: versions of one key stay in the order of their positions.
    drafts.sort_by(|a, b| keys[a.key.clone()].cmp(&keys[b.key.clone()]));
    let mut builder = Builder::default();
    let mut older = Vec::new();
    for (at, draft) in drafts.iter().enumerate() {
        let key = &keys[draft.key.clone()];
        let next = drafts.get(at + 1).map(|next| &keys[next.key.clone()]);
        if next == Some(key) {
            older.push(draft.version);
            continue;
        }
        let mut entry = Entry::vacant(key);
        entry.push(
            draft.version,
            draft.create_revision,
            draft.count,
            draft.lease,
        );
        entry.set_older(std::mem::take(&mut older));
        builder.push(entry);
    }
    state.tree = builder.finish();
    Ok(())
}

/// What every version in the index counts towards the store's size.
fn stored_bytes(tree: &Tree) -> u64 {
    let mut bytes = 0;
    let _ = tree.visit(&[], None, &mut |slot| {
        let entry = slot.entry();
        bytes += entry.newest().stored_bytes();
        bytes += entry.older().iter().map(Version::stored_bytes).sum::<u64>();
        ControlFlow::<()>::Continue(())
    });
    bytes
}
