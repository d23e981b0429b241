//! A run's events, without a gap: when the host dies, another is started and asked to go on after
//! the last position seen.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::sse::Events;
use super::{Client, Error};

/// How long to go on trying when hosts keep dying without sending anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a feed says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// An event: `{type, data, pos?, ts}`.
    Event(Value),
    /// Connected (again): what is known should be read anew.
    Connected,
    /// The host is gone; a new one is being started.
    Reconnecting,
    /// The position asked for is older than what is kept: events were missed.
    Resync,
}

/// The events of one topic.
pub struct Feed {
    client: Client,
    topic: String,
    after: Option<u64>,
    events: Option<Events>,
    failing: Option<(Instant, u32)>,
}

impl Feed {
    /// The events of this topic (`run:<id>`) from now on, or after a position.
    #[must_use]
    pub fn new(client: Client, topic: String, after: Option<u64>) -> Self {
        Self {
            client,
            topic,
            after,
            events: None,
            failing: None,
        }
    }

    /// What happens next. Loses nothing when dropped before it is ready.
    ///
    /// # Errors
    /// When no host can be kept running, or it refuses.
    pub async fn next(&mut self) -> Result<Said, Error> {
        loop {
            let Some(events) = &mut self.events else {
                if let Some((_, tries)) = self.failing {
                    tokio::time::sleep(Duration::from_millis(50 << tries.min(5))).await;
                }
                match self.connect().await {
                    Ok(events) => {
                        self.events = Some(events);
                        return Ok(Said::Connected);
                    }
                    Err(error) if error.is_gone() => self.failed(error)?,
                    Err(error) => return Err(error),
                }
                continue;
            };
            match events.next().await {
                Ok(Some(event)) => {
                    self.failing = None;
                    if event.name == "resync" {
                        self.after = None;
                        return Ok(Said::Resync);
                    }
                    let Ok(value) = serde_json::from_str::<Value>(&event.data) else {
                        continue;
                    };
                    if value["type"] == "resync" {
                        self.after = None;
                        return Ok(Said::Resync);
                    }
                    if let Some(pos) = value["pos"].as_u64() {
                        self.after = Some(pos);
                    }
                    return Ok(Said::Event(value));
                }
                Ok(None) => {
                    self.events = None;
                    self.failed(Error::Lost("the host closed the stream".into()))?;
                    return Ok(Said::Reconnecting);
                }
                Err(error) => {
                    self.events = None;
                    self.failed(error)?;
                    return Ok(Said::Reconnecting);
                }
            }
        }
    }

    async fn connect(&self) -> Result<Events, Error> {
        let mut path = format!("/api/events?topics={}", super::escape(&self.topic));
        if let Some(after) = self.after {
            path = format!("{path}&after={after}");
        }
        let body = self.client.stream(&path, "text/event-stream").await?;
        Ok(Events::new(body))
    }

    fn failed(&mut self, error: Error) -> Result<(), Error> {
        let (since, tries) = self.failing.unwrap_or((Instant::now(), 0));
        if since.elapsed() > PATIENCE {
            return Err(error);
        }
        self.failing = Some((since, tries + 1));
        Ok(())
    }
}
