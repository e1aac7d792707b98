//! Each promise, broken by hand.
