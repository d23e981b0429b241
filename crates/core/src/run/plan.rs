//! A definition as runs walk it: the steps by id, and who depends on whom. Made once per version of
//! a definition and shared by all its runs.

use std::collections::HashMap;

use crate::definition::Definition;

/// See the module.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The definition.
    pub definition: Definition,
    /// Index of each step by its id.
    pub index: HashMap<String, usize>,
    /// For each step, those that need it.
    pub dependents: Vec<Vec<usize>>,
}

impl Plan {
    /// The plan of a definition.
    #[must_use]
    pub fn new(definition: Definition) -> Self {
        let index = definition
            .steps
            .iter()
            .enumerate()
            .map(|(n, s)| (s.id.clone(), n))
            .collect();
        let mut dependents = vec![Vec::new(); definition.steps.len()];
        for (step, declared) in definition.steps.iter().enumerate() {
            for &need in &declared.needs {
                dependents[need].push(step);
            }
        }
        Self {
            definition,
            index,
            dependents,
        }
    }

    /// Takes in a step that a program asks for, anew or again; gives its index.
    ///
    /// # Errors
    /// What is wrong with its options.
    pub fn declare(&mut self, key: &str, options: &str) -> Result<usize, String> {
        let declared = crate::definition::read_step(&self.definition, key, options)?;
        let steps = &mut self.definition.steps;
        if let Some(&index) = self.index.get(key) {
            steps[index] = declared;
            return Ok(index);
        }
        steps.push(declared);
        let index = steps.len() - 1;
        self.index.insert(key.to_owned(), index);
        self.dependents.push(Vec::new());
        Ok(index)
    }

    /// This step and, in a graph, all that need it, directly or not; without a graph all that come
    /// after it. In file order.
    #[must_use]
    pub fn from_step(&self, step: usize) -> Vec<usize> {
        if !self.definition.is_graph {
            return (step..self.definition.steps.len()).collect();
        }
        let mut found = vec![false; self.definition.steps.len()];
        let mut open = vec![step];
        while let Some(next) = open.pop() {
            if !std::mem::replace(&mut found[next], true) {
                open.extend(&self.dependents[next]);
            }
        }
        (0..found.len()).filter(|&n| found[n]).collect()
    }
}
