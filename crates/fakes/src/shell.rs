//! The commands a fake agent really runs: each in a session of its own, as the real agents run them,
//! so that who stops an agent must find them. Never reads an agent's input.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// A command at work.
#[derive(Debug)]
pub struct Shell {
    child: Child,
    output: JoinHandle<String>,
}

impl Shell {
    /// Runs `sh -c` in a session of its own (`setsid`), without input.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &str) -> io::Result<Self> {
        let mut child = Command::new("setsid")
            .args(["sh", "-c", &format!("exec 2>&1\n{command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut pipe = child.stdout.take();
        let output = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(pipe) = &mut pipe {
                drop(pipe.read_to_end(&mut bytes));
            }
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Ok(Self { child, output })
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// The system's.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Ends it, and what it started in its session's first group.
    pub fn kill(&mut self) {
        let group = i32::try_from(self.child.id()).ok();
        if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
            let signal = rustix::process::Signal::KILL;
            // It may be gone.
            let _gone = rustix::process::kill_process_group(group, signal);
        }
        // It may have had no time to make its session.
        drop(self.child.kill());
    }

    /// Its exit code (128 and the signal, if one ended it) and what it said.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<(i32, String)> {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.wait()?;
        let code = status.code();
        let code = code.or_else(|| status.signal().map(|signal| 128 + signal));
        Ok((code.unwrap_or(1), self.output.join().unwrap_or_default()))
    }
}
