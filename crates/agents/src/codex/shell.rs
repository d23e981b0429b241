//! The command within `/bin/bash -lc '…'`, which is how Codex names every command it runs.

/// What the shell is asked to run, or the text itself when it is something else.
pub fn inner(command: &str) -> String {
    let wrapped = || {
        let (shell, rest) = command.split_once(' ')?;
        let name = shell.rsplit('/').next()?;
        if !matches!(name, "bash" | "zsh" | "sh") {
            return None;
        }
        let rest = rest
            .strip_prefix("-lc ")
            .or_else(|| rest.strip_prefix("-c "))?;
        unquoted(rest.trim())
    };
    wrapped().unwrap_or_else(|| command.to_owned())
}

/// The one word that a quoted text is; `None` when there are several.
fn unquoted(text: &str) -> Option<String> {
    let mut word = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => loop {
                match chars.next()? {
                    '\'' => break,
                    c => word.push(c),
                }
            },
            '"' => loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => match chars.next()? {
                        c @ ('"' | '\\' | '$' | '`') => word.push(c),
                        c => word.extend(['\\', c]),
                    },
                    c => word.push(c),
                }
            },
            '\\' => word.push(chars.next()?),
            c if c.is_whitespace() => return None,
            c => word.push(c),
        }
    }
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_taken_out_of_its_shell() {
        assert_eq!(inner("/bin/bash -lc 'cat src/app.py'"), "cat src/app.py");
        assert_eq!(
            inner("/bin/bash -lc \"echo 'a' \\\"b\\\"\""),
            "echo 'a' \"b\""
        );
        assert_eq!(inner(r"/usr/bin/zsh -lc 'it'\''s'"), "it's");
        assert_eq!(inner("bash -lc ls"), "ls");
    }

    #[test]
    fn what_is_no_shell_or_several_words_stays_as_it_is() {
        for text in [
            "ls -la",
            "bash -lc 'a' b",
            "bash -lc 'open",
            "",
            "bash",
            "python -c 'x'",
        ] {
            assert_eq!(inner(text), text);
        }
    }
}
