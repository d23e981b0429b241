//! The commands a fake Codex runs: each in a session of its own, as the real one does, so that ending
//! the agent alone does not end them.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// Commands that were not waited for to their end.
#[derive(Debug, Default)]
pub struct Shells {
    running: Vec<Child>,
}

/// A command at work.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: Receiver<Vec<u8>>,
}

impl Running {
    /// Starts a command.
    pub fn start(command: &str) -> std::io::Result<Self> {
        let mut child = Command::new("setsid")
            .args(["sh", "-c", &format!("exec 2>&1\n{command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let (sender, output) = channel();
        if let Some(mut stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                    if sender.send(buffer[..read].to_vec()).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { child, output })
    }

    /// Its exit code and output, once it has ended.
    pub fn ended(&mut self) -> Option<(i32, String)> {
        let status = self.child.try_wait().ok().flatten()?;
        let mut bytes = Vec::new();
        // What it left in the background may keep the pipe open.
        while let Ok(more) = self.output.recv_timeout(Duration::from_millis(100)) {
            bytes.extend(more);
        }
        Some((
            status.code().unwrap_or(-1),
            String::from_utf8_lossy(&bytes).into_owned(),
        ))
    }
}

impl Shells {
    /// Takes over a command whose turn was interrupted: the real one lets it run (measured).
    pub fn leave(&mut self, running: Running) {
        self.running.push(running.child);
    }

    /// Ends them all.
    pub fn kill(&mut self) {
        for mut child in self.running.drain(..) {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            // It may not lead its own group yet.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
