//! Where a service keeps its tables: a file of SQLite, or a server of PostgreSQL.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `address` | which of the two an address means, and what is wrong with it |
//! | [`mod@file`] | opening a file that other processes open at the same moment |
//!
//! What the tables are is the business of each service.

mod address;
pub mod file;

pub use address::{Address, NoAddress};
