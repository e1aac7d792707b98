//! A real control plane and the binaries, for tests and the demo.
