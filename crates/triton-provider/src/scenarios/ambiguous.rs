//! ambiguous
