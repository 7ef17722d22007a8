//! The pure decisions: what the cache may touch, whether to ask GitHub and with which validator, what the answer means.
//!
//! Nothing here reads a clock, the environment or the network: `now` is an argument, every function returns an enum
//! that says why.

pub(crate) mod admission;
pub(crate) mod after;
pub(crate) mod before;
pub(crate) mod directives;
pub(crate) mod freshness;
pub(crate) mod limits;
pub(crate) mod origin;
pub(crate) mod pagination;
pub(crate) mod precondition;
pub(crate) mod storable;
