//! Mistakes on purpose, by name.

/// A mistake that a test build can be told to make, by `KEELSON_PLANT=name[,name]` in its environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A write is acknowledged before its log entry is on disk.
    AckBeforeSync,
}

impl Plant {
    /// All of them, in the order of their declaration.
    pub const ALL: &[Self] = &[Self::AckBeforeSync];

    /// Its name in `KEELSON_PLANT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AckBeforeSync => "ack-before-sync",
        }
    }
}

/// Whether this process is to make that mistake.
#[cfg(feature = "faults")]
pub fn planted(plant: Plant) -> bool {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<u64> = OnceLock::new();
    let chosen =
        CHOSEN.get_or_init(|| {
            let names = std::env::var("KEELSON_PLANT").unwrap_or_default();
            names.split(',').filter(|name| !name.is_empty()).fold(
                0,
                |chosen, name| match Plant::ALL.iter().find(|plant| plant.name() == name) {
                    Some(plant) => chosen | 1 << *plant as u64,
                    None => crate::broken!(
                        "{}: KEELSON_PLANT names `{name}`, which is no plant",
                        super::MARKER
                    ),
                },
            )
        });
    chosen & 1 << plant as u64 != 0
}

/// Never: this program carries no faults.
#[cfg(not(feature = "faults"))]
pub const fn planted(_plant: Plant) -> bool {
    false
}
