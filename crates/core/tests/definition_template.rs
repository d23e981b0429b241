//! Promises of templates and expressions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use baton_core::definition::template::{
    EnvPart, Expression, Names, Text, ValueTemplate, from_json,
};
use serde_json::json;

fn names() -> Names {
    Names::default()
        .with(
            "args",
            from_json(&json!({
                "name": "Ada", "count": 3, "big": 9_007_199_254_740_993_i64, "none": null,
                "list": ["a", "b", "c"], "object": {"z": 1, "a": [true, null]}, "on": true,
                "float": 1.5, "long": "x".repeat(1 << 20),
            })),
        )
        .with(
            "steps",
            from_json(&json!({"build": {"status": "completed", "data": {"files": ["f", "g"]}}})),
        )
}

fn text(source: &str) -> String {
    Text::new(source).render(&names()).unwrap()
}

fn refusal(source: &str) -> String {
    Text::new(source).render(&names()).unwrap_err().to_string()
}

fn value(source: &str) -> serde_json::Value {
    Expression::new(source).evaluate(&names()).unwrap()
}

#[test]
fn text_without_templates_is_itself() {
    for plain in ["", "a\n", "${#x} {# not a comment #} {x}"] {
        assert_eq!(text(plain), plain);
    }
}

#[test]
fn values_are_put_into_text() {
    assert_eq!(text("Hi {{ args.name }}!\n"), "Hi Ada!\n");
    assert_eq!(
        text("{{ args.list }} {{ args.object }}"),
        r#"["a","b","c"] {"z":1,"a":[true,null]}"#
    );
    assert_eq!(
        text("{{ args.big }} {{ args.float }} {{ args.on }} {{ args.none }}"),
        "9007199254740993 1.5 true null"
    );
    assert_eq!(
        text(
            "{% for x in args.list if x != 'b' %}{{ loop.index }}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}"
        ),
        "1a,2c"
    );
    assert_eq!(text("{{# a note #}}x"), "x");
    assert_eq!(
        text("{% if args.missing is defined %}a{% elif args.on %}b{% else %}c{% endif %}"),
        "b"
    );
    assert_eq!(
        text("{% for k, v in args.object | items %}{{ k }}={{ v }};{% endfor %}"),
        "z=1;a=[true,null];"
    );
}

#[test]
fn expressions_compute() {
    for (source, expected) in [
        ("1 + 2 * 3", json!(7)),
        ("7 // 2", json!(3)),
        ("7 / 2", json!(3.5)),
        ("-7 % 3", json!(2)),
        ("2 ** 10", json!(1024)),
        ("args.count > 2 and args.name == 'Ada'", json!(true)),
        ("1 < args.count <= 3", json!(true)),
        ("'b' in args.list and 'x' not in args.list", json!(true)),
        ("'z' in args.object", json!(true)),
        ("args.list[1:]", json!(["b", "c"])),
        ("args.list[-1:]", json!(["c"])),
        ("args.list[0]", json!("a")),
        ("args.list[-1]", json!("c")),
        ("args.name[:2]", json!("Ad")),
        ("args.object['a'][0]", json!(true)),
        ("args.missing | default('d')", json!("d")),
        ("args.name ~ '-' ~ args.count", json!("Ada-3")),
        ("args.list | join(', ')", json!("a, b, c")),
        ("args.list | map('upper') | list", json!(["A", "B", "C"])),
        ("[{'n': 1}, {'n': 2}] | map(attribute='n') | sum", json!(3)),
        ("args.name | lower | replace('a', 'o')", json!("odo")),
        ("'{\"a\": [1]}' | fromjson", json!({"a": [1]})),
        ("args.object | tojson", json!("{\"z\":1,\"a\":[true,null]}")),
        ("args.object | keys", json!(["z", "a"])),
        ("'a b/c' | urlencode", json!("a%20b%2Fc")),
        ("'x' if args.on else 'y'", json!("x")),
        ("args.count is odd", json!(true)),
        ("range(3) | list", json!([0, 1, 2])),
        ("args.list | length", json!(3)),
        ("args.list | select('ne', 'a') | list", json!(["b", "c"])),
        ("args.list | first", json!("a")),
        ("{'b': 1, 'a': 2}", json!({"b": 1, "a": 2})),
        ("  args.name | trim  ", json!("Ada")),
        ("args.big", json!(9_007_199_254_740_993_i64)),
    ] {
        assert_eq!(value(source), expected, "{source}");
    }
}

#[test]
fn truth_is_as_in_python() {
    for (source, expected) in [
        ("''", false),
        ("'x'", true),
        ("0", false),
        ("[]", false),
        ("none", false),
        ("{}", false),
        ("[0]", true),
        ("args.on", true),
        ("not args.on", false),
    ] {
        assert_eq!(
            Expression::new(source).is_true(&names()),
            Ok(expected),
            "{source}"
        );
    }
}

#[test]
fn a_value_that_is_one_expression_keeps_its_type() {
    let template = ValueTemplate::new(json!({
        "files": "{{ steps.build.data.files }}", "count": "{{ args.count }}", "text": "n={{ args.count }}",
        "plain": [1, null, "x"], "none": "{{ args.none }}", "keep": 7,
    }));
    let rendered = template.render(&names()).unwrap();
    assert_eq!(
        rendered,
        json!({"files": ["f", "g"], "count": 3, "text": "n=3", "plain": [1, null, "x"], "none": null, "keep": 7})
    );
    assert_eq!(
        rendered.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["files", "count", "text", "plain", "none", "keep"]
    );
}

