//! Store, poller and statistics against real databases and GitHub's simulator.

mod averages;
mod backfill;
mod policies;
mod poller;
mod rig;
mod store;
