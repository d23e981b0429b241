//! What a program did, as workers tell it to hosts.

use std::sync::Arc;

use baton_core::run::big::Big;
use baton_core::run::program::{Ask, FunctionEnd, ProgramEnd};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

/// What a program did until it waited, or until there was much to tell.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Sent")]
pub(crate) struct Turned {
    /// The number of the first of these calls.
    pub(crate) from: usize,
    /// The new calls.
    pub(crate) asks: Vec<Ask>,
    /// Its end.
    pub(crate) end: Option<ProgramEnd>,
}

/// The same on its way. A long text is written by its hash, for journals, which keep such texts beside their
/// rows; so they go along, in their order.
#[derive(Deserialize)]
struct Sent {
    from: usize,
    asks: Vec<Ask>,
    end: Option<ProgramEnd>,
    #[serde(default)]
    long: Vec<Arc<str>>,
}

impl Serialize for Turned {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let texts = self.asks.iter().flat_map(|ask| {
            let value = match &ask.end {
                Some(FunctionEnd::Returned(value)) => Some(value),
                _ => None,
            };
            [Some(&ask.options), value].into_iter().flatten()
        });
        let end = match &self.end {
            Some(ProgramEnd::Returned(value)) => Some(value),
            _ => None,
        };
        let long = texts.chain(end).filter_map(Big::blob);
        let long: Vec<Arc<str>> = long.map(|(_, text)| text).collect();
        let mut sent = s.serialize_struct("Turned", 3 + usize::from(!long.is_empty()))?;
        sent.serialize_field("from", &self.from)?;
        sent.serialize_field("asks", &self.asks)?;
        sent.serialize_field("end", &self.end)?;
        if !long.is_empty() {
            sent.serialize_field("long", &long)?;
        }
        sent.end()
    }
}

impl From<Sent> for Turned {
    fn from(sent: Sent) -> Self {
        let (mut asks, mut end) = (sent.asks, sent.end);
        let mut long = sent.long.into_iter();
        let mut whole = |text: &mut Big| {
            if let Big::Elsewhere(_) = text
                && let Some(whole) = long.next()
            {
                *text = Big::Here(whole);
            }
        };
        for ask in &mut asks {
            whole(&mut ask.options);
            if let Some(FunctionEnd::Returned(value)) = &mut ask.end {
                whole(value);
            }
        }
        if let Some(ProgramEnd::Returned(value)) = &mut end {
            whole(value);
        }
        Self {
            from: sent.from,
            asks,
            end,
        }
    }
}
