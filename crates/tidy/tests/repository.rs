//! Every rule of `baton-tidy`, asked about this repository.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use baton_tidy::tree::Tree;
use baton_tidy::{generated, layers, leaks, modules, sizes};

fn holds(rule: fn(&Tree) -> Vec<String>) {
    let tree = Tree::of_this_repository().expect("a git work tree");
    assert!(
        tree.text("Cargo.toml").is_some(),
        "the tree is this repository"
    );
    let complaints = rule(&tree);
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn crates_know_only_those_below_them() {
    holds(layers::check);
}

#[test]
fn source_files_stay_short() {
    let (median, ninetieth) = sizes::spread(&Tree::of_this_repository().unwrap());
    println!("lines of a source file: median {median}, ninetieth percentile {ninetieth}");
    holds(sizes::check);
}

#[test]
fn modules_have_names_and_say_what_they_own() {
    holds(modules::check);
}

#[test]
fn no_secret_machine_path_or_package_host_is_committed() {
    holds(leaks::check);
}

#[test]
fn generated_files_name_the_test_that_keeps_them_fresh() {
    holds(generated::check);
}
