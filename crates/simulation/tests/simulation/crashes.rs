//! The process is killed at every boundary of a script.

use simulation::Depth;
use simulation::crash::{enumerate, short_script};

#[test]
fn the_process_may_die_at_every_boundary() {
    let coverage = enumerate(&short_script(), 1, Depth::Once).unwrap();
    assert!(coverage.violations.is_empty(), "{:#?}", coverage.violations);
    assert_eq!(coverage.killed_at, coverage.boundaries);
    assert!(coverage.boundaries > 30, "{}", coverage.boundaries);
}
