//! What both drivers say in the same way.

use baton_core::activity::Activity;

use super::bounds::{TITLE, WORDS, cut, tail};
use super::failure;
use super::limits::Limits;
use crate::driver::{Exit, Output};
use crate::outcome::{Failure, FailureKind};

/// The failure of a process that ended without saying how its turn did.
pub fn no_result(exit: &Exit, limits: &Limits) -> Failure {
    let how = match (exit.code, exit.signal) {
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        (Some(code), None) => format!("ended with exit code {code}"),
        (None, None) => "ended".into(),
    };
    let mut message = format!("Codex {how} before its turn was over");
    if !exit.rest.trim().is_empty() {
        message.push_str("; its last line is not whole");
    }
    let stderr = tail(exit.stderr.trim(), WORDS / 2);
    let kind = match failure::of_text(stderr, limits).kind {
        FailureKind::Other | FailureKind::Api { .. } => FailureKind::NoResult,
        kind => kind,
    };
    if !stderr.is_empty() {
        message = format!("{message}: {stderr}");
    }
    failure::named(kind, cut(&message, WORDS))
}

/// Says an activity of the session itself.
pub fn say(activity: Activity, out: &mut Vec<Output>) {
    out.push(Output::Activity {
        parent: None,
        activity,
    });
}

/// Says that something is not known.
pub fn unknown(what: &str, out: &mut Vec<Output>) {
    say(
        Activity::Unknown {
            what: cut(what, TITLE),
        },
        out,
    );
}