#[test]
fn a_missing_name_is_an_error_that_shows_the_expression() {
    assert_eq!(
        refusal("a {{ args.nope }}"),
        "`args.nope` does not exist in `args.nope`"
    );
    assert_eq!(refusal("{{ nope }}"), "`nope` does not exist in `nope`");
    assert_eq!(
        refusal("{{ args.nope.deeper }}"),
        "`args.nope` does not exist in `args.nope`"
    );
    assert_eq!(
        refusal("{{ args.list[9] }}"),
        "`args.list[9]` does not exist in `args.list[9]`"
    );
    assert_eq!(
        refusal("{{ args.count.x }}"),
        "`args.count.x` looks into a number in `args.count.x`"
    );
    assert_eq!(refusal("{{ 1 / 0 }}"), "divides by zero in `1 / 0`");
    assert_eq!(
        refusal("{{ 'a' - 1 }}"),
        "needs numbers, these are a text and a number in `'a' - 1`"
    );
    assert!(refusal("{{ args.name | uper }}").starts_with("there is no filter `uper`"));
    assert!(refusal("{{ args.name.upper() }}").contains("no method `upper`"));
    assert!(refusal("{% set x = 1 %}").contains("not part of the language"));
    assert!(
        refusal("{{ 1 ").contains("unexpected end"),
        "{}",
        refusal("{{ 1 ")
    );
}

#[test]
fn no_template_costs_much_memory_or_time() {
    let nested = "{% for a in range(10000) %}".repeat(4) + "x" + &"{% endfor %}".repeat(4);
    let chain = format!("{{{{ {}1 }}}}", "1 + ".repeat(200_000));
    let filters = format!("{{{{ 'a'{} }}}}", " | upper".repeat(200_000));
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000));
    let brackets = format!("{{{{ {} }}}}", "[".repeat(100_000));
    let nots = format!("{{{{ {}1 }}}}", "not ".repeat(100_000));
    let minus = format!("{{{{ {}1 }}}}", "-".repeat(100_000));
    let dots = format!("{{{{ a{} }}}}", ".a".repeat(100_000));
    let elifs = format!(
        "{{% if 0 %}}{}{{% endif %}}",
        "{% elif 0 %}".repeat(100_000)
    );
    let ifs = "{% if 1 %}".repeat(100_000);
    let many = format!("{{{{ [{}] }}}}", "args.long,".repeat(390));
    let bombs = [
        "{{ 'x' * 999999999 }}",
        "{{ 999999999 * 'x' }}",
        "{{ range(10 ** 9) }}",
        "{{ range(0, 10**18) | list }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ 2 ** 100000 }}",
        "{{ [1] * 999999999 }}",
        "{{ ('x' * 1000000) | replace('x', 'y' * 1000000) }}",
        "{{ 'x' | replace('', 'y' * 1000000) * 2 }}",
        "{{ range(10000) | join('x' * 1000000) }}",
        "{{ ('\n' * 1000000) | indent(999999) }}",
        "{{ ('\n' * 1000000) | indent(60) }}",
        "{{ range(10000) | map('replace', '0', 'x' * 1000000) | list }}",
        "{{ (args.long ~ args.long) | length }}",
        "{{ [args.long, args.long] }}",
        "{{ args.long ~ args.long }}",
        "{{ args.long }}{{ args.long }}",
        "{% for x in range(10000) %}{{ args.long }}{% endfor %}",
        "{% for a in [[args.long, args.long, args.long, args.long]] %}{% for b in [[a, a, a, a]] %}{% for c in [[b, b, b, b]] %}{{ c == c }}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{{ args.long == args.long }}{% endfor %}{% endfor %}",
        "{{ '%999999999d' | format(1) }}",
        "{{ [1] | batch(999999999, 'x') }}",
        "{{ 'a' | center(999999999) }}",
        "{{ args.object | tojson(indent=999999999) | length + 'a' }}",
        &nested,
        &chain,
        &filters,
        &parens,
        &brackets,
        &nots,
        &minus,
        &dots,
        &elifs,
        &ifs,
        &many,
    ];
    for bomb in bombs {
        let start = Instant::now();
        let result = Text::new(bomb).render(&names());
        let shown: String = bomb.chars().take(80).collect();
        assert!(
            result.is_err(),
            "{shown} gave {} bytes",
            result.unwrap().len()
        );
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{shown}: {:?}",
            start.elapsed()
        );
    }
}

#[test]
fn an_environment_value_keeps_secrets_as_references() {
    let parts = Text::new("k={{ secrets.KEY }};{{ args.name }}{{ secrets['OTHER'] }}")
        .render_env(&names())
        .unwrap();
    assert_eq!(
        parts,
        [
            EnvPart::Text("k=".into()),
            EnvPart::Secret("KEY".into()),
            EnvPart::Text(";Ada".into()),
            EnvPart::Secret("OTHER".into()),
        ]
    );
    assert_eq!(
        Text::new("").render_env(&names()).unwrap(),
        [EnvPart::Text(String::new())]
    );
    for wrong in [
        "{{ secrets.KEY | upper }}",
        "{{ 'a' ~ secrets.KEY }}",
        "{{ secrets }}",
        "{{ secrets.KEY if args.on }}",
    ] {
        let error = Text::new(wrong).render_env(&names()).unwrap_err();
        assert!(
            error.reason.contains("secret can only be used as it is"),
            "{wrong}: {error}"
        );
    }
    assert!(Text::new("{{ secrets.KEY }}").render(&names()).is_err());
}
