//! Organisation data that never makes a client wait, refreshed once per cluster.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | [`config`] | what can be set, and the generated reference |
//! | `key` | which paths are kept (pure) |
//! | `flatten`, `order`, `views`, `content` | pages become one body, its codings and its views (pure) |
//! | `refresh`, `drift`, `failure` | when to refresh, whether the pages fit together, when to try again (pure) |
//! | `snapshot` | one version of a key's data, and how it travels |
//! | `tokens`, `upstream`, `gather` | asks GitHub: conditionally, page by page |
//! | `master` | the copy that all nodes share, the lease, the notifications |
//! | `node`, `keeper` | what this node holds, and who keeps it up to date |
//! | `proxy` | everything else goes through the conditional engine |
//! | `routes`, `problem`, `metrics` | answers, errors to HTTP, what is counted |
//! | `service`, `server` | the parts put together, on their sockets |

pub mod config;

mod content;
mod drift;
mod failure;
mod flatten;
mod gather;
mod keeper;
mod key;
mod master;
mod metrics;
mod node;
mod order;
mod problem;
mod proxy;
mod random;
mod refresh;
mod routes;
mod server;
mod service;
mod snapshot;
mod tokens;
mod upstream;
mod views;

pub use config::Config;
pub use master::MasterProblem;
pub use server::Server;
pub use service::{BuildError, ReadCache};
pub use service_runtime::Parts;
pub use tokens::TokenProblem;
