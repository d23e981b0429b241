//! What the environment says of traces, by the names that OpenTelemetry gives the variables
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>). Endpoint and
//! headers are read by the exporter itself.

use std::time::Duration;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Agents and their tools have the attributes of the conventions for generative AI.
    pub gen_ai: bool,
    /// The environment names the service.
    pub is_named: bool,
    /// How long a collector may take to answer.
    pub patience: Duration,
}

/// How long a collector may take, when nothing is said.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is spoken.
const PROTOCOL: &str = "http/protobuf";

/// Opts in to the conventions for generative AI, among others, by commas.
const OPT_IN: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";

/// The conventions as they are now.
const GEN_AI: &str = "gen_ai_latest_experimental";

impl Settings {
    /// `None` when no collector is named, or traces are switched off.
    ///
    /// # Errors
    /// What is asked for and cannot be done.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let is = |name: &str, word: &str| {
            given(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(word))
        };
        if is("OTEL_SDK_DISABLED", "true") {
            return Ok(None);
        }
        let endpoint = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            .or_else(|| given("OTEL_EXPORTER_OTLP_ENDPOINT"));
        match (given("OTEL_TRACES_EXPORTER"), &endpoint) {
            (None, None) => return Ok(None),
            (None, Some(_)) => {}
            (Some(word), _) if word.trim() == "none" => return Ok(None),
            (Some(word), _) if word.trim() == "otlp" => {}
            (Some(word), _) => {
                return Err(format!(
                    "OTEL_TRACES_EXPORTER is `{word}`: it may be `otlp` or `none`"
                ));
            }
        }
        let protocol = given("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
            .map(|value| ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", value));
        let protocol = protocol.or_else(|| {
            given("OTEL_EXPORTER_OTLP_PROTOCOL").map(|value| ("OTEL_EXPORTER_OTLP_PROTOCOL", value))
        });
        if let Some((name, value)) = protocol.filter(|(_, value)| value.trim() != PROTOCOL) {
            return Err(format!(
                "{name} is `{value}`: only `{PROTOCOL}` is spoken, mostly on port 4318"
            ));
        }
        let patience = [
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
        ]
        .iter()
        .find_map(|name| Some((name, given(name)?)));
        let patience = match patience {
            Some((name, value)) => match value.trim().parse() {
                Ok(ms @ 1..) => Duration::from_millis(ms),
                _ => {
                    return Err(format!(
                        "{name} is `{value}`: it is milliseconds, 1 or more"
                    ));
                }
            },
            None => PATIENCE,
        };
        let opted_in = given(OPT_IN).unwrap_or_default();
        let named_there = given("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let mut attributes = named_there.split(',');
        Ok(Some(Self {
            patience,
            gen_ai: opted_in.split(',').any(|word| word.trim() == GEN_AI),
            is_named: given("OTEL_SERVICE_NAME").is_some()
                || attributes.any(|pair| pair.trim_start().starts_with("service.name=")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        Settings::read(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");

    #[test]
    fn nothing_is_sent_unless_a_collector_is_named() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), Ok(None));
        assert_eq!(
            read(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")]),
            Ok(None)
        );
        assert_eq!(read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "true")]), Ok(None));
        assert!(read(&[ENDPOINT]).unwrap().is_some());
        assert!(read(&[("OTEL_TRACES_EXPORTER", "otlp")]).unwrap().is_some());
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let other = read(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "zipkin")]).unwrap_err();
        assert!(other.contains("`otlp`"), "{other}");
        let grpc = read(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err();
        assert!(grpc.contains("http/protobuf"), "{grpc}");
    }

    #[test]
    fn how_long_a_collector_may_take_is_said_in_milliseconds() {
        let patience = |more: &[(&str, &str)]| {
            let settings = read(&[&[ENDPOINT], more].concat())?;
            Ok::<_, String>(settings.map(|settings| settings.patience))
        };
        assert_eq!(patience(&[]), Ok(Some(PATIENCE)));
        let all = ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500");
        let traces = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "300");
        assert_eq!(patience(&[all]), Ok(Some(Duration::from_millis(2500))));
        assert_eq!(
            patience(&[all, traces]),
            Ok(Some(Duration::from_millis(300)))
        );
        for wrong in ["10s", "0", "-1"] {
            let said = patience(&[("OTEL_EXPORTER_OTLP_TIMEOUT", wrong)]).unwrap_err();
            assert!(said.contains("milliseconds"), "{said}");
        }
    }

    #[test]
    fn the_conventions_for_generative_ai_are_opted_in_to() {
        let plain = read(&[ENDPOINT]).unwrap().unwrap();
        assert!(!plain.gen_ai && !plain.is_named);
        let opted = [
            ENDPOINT,
            (OPT_IN, "http, gen_ai_latest_experimental"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment=a,service.name=b",
            ),
        ];
        let opted = read(&opted).unwrap().unwrap();
        assert!(opted.gen_ai && opted.is_named);
    }
}
