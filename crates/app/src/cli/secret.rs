//! `baton secret`: values that steps get in their environment and nobody sees.

use std::io::{IsTerminal, Read, Write};

use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::json;

use super::context::{Context, print_json, print_line};
use super::exit::{Exit, Failure};
use super::project;
use crate::client::{Client, escape};

/// Keep secrets for `{{ secrets.NAME }}`.
#[derive(Debug, Args)]
pub struct Secret {
    #[command(subcommand)]
    verb: Verb,
    /// Only for this project, not for all.
    #[arg(long, global = true)]
    here: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Set a secret; its value is read from stdin.
    Set {
        /// Its name.
        #[arg(value_parser = name)]
        name: String,
    },
    /// List the names.
    List,
    /// Remove a secret.
    Rm {
        /// Its name.
        #[arg(value_parser = name)]
        name: String,
    },
}

/// Names are names of environment variables. A value on the command line would be seen by all.
fn name(text: &str) -> Result<String, String> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.contains('=') {
        return Err("give the name only; the value is read from stdin".into());
    }
    if text.is_empty()
        || text.starts_with(|c: char| c.is_ascii_digit())
        || !text.chars().all(letters)
    {
        return Err("letters, digits and `_`, not beginning with a digit".into());
    }
    Ok(text.to_owned())
}

impl Secret {
    /// Carries it out.
    pub async fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        let scope = |client: Client, dir| async move { project::register(&client, dir).await };
        let client = context.client()?;
        let query = if self.here {
            let dir = context.project_dir()?;
            format!(
                "?project_id={}",
                escape(&scope(client.clone(), &dir).await?)
            )
        } else {
            String::new()
        };
        match self.verb {
            Verb::Set { name } => {
                let value = value(&name)?;
                let path = format!("/api/secrets/{}{query}", escape(&name));
                client.put(&path, &json!({"value": value})).await?;
                say(context, &name, "set");
            }
            Verb::Rm { name } => {
                client
                    .delete(&format!("/api/secrets/{}{query}", escape(&name)))
                    .await?;
                say(context, &name, "removed");
            }
            Verb::List => {
                let answer = client.get(&format!("/api/secrets{query}")).await?;
                if context.json {
                    print_json(&answer);
                    return Ok(Exit::Done);
                }
                for secret in answer["data"].as_array().into_iter().flatten() {
                    let name = secret["name"].as_str().or(secret.as_str());
                    print_line(name.unwrap_or_default());
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn say(context: &Context, name: &str, what: &str) {
    if context.json {
        print_json(&json!({"name": name, "status": what}));
    } else {
        print_line(&format!("secret {name} {what}"));
    }
}

/// The value: typed unseen on a terminal, else all of stdin without its last line end.
fn value(name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let stdin = std::io::stdin();
    let read = if stdin.is_terminal() {
        let _unseen = Unseen::new().map_err(Failure::disk)?;
        eprint!("{name}: ");
        let _gone = std::io::stderr().flush();
        let read = stdin.read_line(&mut text);
        eprintln!();
        read
    } else {
        stdin.lock().read_to_string(&mut text)
    };
    read.map_err(|e| Failure::usage(format!("the value cannot be read: {e}")))?;
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        return Err(Failure::usage("a secret cannot be empty"));
    }
    Ok(value.to_owned())
}

/// What is typed is not shown while this lives.
struct Unseen(Termios);

impl Unseen {
    fn new() -> std::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &unseen)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let _restored = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_value_on_the_command_line_is_refused() {
        assert!(name("KEY=value").is_err());
        assert!(name("1KEY").is_err());
        assert!(name("A B").is_err());
        assert_eq!(name("DEPLOY_KEY").unwrap(), "DEPLOY_KEY");
    }
}
