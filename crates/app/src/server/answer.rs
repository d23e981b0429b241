//! JSON answers that may be long: written once, off the runtime's threads.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::{Answer, Problem};

/// Such an answer.
pub struct Made(Vec<u8>);

impl Made {
    /// This, as it is.
    pub fn of(value: &impl Serialize) -> Answer<Self> {
        let bytes = serde_json::to_vec(value).map_err(|error| Problem::internal(&error))?;
        Ok(Self(bytes))
    }

    /// This as `data`.
    pub fn data(value: &impl Serialize) -> Answer<Self> {
        #[derive(Serialize)]
        struct Data<'a, T> {
            data: &'a T,
        }
        Self::of(&Data { data: value })
    }
}

impl IntoResponse for Made {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}
