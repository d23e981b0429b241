//! Args that do not fit, and args that are commands.

use crate::server_support::World;

const DEPLOY: &str = "
name: Deploy
argsSchema:
  type: object
  properties:
    name: {type: string}
    count: {type: integer, default: 1}
    env: {type: string, enum: [dev, prod], default: dev}
  required: [name]
steps:
  - {id: s, type: script, command: 'echo {{ args.name }}'}
";

const QUOTES: &str = "
name: Quotes
argsSchema: {type: object, properties: {x: {type: string}}}
steps:
  - {id: bare, type: script, command: 'printf %s {{ args.x }} > bare'}
  - {id: double, type: script, command: 'printf %s \"{{ args.x }}\" > double'}
  - {id: single, type: script, command: \"printf %s '{{ args.x }}' > single\"}
  - {id: words, type: script, command: [sh, -c, 'printf %s \"$1\" > words', sh, '{{ args.x }}']}
";

/// Environments kept for runs.
fn environments(world: &World) -> Vec<String> {
    let mut files = crate::hosts::files_below(&world.data_dir());
    files.retain(|file| file.ends_with("environment.json"));
    files
}

#[test]
fn args_that_do_not_fit_start_nothing() {
    let world = World::new(&[("deploy", DEPLOY)]);
    let cases: [(&[&str], &[&str]); 8] = [
        (&["run", "deploy"], &["do not fit", "name"]),
        (
            &["run", "deploy", "--arg", "name=x", "--arg", "count=many"],
            &["count", "integer"],
        ),
        (
            &["run", "deploy", "--arg", "name=x", "--arg", "count=1.5"],
            &["count", "integer"],
        ),
        (
            &["run", "deploy", "--arg", "name=x", "--arg", "env=staging"],
            &["env", "dev"],
        ),
        (
            &["run", "deploy", "--arg", "name=x", "--arg", "nmae=y"],
            &["nmae"],
        ),
        (
            &["run", "deploy", "--args", "{\"name\": 5}"],
            &["name", "string"],
        ),
        (&["run", "deploy", "--args", "{\"name\": "], &["--args"]),
        (
            &["run", "deploy", "--args", "nowhere.json"],
            &["nowhere.json"],
        ),
    ];
    for (words, expected) in cases {
        world.say(words).is(2, expected);
    }
    world
        .say(&["run", "deploi"])
        .is(5, &["did you mean `deploy`?"]);
    assert!(world.runs().is_empty());
    assert_eq!(environments(&world), [""; 0]);
}

#[test]
fn a_start_that_is_refused_keeps_no_environment() {
    let world = World::new(&[("deploy", DEPLOY)]);
    let words = ["run", "deploy", "--arg", "name=x", "--budget=-1"];
    world.say(&words).is(2, &["above 0"]);
    assert!(world.runs().is_empty());
    assert_eq!(environments(&world), [""; 0]);
}

#[test]
fn an_arg_that_is_a_command_is_only_text() {
    let world = World::new(&[("quotes", QUOTES)]);
    let nasty = "$(touch x); rm -rf y `touch z` \"'; touch w; '\" \\ $HOME * | & > v\n#";
    std::fs::create_dir(world.directory().join("y")).unwrap();
    let arg = format!("x={nasty}");
    world
        .say(&["run", "quotes", "--arg", &arg])
        .is(0, &["completed"]);
    for file in ["double", "single", "words"] {
        let found = std::fs::read_to_string(world.directory().join(file)).unwrap();
        assert_eq!(found, nasty, "{file}");
    }
    let bare = std::fs::read_to_string(world.directory().join("bare")).unwrap();
    assert_eq!(bare, nasty, "outside quotes it is one word, too");
    assert!(world.directory().join("y").exists());
    for file in ["x", "z", "w", "v"] {
        assert!(!world.directory().join(file).exists(), "{file} was made");
    }
}
