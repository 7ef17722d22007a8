//! How long to measure.

/// Chosen by the arguments behind `--`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// `--quick`: long enough to see that the bench works.
    Quick,
    /// Long enough for numbers that are worth writing down.
    Full,
}

impl Effort {
    /// What the command line asks for. Cargo's own arguments mean nothing here.
    pub fn from_arguments() -> Self {
        if std::env::args().any(|argument| argument == "--quick") {
            Self::Quick
        } else {
            Self::Full
        }
    }

    /// One of the two.
    pub fn choose<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// The size of the machine in words, for the line above a table.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{cores} cores, {}", std::env::consts::ARCH)
}
