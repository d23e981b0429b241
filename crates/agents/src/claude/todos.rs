//! The list of todos: `TodoWrite` gives it whole, `TaskCreate`, `TaskUpdate` and `TaskList` change it
//! (2.1.329; which a session has depends on its model). Results are applied in the order they come,
//! which is not that of the calls. Never shows a change that a tool refused.

use baton_core::activity::{Todo, TodoStatus};
use serde_json::Value;

use super::text::{ITEM, ITEMS, head};
use super::wire::{content_text, list, text};

/// The list as it is known.
#[derive(Debug, Default)]
pub(super) struct Todos {
    /// By the ids Claude gives them, in their order; empty ids for `TodoWrite`.
    items: Vec<(String, Todo)>,
}

impl Todos {
    /// A result of a tool that went well: the whole list, if it changed it.
    pub(super) fn result(
        &mut self,
        tool: &str,
        input: &Value,
        block: &Value,
        structured: &Value,
    ) -> Option<Vec<Todo>> {
        let before = self.list();
        match tool {
            "TodoWrite" => self.write(input),
            "TaskCreate" => self.create(input, block, structured),
            "TaskUpdate" if structured["success"] != false => self.update(input),
            "TaskList" => self.replace(list(&structured["tasks"])),
            _ => return None,
        }
        self.items.truncate(ITEMS);
        let after = self.list();
        (after != before).then_some(after)
    }

    fn list(&self) -> Vec<Todo> {
        self.items.iter().map(|(_, todo)| todo.clone()).collect()
    }

    fn write(&mut self, input: &Value) {
        let todos = list(&input["todos"]).iter().take(ITEMS).map(|todo| {
            let item = Todo {
                content: head(text(todo, "content"), ITEM),
                status: status(text(todo, "status")).unwrap_or(TodoStatus::Pending),
                active_form: active(todo),
            };
            (String::new(), item)
        });
        self.items = todos.collect();
    }

    fn create(&mut self, input: &Value, block: &Value, structured: &Value) {
        let said = content_text(&block["content"]);
        let id = match text(&structured["task"], "id") {
            "" => said
                .strip_prefix("Task #")
                .and_then(|rest| rest.split(' ').next())
                .unwrap_or_default(),
            id => id,
        };
        let item = Todo {
            content: head(text(input, "subject"), ITEM),
            status: TodoStatus::Pending,
            active_form: active(input),
        };
        self.items.push((head(id, ITEM), item));
    }

    fn update(&mut self, input: &Value) {
        let id = text(input, "taskId");
        if text(input, "status") == "deleted" {
            self.items.retain(|(known, _)| known != id);
            return;
        }
        let at = match self.items.iter().position(|(known, _)| known == id) {
            Some(at) => at,
            // Made before this process: a resumed session.
            None => {
                let item = Todo {
                    content: head(&format!("Task {id}"), ITEM),
                    status: TodoStatus::Pending,
                    active_form: None,
                };
                self.items.push((head(id, ITEM), item));
                self.items.len() - 1
            }
        };
        let Some((_, todo)) = self.items.get_mut(at) else {
            return;
        };
        if let Some(status) = status(text(input, "status")) {
            todo.status = status;
        }
        if !text(input, "subject").is_empty() {
            todo.content = head(text(input, "subject"), ITEM);
        }
        todo.active_form = active(input).or_else(|| todo.active_form.take());
    }

    /// The tasks of a `TaskList`, which knows all but their active forms.
    fn replace(&mut self, tasks: &[Value]) {
        let known = std::mem::take(&mut self.items);
        let items = tasks.iter().take(ITEMS).map(|task| {
            let id = head(text(task, "id"), ITEM);
            let before = known.iter().find(|(known, _)| *known == id);
            let item = Todo {
                content: head(text(task, "subject"), ITEM),
                status: status(text(task, "status")).unwrap_or(TodoStatus::Pending),
                active_form: before.and_then(|(_, todo)| todo.active_form.clone()),
            };
            (id, item)
        });
        self.items = items.collect();
    }
}

fn status(text: &str) -> Option<TodoStatus> {
    match text {
        "pending" => Some(TodoStatus::Pending),
        "in_progress" => Some(TodoStatus::InProgress),
        "completed" => Some(TodoStatus::Completed),
        _ => None,
    }
}

fn active(input: &Value) -> Option<String> {
    let form = text(input, "activeForm");
    (!form.is_empty()).then(|| head(form, ITEM))
}
