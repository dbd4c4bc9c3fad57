#![doc = include_str!("../README.md")]

pub mod ipvs;
pub mod netlink;
pub mod proc;
pub mod ruleset;
pub mod table;
