//! The decision record: the one public shape of a decision, everywhere.
