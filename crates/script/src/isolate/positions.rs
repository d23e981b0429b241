//! From places in compiled code to places in the files as written.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use oxc_sourcemap::SourceMap;

use super::Place;
use crate::bundle::Bundle;

/// One token of a source map: where it is in the code, and in the file; all from 0.
type Token = ((u32, u32), (u32, u32));

/// See the module. A file's map is read when it is first asked for, once for all isolates.
pub(crate) struct Positions {
    bundle: Rc<Bundle>,
    read: RefCell<HashMap<String, Vec<Token>>>,
}

impl Positions {
    pub(super) fn new(bundle: &Rc<Bundle>) -> Self {
        Self {
            bundle: Rc::clone(bundle),
            read: RefCell::default(),
        }
    }

    /// The innermost place in a file of the definition that a stack names.
    pub(super) fn first(&self, stack: &str) -> Option<Place> {
        stack.lines().find_map(|line| self.frame(line))
    }

    /// One line of a stack: `    at name (file:line:column)`.
    fn frame(&self, line: &str) -> Option<Place> {
        let line = line.trim().strip_prefix("at ")?;
        let place = match line.rfind('(') {
            Some(open) => line.get(open + 1..)?.trim_end_matches(')'),
            None => line,
        };
        let mut parts = place.rsplitn(3, ':');
        let column: u32 = parts.next()?.parse().ok()?;
        let line: u32 = parts.next()?.parse().ok()?;
        self.place(parts.next()?, line, column)
    }

    /// A place in compiled code, line and column from 1.
    pub(super) fn place(&self, file: &str, line: u32, column: u32) -> Option<Place> {
        let map = &self.bundle.modules.get(file)?.map;
        let at = (line.saturating_sub(1), column.saturating_sub(1));
        let mut read = self.read.borrow_mut();
        if !read.contains_key(file) {
            read.insert(file.to_owned(), tokens_of(map).unwrap_or_default());
        }
        let tokens = read.get(file)?;
        let after = tokens.partition_point(|(code, _)| *code <= at);
        let before = after.checked_sub(1).and_then(|index| tokens.get(index));
        let (line, column) = match before {
            Some((_, file)) => *file,
            None => at,
        };
        Some(Place {
            file: file.to_owned(),
            line: line + 1,
            column: column + 1,
        })
    }
}

fn tokens_of(map: &str) -> Option<Vec<Token>> {
    let map = SourceMap::from_json_string(map).ok()?;
    let mut tokens: Vec<Token> = map
        .get_tokens()
        .map(|token| {
            (
                (token.get_dst_line(), token.get_dst_col()),
                (token.get_src_line(), token.get_src_col()),
            )
        })
        .collect();
    tokens.sort_unstable();
    Some(tokens)
}
