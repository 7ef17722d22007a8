//! Tests of the whole universe.
