//! What happens, as it happens: `GET /api/ws`, `GET /api/events`, and following a step's log.
//!
//! The journal is the only source. [`Hub`] follows it once for all connections and tells each
//! commit once; a [`Reader`] is one connection's way: what was committed before it came it reads
//! from the journal by itself, then it listens to the hub. So nothing is missed, repeated or out of
//! order, however slow a reader is, and a thousand readers cost one fold.

mod audience;
mod hub;
mod interest;
mod lines;
mod progress;
mod reader;
mod socket;
mod tail;
mod teller;
mod topics;

pub use audience::Audience;
pub use hub::Hub;
pub use reader::{Heard, Reader};
pub use socket::serve;
pub use tail::Tail;
pub use topics::Topics;
