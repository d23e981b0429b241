//! A run: the fold over its journal, and the decisions about it.

pub mod big;
pub mod event;
pub mod work;
