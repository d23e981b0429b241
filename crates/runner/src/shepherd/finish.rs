//! The last things a shepherd does: the exit record, made durable, then the word to the host.
//!
//! Owns that order. It runs only when no process of the attempt is left.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use rustix::event::poll;
use rustix::fs::OFlags;

use super::hosts::Hosts;
use super::orphan::start_host;
use super::session::Session;
use super::watch::Ended;
use crate::attempt_dir::AttemptDir;
use crate::clock::unix_ms;
use crate::mask::Masker;
use crate::proc::timespec;
use crate::record::{Draft, End, ExitRecord};
use crate::spec::AttemptSpec;
use crate::wire::{ToHost, ToShepherd};

/// The most a step may write to `$BATON_OUTPUT`.
const MAX_OUTPUT: u64 = 1024 * 1024;

/// How long a connected host has to acknowledge the record.
const ACK_LIMIT: Duration = Duration::from_secs(2);

/// How often an exit record that cannot be written is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What finishing needs to know.
pub(crate) struct Finish<'a> {
    pub(crate) dir: &'a AttemptDir,
    pub(crate) spec: &'a AttemptSpec,
}

impl Finish<'_> {
    /// Finishes an attempt whose tree is gone.
    pub(crate) fn after(&self, draft: Draft, mut ended: Ended) {
        let ended_at = unix_ms();
        ended.log.finish();
        let (output, output_error) = match self.output() {
            Ok(output) => (output, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let [stdout, stderr] = &ended.captures;
        let session = ended.session.as_ref();
        let record = ExitRecord {
            ended_at,
            stdout_tail: stdout.tail(),
            stderr_tail: stderr.tail(),
            stdout_bytes: stdout.bytes(),
            stderr_bytes: stderr.bytes(),
            log_cut: ended.log.is_cut(),
            output,
            output_error,
            disk_error: [session.and_then(Session::failure), ended.log.failure()]
                .into_iter()
                .flatten()
                .reduce(|session, log| format!("{session}; {log}")),
            ..self.record(ended.end, ended.started_at)
        };
        self.publish(Some(draft), ended.hosts, record);
    }

    /// Finishes an attempt of which nothing was started.
    pub(crate) fn without_child(&self, draft: Option<Draft>, hosts: Hosts, end: End) {
        let record = self.record(end, unix_ms());
        self.publish(draft, hosts, record);
    }

    fn record(&self, end: End, at: u64) -> ExitRecord {
        ExitRecord {
            v: 1,
            attempt: self.spec.attempt.clone(),
            generation: self.spec.generation,
            started_at: at,
            ended_at: at,
            end,
            stdout_tail: String::new(),
            stderr_tail: String::new(),
            stdout_bytes: 0,
            stderr_bytes: 0,
            log_cut: false,
            output: None,
            output_error: None,
            disk_error: None,
        }
    }

    /// Writes the record and tells the host. When it cannot be written the host is told all the
    /// same, and writing is tried again until it works, a host has it, or the grace is over.
    fn publish(&self, mut draft: Option<Draft>, mut hosts: Hosts, mut record: ExitRecord) {
        let mut written = self.write(&mut draft, &record);
        if let Err(error) = &written {
            record.disk_error = Some(format!("the exit record could not be written: {error}"));
        }
        let message = ToHost::Exited {
            record: Box::new(record),
        };
        hosts.tell_last(&message);
        let begun = Instant::now();
        let grace = Duration::from_millis(self.spec.orphan_grace_ms).max(ACK_LIMIT);
        let mut acknowledged;
        loop {
            let (limit, pause) = if written.is_ok() {
                (ACK_LIMIT, ACK_LIMIT)
            } else {
                (grace, RETRY)
            };
            // Where the directory was removed there is nobody to write for.
            let settled = written.is_ok() || self.dir.is_gone();
            let done = settled && !hosts.present();
            acknowledged = !done && wait_for_ack(&mut hosts, pause);
            if done || acknowledged || begun.elapsed() >= limit {
                break;
            }
            if written.is_err()
                && let ToHost::Exited { record } = &message
            {
                written = self.write(&mut draft, record);
            }
        }
        let _host_removed_all = std::fs::remove_file(self.dir.socket());
        if !acknowledged && !hosts.present() {
            start_host(self.spec, self.dir, None);
        }
    }

    fn write(&self, draft: &mut Option<Draft>, record: &ExitRecord) -> io::Result<()> {
        let ready = match draft.take() {
            Some(draft) => draft,
            None => Draft::reserve(self.dir)?,
        };
        draft.insert(ready).publish(self.dir, record)
    }

    /// The text of `$BATON_OUTPUT`, masked; none when nothing was written.
    fn output(&self) -> io::Result<Option<String>> {
        let mut options = OpenOptions::new();
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = match options
            .read(true)
            .custom_flags(flags)
            .open(self.dir.output())
        {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(invalid(
                "BATON_OUTPUT is not a regular file any more".to_owned(),
            ));
        }
        let mut text = Vec::new();
        file.take(MAX_OUTPUT + 1).read_to_end(&mut text)?;
        if text.len() as u64 > MAX_OUTPUT {
            let size = metadata.len();
            return Err(invalid(format!(
                "BATON_OUTPUT has {size} bytes; at most {MAX_OUTPUT} are read"
            )));
        }
        let text = String::from_utf8(text);
        let text = text.map_err(|_| invalid("BATON_OUTPUT is not UTF-8 text".to_owned()))?;
        let masked = Masker::new(&self.spec.secrets).mask(&text);
        Ok(Some(masked).filter(|text| !text.is_empty()))
    }
}

/// True once a host has acknowledged; false when `limit` has passed or the last host has left.
fn wait_for_ack(hosts: &mut Hosts, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    loop {
        let was_present = hosts.present();
        if hosts.handle().contains(&ToShepherd::Ack {}) {
            return true;
        }
        let now = Instant::now();
        if now >= until || (was_present && !hosts.present()) {
            return false;
        }
        let mut polled = Vec::new();
        hosts.fds(&mut polled);
        let _interrupted = poll(&mut polled, Some(&timespec(until - now)));
    }
}
