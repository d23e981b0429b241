//! A collector of traces that keeps what it is sent.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// See the module.
pub struct Collector {
    pub address: SocketAddr,
    kept: Arc<Kept>,
}

struct Kept {
    /// What it answers.
    status: AtomicU16,
    requests: AtomicUsize,
    spans: Mutex<Vec<Told>>,
    bytes: Mutex<Vec<u8>>,
    heads: Mutex<Vec<String>>,
}

/// A span as a test looks at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub service: String,
    pub trace: String,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    /// 0 unset, 1 ok, 2 error.
    pub status: i32,
    pub message: String,
    pub from: u64,
    pub to: u64,
}

impl Told {
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.attributes
            .get(name)
            .is_some_and(|found| found == value)
    }
}

impl Collector {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Kept {
            status: AtomicU16::new(200),
            requests: AtomicUsize::new(0),
            spans: Mutex::default(),
            bytes: Mutex::default(),
            heads: Mutex::default(),
        });
        let keeping = kept.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = keeping.clone();
                std::thread::spawn(move || kept.serve(stream));
            }
        });
        Self { address, kept }
    }

    /// What it answers from now on.
    pub fn answer(&self, status: u16) {
        self.kept.status.store(status, Ordering::Release);
    }

    pub fn requests(&self) -> usize {
        self.kept.requests.load(Ordering::Acquire)
    }

    /// The spans it took.
    pub fn spans(&self) -> Vec<Told> {
        self.kept.spans.lock().unwrap().clone()
    }

    /// All bytes of all bodies.
    pub fn bytes(&self) -> Vec<u8> {
        self.kept.bytes.lock().unwrap().clone()
    }

    /// Heads of the requests.
    pub fn heads(&self) -> Vec<String> {
        self.kept.heads.lock().unwrap().clone()
    }

    /// Tells a host to send its traces here.
    pub fn tell(&self, host: &mut Command) {
        host.env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", self.address),
        );
    }
}

impl Kept {
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((head, body)) = request(&mut reader) {
            let status = self.status.load(Ordering::Acquire);
            self.requests.fetch_add(1, Ordering::AcqRel);
            if status == 200 {
                let is_packed = head.contains("content-encoding: gzip");
                self.heads.lock().unwrap().push(head);
                self.take(&if is_packed { unpacked(&body) } else { body });
            }
            let answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n\r\n");
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn take(&self, body: &[u8]) {
        self.bytes.lock().unwrap().extend_from_slice(body);
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for resource in request.resource_spans {
            let of = resource.resource.unwrap().attributes;
            let service = of.iter().find(|pair| pair.key == "service.name").unwrap();
            let service = shown(service.value.as_ref().unwrap().value.as_ref());
            let spans = resource
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans);
            let spans = spans.map(|span| told(&service, span));
            self.spans.lock().unwrap().extend(spans);
        }
    }
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    flate2::read::GzDecoder::new(body)
        .read_to_end(&mut all)
        .unwrap();
    all
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn told(service: &str, span: Span) -> Told {
    let pair = |(key, value): (String, Option<_>)| (key, shown(value.as_ref()));
    let attributes = span.attributes.into_iter();
    let attributes = attributes.map(|found| (found.key, found.value.and_then(|value| value.value)));
    let status = span.status.unwrap_or_default();
    Told {
        service: service.to_owned(),
        trace: span
            .trace_id
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        id: span.span_id,
        parent: span.parent_span_id,
        name: span.name,
        attributes: attributes.map(pair).collect(),
        status: status.code,
        message: status.message,
        from: span.start_time_unix_nano,
        to: span.end_time_unix_nano,
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        other => format!("{other:?}"),
    }
}
