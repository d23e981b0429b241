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
        Self::of_about(0, value)
    }

    /// This, as it is: about so many bytes.
    pub fn of_about(bytes: usize, value: &impl Serialize) -> Answer<Self> {
        let mut made = Vec::with_capacity(bytes);
        serde_json::to_writer(&mut made, value).map_err(|error| Problem::internal(&error))?;
        Ok(Self(made))
    }

    /// This as `data`: about so many bytes.
    pub fn data_of_about(bytes: usize, value: &impl Serialize) -> Answer<Self> {
        #[derive(Serialize)]
        struct Data<'a, T> {
            data: &'a T,
        }
        Self::of_about(bytes, &Data { data: value })
    }
}

impl IntoResponse for Made {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}
