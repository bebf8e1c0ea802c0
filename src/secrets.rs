//! The keys of this installation.
