//! The command line of a world: what it says, and how it ends.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::World;

/// What a verb said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A verb that is being carried out.
pub struct Going {
    pub child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl World {
    /// The words of a verb, in the project's directory.
    pub fn baton(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
        command
            .args(words)
            .current_dir(self.directory())
            .env("BATON_DATA_DIR", self.data_dir())
            .env("XDG_CONFIG_HOME", self.dir.path().join("config"))
            .env_remove("BATON_ATTEMPT")
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null());
        command
    }

    /// Starts a verb; what it says goes to files.
    pub fn going(&self, words: &[&str]) -> Going {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = |end: &str| self.dir.path().join(format!("said-{number}.{end}"));
        let (out, err) = (file("out"), file("err"));
        let child = self
            .baton(words)
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Going { child, out, err }
    }

    /// Carries a verb out.
    pub fn say(&self, words: &[&str]) -> Said {
        let mut going = self.going(words);
        self.ended(&mut going)
    }

    /// What a verb said, once it has ended.
    pub fn ended(&self, going: &mut Going) -> Said {
        let mut status = None;
        self.until("the verb ends", || {
            status = going.child.try_wait().unwrap();
            status.is_some()
        });
        Said {
            code: status.unwrap().code(),
            out: going.out(),
            err: std::fs::read_to_string(&going.err).unwrap(),
        }
    }

    /// Every run there is.
    pub fn runs(&self) -> Vec<Value> {
        let mut list = self.get("/api/workflow-executions").json();
        match list["data"].take() {
            Value::Array(runs) => runs,
            other => panic!("no list: {other}"),
        }
    }
}

impl Going {
    /// What it has said by now.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.out).unwrap()).into_owned()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Said {
    /// It ended with this code and said this on stderr or stdout.
    #[track_caller]
    pub fn is(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            let said = self.err.contains(word) || self.out.contains(word);
            assert!(said, "`{word}` is not said: {self:#?}");
        }
    }
}
