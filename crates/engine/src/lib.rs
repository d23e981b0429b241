//! The driver: loads, decides, commits, dispatches and recovers aggregates.

pub mod ports;
