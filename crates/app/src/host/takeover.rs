//! Taking a data directory over from the host that has it: it hands over, its attempts go on.

use std::io::{self, Read, Write};
use std::time::Duration;

use serde_json::Value;

use super::listener;
use super::options::Options;
use super::serve::{self, Error};

/// How often to ask again: others may start a host in between, which is asked again.
const TRIES: usize = 10;

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs a host in place of the one in the background, if there is one.
pub fn take(options: Options) -> Result<(), Error> {
    for _ in 1..TRIES {
        ask_to_leave(&options)?;
        match serve::run(options.clone()) {
            Err(Error::InUse(_)) => {}
            ended => return ended,
        }
    }
    serve::run(options)
}

/// Asks the host that answers to hand over. One that serves an address itself is left alone,
/// unless it is of another version.
fn ask_to_leave(options: &Options) -> Result<(), Error> {
    let Ok(health) = ask(options, "GET /healthz") else {
        return Ok(());
    };
    let version = health["version"].as_str().unwrap_or("unknown");
    if let Some(address) = health["listen"].as_str()
        && version == env!("CARGO_PKG_VERSION")
    {
        let pid = &health["pid"];
        let dir = options.data_dir.display();
        let text = format!("{dir} is served already, on {address} (pid {pid})");
        return Err(Error::InUse(text));
    }
    // It may have left meanwhile: taking the lock tells.
    let _left = ask(options, "POST /api/host/hand-over");
    Ok(())
}

/// A request on the socket, without a body; the answer's JSON.
fn ask(options: &Options, what: &str) -> io::Result<Value> {
    let mut stream = baton_runner::connect_unix(&options.data_dir.join(listener::NAME))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("{what} HTTP/1.0\r\nhost: baton\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
    Ok(serde_json::from_str(body.unwrap_or_default())?)
}
