//! The shapes of what the API answers, as the document describes them. `wire` makes the JSON; the
//! tests hold every answer against these.
#![expect(
    dead_code,
    reason = "they are described and never made: `wire` makes the JSON"
)]

mod definition;
mod other;
mod params;
mod run;
mod step;
mod thread;

use serde::Serialize;
use utoipa::ToSchema;

pub use definition::*;
pub use other::*;
pub use params::*;
pub use run::*;
pub use step::*;
pub use thread::*;

/// One thing.
#[derive(Serialize, ToSchema)]
pub struct Data<T> {
    data: T,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    data: Vec<T>,
    /// Give it as `cursor` for the next page; null at the end.
    next_cursor: Option<String>,
}

/// A refusal (RFC 9457), as `application/problem+json`.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    r#type: String,
    title: String,
    /// The HTTP status.
    status: u16,
    /// In words, what is wrong and what would be right.
    detail: String,
    /// Stable, snake_case: for programs.
    code: String,
    /// The same as `detail`.
    error: String,
    /// The values that do not fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Unfit>,
    /// Of a refusal for the state of a run: that state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    current_status: Option<RunStatus>,
    /// Of a definition with errors: all findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    diagnostics: Option<Vec<Diagnostic>>,
}

/// One value that does not fit.
#[derive(Serialize, ToSchema)]
pub struct Unfit {
    /// A JSON pointer into the body.
    pointer: String,
    detail: String,
}
