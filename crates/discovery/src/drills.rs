//! The crawl against the simulator: whatever exists there is stored here, at no more than it has to cost.

mod budget;
mod changes;
mod claims;
mod growth;
mod models;
mod quota;
mod rig;
mod troubles;
mod truth;
