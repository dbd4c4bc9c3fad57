//! Checks on machines that are made up.
