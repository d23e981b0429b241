//! The shepherd's connections to hosts. Owns fencing by generation: the highest one seen speaks,
//! a lower one is told that it was taken over. It never blocks on a host that does not read.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, getpid};

use crate::wire::{Lines, ToHost, ToShepherd, line};

/// What a host that does not read may leave unread before it is dropped.
const MAX_UNREAD: usize = 16 * 1024 * 1024;

/// How much of one host is read before its messages are carried out.
const TURN: usize = 1024 * 1024;

/// All connections of a shepherd.
pub(crate) struct Hosts {
    listener: Option<UnixListener>,
    connections: Vec<Connection>,
    generation: u64,
    child: Option<i32>,
    /// How long the session's `raw` is; none without one.
    raw: Option<u64>,
    last_word: Vec<u8>,
}

struct Connection {
    stream: UnixStream,
    lines: Lines,
    unsent: Vec<u8>,
    /// To be said when nothing is unsent, or before anything else is queued: a host that does not
    /// read is told once how far it has come, not at each step.
    raw: Option<u64>,
    /// None before its hello.
    generation: Option<u64>,
    ended: bool,
}

impl Hosts {
    /// No connection yet. `generation` is that of the host which started the attempt.
    pub(crate) fn new(generation: u64) -> Self {
        Self {
            listener: None,
            connections: Vec::new(),
            generation,
            child: None,
            raw: None,
            last_word: Vec::new(),
        }
    }

    /// Accepts further hosts from `listener`.
    pub(crate) fn listen(&mut self, listener: UnixListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        self.listener = Some(listener);
        Ok(())
    }

    /// Takes the connection the specification came by; `lines` holds what followed it.
    pub(crate) fn adopt(&mut self, stream: UnixStream, lines: Lines) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let generation = Some(self.generation);
        self.connections.push(Connection {
            lines,
            generation,
            ..Connection::new(stream)
        });
        Ok(())
    }

    /// Says hello with the main process's id, on the connections that are there and later ones.
    pub(crate) fn greet(&mut self, child: Option<Pid>) {
        self.child = child.map(|pid| pid.as_raw_nonzero().get());
        let hello = self.hello();
        self.tell(&hello);
    }

    /// A host is connected.
    pub(crate) fn present(&self) -> bool {
        self.connections
            .iter()
            .any(|connection| connection.generation.is_some())
    }

    /// What to poll.
    pub(crate) fn fds<'a>(&'a self, polled: &mut Vec<PollFd<'a>>) {
        polled.extend(
            self.listener
                .iter()
                .map(|socket| PollFd::new(socket, PollFlags::IN)),
        );
        for connection in &self.connections {
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, !connection.unsent.is_empty());
            polled.push(PollFd::new(&connection.stream, flags));
        }
    }

    /// Accepts, sends and reads whatever is possible now; returns what hosts asked for.
    pub(crate) fn handle(&mut self) -> Vec<ToShepherd> {
        self.accept();
        let mut asked = Vec::new();
        for at in 0..self.connections.len() {
            self.connections[at].send();
            self.connections[at].receive();
            while let Some(line) = self.connections[at].lines.next() {
                match serde_json::from_slice(&line) {
                    Ok(ToShepherd::Hello { generation, .. }) => self.hello_from(at, generation),
                    Ok(message) if self.connections[at].generation.is_some() => asked.push(message),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        self.connections.retain(|connection| !connection.ended);
        asked
    }

    /// Sends `message` to every host that has said hello.
    pub(crate) fn tell(&mut self, message: &ToHost) {
        let line = line(message);
        for connection in &mut self.connections {
            if connection.generation.is_some() {
                connection.queue(&line);
            }
        }
    }

    /// Tells how long the session's `raw` is, if that is news; to later hosts after the hello.
    pub(crate) fn tell_raw(&mut self, bytes: u64) {
        if self.raw.replace(bytes) == Some(bytes) {
            return;
        }
        for connection in &mut self.connections {
            if connection.generation.is_some() {
                connection.raw = Some(bytes);
                connection.send();
            }
        }
    }

    /// Sends `message` to every host that is there, and to each that says hello from now on.
    pub(crate) fn tell_last(&mut self, message: &ToHost) {
        self.tell(message);
        self.last_word = line(message);
    }

    fn accept(&mut self) {
        let Some(listener) = &self.listener else {
            return;
        };
        while let Ok((stream, _)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                self.connections.push(Connection::new(stream));
            }
        }
    }

    fn hello_from(&mut self, at: usize, generation: u64) {
        if generation < self.generation {
            return self.connections[at].dismiss();
        }
        self.generation = generation;
        for connection in &mut self.connections {
            if connection
                .generation
                .is_some_and(|other| other < generation)
            {
                connection.dismiss();
            }
        }
        let hello = line(&self.hello());
        let connection = &mut self.connections[at];
        if connection.generation.is_none() {
            connection.queue(&hello);
            connection.raw = self.raw;
            connection.queue(&self.last_word);
        }
        connection.generation = Some(generation);
    }

    fn hello(&self) -> ToHost {
        ToHost::Hello {
            v: 1,
            pid: getpid().as_raw_nonzero().get(),
            child_pid: self.child,
        }
    }
}

impl Connection {
    fn new(stream: UnixStream) -> Self {
        let (lines, unsent) = (Lines::default(), Vec::new());
        Self {
            stream,
            lines,
            unsent,
            raw: None,
            generation: None,
            ended: false,
        }
    }

    /// The host behind it is not the one that counts any more.
    fn dismiss(&mut self) {
        self.queue(&line(&ToHost::TakenOver {}));
        self.ended = true;
        self.generation = None;
        self.lines = Lines::default();
    }

    fn queue(&mut self, line: &[u8]) {
        self.queue_raw();
        self.unsent.extend_from_slice(line);
        self.send();
        self.ended |= self.unsent.len() > MAX_UNREAD;
    }

    fn queue_raw(&mut self) {
        if let Some(bytes) = self.raw.take() {
            self.unsent.extend(line(&ToHost::Raw { bytes }));
        }
    }

    fn send(&mut self) {
        while !self.ended {
            if self.unsent.is_empty() {
                // Also one that came while the socket was full: nothing else would send it.
                self.queue_raw();
            }
            if self.unsent.is_empty() {
                return;
            }
            match self.stream.write(&self.unsent) {
                Ok(count) if count > 0 => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => self.ended = true,
            }
        }
    }

    /// Reads what is there, for one turn: the lines in it are to be taken before there are many.
    fn receive(&mut self) {
        let mut buffer = [0; 16 * 1024];
        let mut received = 0;
        while !self.ended && received < TURN {
            match self.stream.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    received += count;
                    self.ended = self.lines.push(&buffer[..count]).is_err();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => self.ended = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_length_arrives_when_the_host_was_slow_to_read() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut connection = Connection::new(ours);
        let mut bytes = 0;
        // Until the socket is full, and one more.
        while connection.unsent.is_empty() {
            bytes += 1;
            connection.raw = Some(bytes);
            connection.send();
        }
        bytes += 1;
        connection.raw = Some(bytes);
        connection.send();
        let mut heard = Vec::new();
        let mut buffer = [0; 64 * 1024];
        while let Ok(count) = theirs.read(&mut buffer) {
            heard.extend_from_slice(&buffer[..count]);
        }
        // There is room again: said once, as when the socket is polled.
        connection.send();
        while let Ok(count) = theirs.read(&mut buffer) {
            heard.extend_from_slice(&buffer[..count]);
        }
        let last = line(&ToHost::Raw { bytes });
        assert!(heard.ends_with(&last));
    }
}
