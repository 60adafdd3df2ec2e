//! Where engines come from.

use super::memory::MemoryEngine;
use super::rocks::{RocksEngine, RocksOptions};
use super::{Engine, EngineError, GarbageSlot};
use std::path::Path;
use std::sync::Arc;

/// What states are opened on.
#[derive(Clone, Default)]
pub enum Engines {
    /// RocksDB.
    #[default]
    Rocks,
    /// Memory, which is gone with the process: a snapshot of another member is all that is ever read.
    Memory,
    /// Memory that somebody keeps beyond the end of a member: a simulated disk.
    Kept(Arc<dyn Keep>),
}

/// Keeps engines in memory, by their directories.
pub trait Keep: Send + Sync {
    /// The engine that lies in `directory`, as the last crash left it, or a new one; `must_exist`
    /// refuses that.
    ///
    /// # Errors
    /// There is none, or what another member sent is damaged.
    fn open(
        &self,
        directory: &Path,
        garbage: GarbageSlot,
        must_exist: bool,
    ) -> Result<Arc<dyn Engine>, EngineError>;
}

impl Engines {
    /// Opens the engine in a directory, or makes one there unless it `must_exist`.
    ///
    /// # Errors
    /// The engine's, with the place.
    pub fn open(
        &self,
        directory: &Path,
        garbage: GarbageSlot,
        must_exist: bool,
    ) -> Result<Arc<dyn Engine>, EngineError> {
        Ok(match self {
            Engines::Rocks => {
                let options = RocksOptions {
                    must_exist,
                    ..RocksOptions::default()
                };
                Arc::new(RocksEngine::open(directory, garbage, options)?)
            }
            Engines::Memory if must_exist => Arc::new(MemoryEngine::open(directory, garbage)?),
            Engines::Memory => Arc::new(MemoryEngine::new(garbage)),
            Engines::Kept(keep) => keep.open(directory, garbage, must_exist)?,
        })
    }

    /// Opens a copy that [`Engine::checkpoint`] made, to read it.
    ///
    /// # Errors
    /// The engine's, with the place.
    pub fn open_copy(&self, directory: &Path) -> Result<Arc<dyn Engine>, EngineError> {
        Ok(match self {
            Engines::Rocks => Arc::new(RocksEngine::open_read_only(
                directory,
                RocksOptions::default(),
            )?),
            _ => Arc::new(MemoryEngine::open(directory, GarbageSlot::default())?),
        })
    }

    /// Whether a member finds its state again after its process has ended.
    pub fn outlive_processes(&self) -> bool {
        !matches!(self, Engines::Memory)
    }

    /// Whether there are files, beside which others may lie.
    pub fn have_files(&self) -> bool {
        matches!(self, Engines::Rocks)
    }
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Engines::Rocks => "Rocks",
            Engines::Memory => "Memory",
            Engines::Kept(_) => "Kept",
        })
    }
}
