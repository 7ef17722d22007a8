//! Offline simulator of api.github.com with GitHub's real rules.

pub mod answer;
pub mod world;

pub use world::World;
