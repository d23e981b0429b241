//! Orders that a shepherd has not acknowledged. Owns what is said again after a reconnect, and in
//! which order.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use crate::wire::{MAX_ORDER, ToShepherd, line};

/// The orders of one attempt that are not acknowledged yet, oldest first.
#[derive(Default)]
pub(crate) struct Orders {
    open: VecDeque<Order>,
    /// The end of the child's standard input, once it was asked for.
    close: Option<Vec<u8>>,
}

struct Order {
    id: String,
    line: Vec<u8>,
}

impl Orders {
    /// Keeps an order until it is done; returns the line to send. Refuses one that no connection
    /// would survive.
    pub(crate) fn keep(&mut self, message: ToShepherd) -> io::Result<&[u8]> {
        let line = line(&message);
        if line.len() > MAX_ORDER {
            let length = line.len();
            let text = format!("an order of {length} bytes is too long; at most {MAX_ORDER}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let (ToShepherd::Stdin { id: Some(id), .. } | ToShepherd::Note { id, .. }) = message else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        self.open.push_back(Order { id, line });
        Ok(self.open.back().map_or(&[], |order| &order.line))
    }

    /// Keeps that the child's standard input is to end; returns the line to send.
    pub(crate) fn close(&mut self) -> &[u8] {
        let message = || line(&ToShepherd::CloseStdin {});
        self.close.get_or_insert_with(message)
    }

    /// Forgets the order, which is acknowledged.
    pub(crate) fn done(&mut self, id: &str) {
        self.open.retain(|order| order.id != id);
    }

    /// What is to be said again.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let open = self.open.iter().map(|order| &order.line);
        open.chain(&self.close).map(Vec::as_slice)
    }
}

impl fmt::Debug for Orders {
    /// Only the ids: the texts may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.open.iter().map(|order| &order.id))
            .finish()
    }
}
