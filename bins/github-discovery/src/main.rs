//! `github-discovery`: the command line of the library `discovery`.
fn main() {}
