//! What happens, as it happens: `GET /api/events` and following a step's log.
//!
//! The journal is read in the order of positions, and the engine's feed is only the sign to read
//! on: so nothing is missed, repeated or out of order, however slow a reader is.

mod feed;
mod lines;
mod progress;
mod tail;
mod topics;

pub use feed::Feed;
pub use tail::Tail;
pub use topics::Topics;
