//! The whole service on a real socket, in front of the simulator.

mod auth;
mod page;
mod place;
mod program;
mod repositories;
mod schema;
mod served;
mod statistics;
mod stream;
mod webhook;
