//! The cache of RFC 9111 around an origin in process: what is asked, what is stored, what the client sees.

mod origin;
mod policy;
mod sharing;
mod writes;
