//! `baton link`: a new link that signs a browser in.

use serde_json::{Value, json};

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use crate::client::Client;

/// Print a link that signs a browser in to `baton serve`: once, within 15 minutes, as `local`.
#[derive(Debug, clap::Args)]
pub struct Link {}

impl Link {
    /// Prints it.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let client = Client::passive(&context.data_dir);
        let made = client.post("/api/auth/links", &json!({})).await?;
        let Value::String(url) = &made["data"]["url"] else {
            return Err(Failure::not_found(
                "the host serves no address: start `baton serve`",
            ));
        };
        match context.json {
            true => print_json(&made["data"]),
            false => print_line(url),
        }
        Ok(Exit::Done)
    }
}
