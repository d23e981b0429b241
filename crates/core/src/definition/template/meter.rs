//! What a render may cost: steps, and bytes of the values it makes. Both are spent before the work
//! is done, so that no template can ask for more memory than this.

use minijinja::Value;
use minijinja::value::ValueKind;

/// Steps one render may take.
const STEPS: u64 = 2_000_000;
/// Bytes of all values one render may make.
const BYTES: usize = 32 << 20;
/// The longest text, rendered or made on the way.
pub(crate) const MAX_TEXT: usize = 1 << 20;
/// Values within values.
const MAX_DEPTH: u32 = 128;

/// Why a render was stopped or a value could not be had.
pub(crate) type Reason = String;

/// What is left to spend.
#[derive(Debug)]
pub(crate) struct Meter {
    steps: u64,
    bytes: usize,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            steps: STEPS,
            bytes: BYTES,
        }
    }

    /// Spends steps.
    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), Reason> {
        self.steps = self
            .steps
            .checked_sub(steps as u64)
            .ok_or_else(|| "takes too long".to_owned())?;
        Ok(())
    }

    /// Spends the bytes of a text that is about to be made.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), Reason> {
        if bytes > MAX_TEXT {
            return Err("gives more than 1 MiB".to_owned());
        }
        self.spend(1 + bytes / 256)?;
        self.bytes = self
            .bytes
            .checked_sub(bytes)
            .ok_or_else(|| "needs too much memory".to_owned())?;
        Ok(())
    }

    /// Spends what a value holds, all of it, however often it is shared: with that, no later walk
    /// over it can take long.
    pub(crate) fn charge(&mut self, value: &Value) -> Result<(), Reason> {
        let size = self.walk(value, 0)?;
        self.bytes = self
            .bytes
            .checked_sub(size)
            .ok_or_else(|| "needs too much memory".to_owned())?;
        Ok(())
    }

    /// Spends the steps of one walk over all of a value that exists already.
    pub(crate) fn visit(&mut self, value: &Value) -> Result<(), Reason> {
        self.walk(value, 0).map(|_| ())
    }

    /// The bytes a value holds; stops early when that is more than is left.
    fn walk(&mut self, value: &Value, depth: u32) -> Result<usize, Reason> {
        if depth > MAX_DEPTH {
            return Err("is nested too deeply".to_owned());
        }
        let mut size = value.as_str().map_or(24, |text| 24 + text.len());
        self.spend(1 + size / 256)?;
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => {
                for item in value.try_iter().map_err(|e| e.to_string())? {
                    size = size.saturating_add(self.walk(&item, depth + 1)?);
                }
            }
            ValueKind::Map => {
                for key in value.try_iter().map_err(|e| e.to_string())? {
                    size = size.saturating_add(self.walk(&key, depth + 1)?);
                    if let Ok(item) = value.get_item(&key) {
                        size = size.saturating_add(self.walk(&item, depth + 1)?);
                    }
                }
            }
            _ => {}
        }
        Ok(size)
    }
}

/// Text that grows up to [`MAX_TEXT`].
#[derive(Debug, Default)]
pub(crate) struct Output(String);

impl Output {
    pub(crate) fn push(&mut self, text: &str) -> Result<(), Reason> {
        if self.0.len() + text.len() > MAX_TEXT {
            return Err("gives more than 1 MiB".to_owned());
        }
        self.0.push_str(text);
        Ok(())
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}
