//! The mirror against the simulator, on real sockets.

mod clients;
mod faults;
mod fidelity;
mod limits;
mod memory;
mod mirror;
mod quota;
mod rig;
mod secrets;
mod tls;
