//! What the fuzz targets do: any bytes go in, a broken promise is a panic.
//!
//! Through public APIs only, so that what is fuzzed is what users call.

mod entry;
mod github;
mod headers;
mod policy;

pub use entry::{entry, stored};
pub use headers::headers;
pub use policy::policy;
