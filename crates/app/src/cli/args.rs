//! A run's args from the command line: `--arg k=v` and `--args FILE|-|JSON`.

use std::io::Read;
use std::path::Path;

use baton_core::definition::schema::{ArgError, args_check, coerce_arg};
use clap::Args;
use serde_json::{Map, Value};

use super::exit::Failure;

/// The options that give args.
#[derive(Debug, Clone, Default, Args)]
pub struct ArgOptions {
    /// One arg; a string where the schema says string, else JSON. May be repeated.
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    pub one: Vec<String>,
    /// All args as a JSON object: a file, `-` for stdin, or the JSON itself.
    #[arg(long = "args", value_name = "FILE|-|JSON")]
    pub all: Option<String>,
}

impl ArgOptions {
    /// Whether none were given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.one.is_empty() && self.all.is_none()
    }

    /// The args; `--arg` goes over `--args`.
    pub fn collect(
        &self,
        schema: Option<&Value>,
        directory: &Path,
    ) -> Result<Map<String, Value>, Failure> {
        let mut args = match &self.all {
            None => Map::new(),
            Some(given) => object(given, directory)?,
        };
        for pair in &self.one {
            let (name, text) = pair
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("--arg {pair}: write NAME=VALUE")))?;
            let value = coerce_arg(schema, name, text)
                .map_err(|wrong| Failure::usage(format!("--arg {name}: {wrong}")))?;
            args.insert(name.to_owned(), value);
        }
        // Checked here for a quick answer; the host checks again and puts the defaults in.
        match args_check(schema, Value::Object(args.clone())) {
            Ok(_) => Ok(args),
            Err(errors) => Err(wrong_args(&errors)),
        }
    }
}

fn wrong_args(errors: &[ArgError]) -> Failure {
    let all = errors
        .iter()
        .map(|error| (error.pointer.as_str(), error.detail.as_str()));
    Failure::usage("these args do not fit the definition").errors(all)
}

fn object(given: &str, directory: &Path) -> Result<Map<String, Value>, Failure> {
    let (text, from) = if given == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|e| Failure::usage(format!("--args -: {e}")))?;
        (text, "stdin".to_owned())
    } else if given.trim_start().starts_with('{') {
        (given.to_owned(), "--args".to_owned())
    } else {
        let text = std::fs::read_to_string(directory.join(given))
            .map_err(|e| Failure::usage(format!("--args {given}: {e}")))?;
        (text, given.to_owned())
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::usage(format!("{from}: args are a JSON object"))),
        Err(error) => Err(Failure::usage(format!("{from}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "properties": {
            "name": {"type": "string"}, "count": {"type": "integer"},
            "tags": {"type": "array"}, "env": {"enum": ["dev", "prod"]}, "any": {}
        }})
    }

    fn collect(one: &[&str], all: Option<&str>) -> Result<Map<String, Value>, Failure> {
        let options = ArgOptions {
            one: one.iter().map(|s| (*s).to_owned()).collect(),
            all: all.map(str::to_owned),
        };
        options.collect(Some(&schema()), Path::new("/"))
    }

    #[test]
    fn a_value_is_text_where_the_schema_says_string_and_json_elsewhere() {
        let args = collect(
            &[
                "name=12",
                "count=3",
                "tags=[\"a=b\"]",
                "env=dev",
                "any=word",
                "any=true",
            ],
            None,
        );
        let expected =
            json!({"name": "12", "count": 3, "tags": ["a=b"], "env": "dev", "any": true});
        assert_eq!(Value::Object(args.unwrap()), expected);
    }

    #[test]
    fn a_wrong_type_or_unknown_name_is_refused() {
        assert!(collect(&["count=three"], None).is_err());
        assert!(collect(&["naem=x"], None).is_err());
        assert!(collect(&["name"], None).is_err());
        assert!(collect(&[], Some("{\"other\": 1}")).is_err());
        assert!(collect(&[], Some("[1]")).is_err());
    }

    #[test]
    fn unlisted_names_need_additional_properties_written() {
        let open = json!({"type": "object", "additionalProperties": true});
        let options = ArgOptions {
            one: vec!["x=1".into()],
            all: None,
        };
        assert!(options.collect(Some(&open), Path::new("/")).is_ok());
        assert!(options.collect(None, Path::new("/")).is_err());
    }

    #[test]
    fn single_args_go_over_the_object() {
        let args = collect(&["name=b"], Some(r#"{"name": "a", "count": 1}"#)).unwrap();
        assert_eq!(Value::Object(args), json!({"name": "b", "count": 1}));
    }

    #[test]
    fn args_are_read_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.json"), r#"{"name": "x"}"#).unwrap();
        let options = ArgOptions {
            one: vec![],
            all: Some("a.json".into()),
        };
        let args = options.collect(Some(&schema()), dir.path()).unwrap();
        assert_eq!(args["name"], "x");
    }
}
