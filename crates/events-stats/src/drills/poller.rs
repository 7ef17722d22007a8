//! Polling, against the simulator with its clock moved by hand.

mod catching_up;
mod faults;
mod sharing;
