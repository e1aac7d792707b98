//! An in-memory CloudAPI over real HTTP.
