//! The web app's files, which are built into the binary from `web/dist`.
//!
//! Names with a hash in them never change and are kept by browsers; an address that is no file is
//! one of the app's pages. A binary that was built without the app says how to build it.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// The page every address of the app begins with.
const INDEX: &str = "index.html";

/// Where the build puts files with a hash in their names.
const HASHED: &str = "assets/";

/// What the app may do: load and ask from here alone, and run or draw nothing that stands in the page
/// itself, so that no text of a run can ever act.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
form-action 'self'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><meta charset=\"utf-8\"><title>Baton</title>\
<h1>Baton is running</h1>\
<p>This binary was built without the web app. Build both with <code>make build</code>, which needs \
Node.js, or use <code>baton list</code> and the API at <code>/api</code>.</p>";

/// Answers for a path that is not the API's; `None` when it is no file and no page of the app.
pub fn answer(method: &Method, path: &str, asked: &HeaderMap) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let name = path.trim_start_matches('/');
    if let Some(file) = Files::get(name).filter(|_| !name.starts_with('.')) {
        return Some(file_answer(name, file, asked));
    }
    // A page has no ending; a file that is not there is not answered with a page.
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains('.') {
        return None;
    }
    Some(match Files::get(INDEX) {
        Some(file) => file_answer(INDEX, file, asked),
        None => {
            let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
            ([kind], NOT_BUILT).into_response()
        }
    })
}

fn file_answer(name: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let hash: String = file.metadata.sha256_hash()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{hash}\"");
    let caching = match name.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let known = asked.get(header::IF_NONE_MATCH);
    let mut response = match known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(Body::from(file.data)),
    };
    let headers = response.headers_mut();
    for (header, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(header, HeaderValue::from_static(value));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    let guessed = mime_guess::from_path(name).first_or_octet_stream();
    let kind = match guessed.type_() {
        mime_guess::mime::TEXT => format!("{guessed}; charset=utf-8"),
        _ => guessed.to_string(),
    };
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    response
}
