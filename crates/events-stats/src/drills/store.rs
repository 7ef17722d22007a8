//! Either database keeps what it is given, in the same way.

mod events;
mod leases;
mod polls;
mod repositories;
