//! `github-events`: the command line of the library `events-stats`.
fn main() {}
