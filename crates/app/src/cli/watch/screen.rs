//! The terminal while a run is watched: raw mode that is always left again, frames drawn in place.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use crossterm::terminal;
use tokio::sync::mpsc;

use super::line::Line;
use super::tree::Size;

/// What the terminal says.
#[derive(Debug)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// Another size.
    Resize,
}

/// A terminal in raw mode. Dropping it restores the terminal.
pub struct Screen {
    /// The columns of each line drawn last.
    drawn: Vec<usize>,
    last: Vec<String>,
    color: bool,
    stop: Arc<AtomicBool>,
}

/// Whether this process may draw on, and read keys from, its terminal.
#[must_use]
pub fn is_available() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let ours = rustix::termios::tcgetpgrp(std::io::stdin())
        .is_ok_and(|group| group == rustix::process::getpgrp());
    !dumb && std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && ours
}

/// The terminal's size; 80 by 24 where it does not say.
#[must_use]
pub fn size() -> Size {
    let (columns, rows) = terminal::size()
        .ok()
        .filter(|(columns, rows)| *columns > 0 && *rows > 0)
        .unwrap_or((80, 24));
    Size {
        columns: columns.into(),
        rows: rows.into(),
    }
}

impl Screen {
    /// Takes the terminal, and says where its keys arrive.
    ///
    /// # Errors
    /// When the terminal refuses raw mode.
    pub fn take(color: bool) -> std::io::Result<(Self, mpsc::UnboundedReceiver<Input>)> {
        restore_on_panic();
        terminal::enable_raw_mode()?;
        let stop = Arc::new(AtomicBool::new(false));
        let screen = Self {
            drawn: Vec::new(),
            last: Vec::new(),
            color,
            stop: stop.clone(),
        };
        write("\u{1b}[?25l");
        let (keys, input) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || read_keys(&stop, &keys))?;
        Ok((screen, input))
    }

    /// Draws these lines over the last ones, if they differ.
    pub fn draw(&mut self, lines: &[Line]) {
        let painted: Vec<String> = lines.iter().map(|line| line.paint(self.color)).collect();
        if painted == self.last {
            return;
        }
        let mut out = String::from("\u{1b}[?2026h");
        out.push_str(&self.to_top());
        for line in &painted {
            out.push_str(line);
            out.push_str("\u{1b}[K\r\n");
        }
        out.push_str("\u{1b}[J\u{1b}[?2026l");
        write(&out);
        self.drawn = lines.iter().map(Line::width).collect();
        self.last = painted;
    }

    /// The next frame is drawn in any case.
    pub fn invalidate(&mut self) {
        self.last.clear();
    }

    /// Stops this process as Ctrl-Z would, and takes the terminal again when it goes on.
    pub fn suspend(&mut self) {
        release();
        let _stopped = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
        let _raw = terminal::enable_raw_mode();
        write("\u{1b}[?25l");
        self.drawn.clear();
        self.invalidate();
    }

    /// To the first line drawn. The terminal may have become narrower since and have broken lines.
    fn to_top(&self) -> String {
        let columns = size().columns.max(1);
        let rows: usize = self.drawn.iter().map(|w| w.div_ceil(columns).max(1)).sum();
        match rows {
            0 => "\r".into(),
            rows => format!("\r\u{1b}[{rows}A"),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        release();
    }
}

fn release() {
    let _cooked = terminal::disable_raw_mode();
    write("\u{1b}[?25h");
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A panic's message is printed on a terminal that breaks lines again.
fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        release();
        before(info);
    }));
}

fn read_keys(stop: &AtomicBool, keys: &mpsc::UnboundedSender<Input>) {
    while !stop.load(Ordering::Relaxed) {
        match event::poll(Duration::from_millis(100)) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(_) => return,
        }
        let input = match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Input::Key(key),
            Ok(Event::Resize(..)) => Input::Resize,
            Ok(_) => continue,
            Err(_) => return,
        };
        if keys.send(input).is_err() {
            return;
        }
    }
}
