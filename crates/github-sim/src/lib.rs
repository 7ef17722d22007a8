//! Offline simulator of api.github.com with GitHub's real rules.
//!
//! ```no_run
//! # async fn example() -> Result<(), github_sim::StartError> {
//! use github_sim::{FaultKind, FaultRule, Simulator};
//!
//! let sim = Simulator::builder().seed(7).start().await?;
//! let token = sim.user_token("octocat");
//! sim.fault(FaultRule::new(FaultKind::Reset).path("/repos/**").times(1));
//! // ... talk to sim.url() with `token` ...
//! assert_eq!(sim.counters().count_status(200), 0);
//! # Ok(())
//! # }
//! ```
//!
//! Three layers: [`answer`] is the seam to what exists (the [`World`]); the exchange applies GitHub's rules to its answers;
//! the server puts them on real sockets, where faults can be ordered. The same controls are offered over HTTP under
//! `/_sim/`.

pub mod answer;
mod app_jwt;
mod body;
mod clock;
mod conditions;
mod control;
mod counters;
mod credentials;
mod desk;
mod edge;
mod exchange;
mod faults;
mod front;
mod graphql;
mod headers;
mod media;
mod pretty;
mod problems;
mod quota;
mod representation;
mod secondary;
mod server;
mod service;
mod simulator;
mod status_page;
mod stream;
mod switches;
mod tags;
mod universe;
mod utility;
pub mod world;

pub use app_jwt::AppSpec;
pub use clock::{START, SimClock};
pub use counters::{Counter, Counters, SeenRequest};
pub use credentials::{TokenKind, TokenSpec};
pub use faults::{FaultBody, FaultKind, FaultRule};
pub use quota::{Bucket, Owner};
pub use service::Direct;
pub use simulator::{Simulator, SimulatorBuilder, StartError};
pub use switches::{AtZero, LimitStatus, Precedence, Switches, TagHash};
pub use universe::{
    Change, DEFAULT_EPOCH, LoadError, Scale, Universe, UniverseOptions, Visibility,
};
pub use utility::InstallationSpec;
pub use world::World;
