//! Keys, fingerprints and HTTP signatures as CloudAPI wants them.
