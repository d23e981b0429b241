//! Any upload: its form is refused or read, and whatever its file is called, it is kept under a name
//! that means no other place and hides nothing.
#![no_main]

use axum::body::Body;
use axum::extract::{FromRequest, Multipart};
use axum::http::Request;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/app/src/host/runners/names.rs"]
#[allow(dead_code)]
mod names;

/// File systems take so many bytes.
const LONGEST: usize = 255;

fn check(name: &str) {
    let safe = names::safe_name(name);
    for (count, kept) in [(1, safe.clone()), (2, names::numbered(&safe, 2)), (9, names::numbered(&safe, u32::MAX))] {
        let is_plain = !kept.is_empty()
            && kept.len() <= LONGEST
            && !kept.starts_with('.')
            && !kept.contains(['/', '\\', '\0'])
            && !kept.chars().any(char::is_control);
        assert!(is_plain, "{name:?} becomes {kept:?} ({count})");
        assert_eq!(std::path::Path::new(&kept).components().count(), 1, "{kept:?}");
    }
    assert_eq!(names::safe_name(&safe), safe.trim_end(), "a safe name stays");
}

fuzz_target!(|data: &[u8]| {
    // As a name by itself, and within a form: the first line is the boundary.
    check(&String::from_utf8_lossy(data));
    let (boundary, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&b"x"[..], data),
    };
    let kind = [b"multipart/form-data; boundary=", boundary].concat();
    let request = Request::post("/").header("content-type", kind);
    let Ok(request) = request.body(Body::from(body.to_vec())) else {
        return;
    };
    futures_executor::block_on(async {
        let Ok(mut form) = Multipart::from_request(request, &()).await else {
            return;
        };
        while let Ok(Some(mut field)) = form.next_field().await {
            check(field.name().unwrap_or_default());
            check(field.file_name().unwrap_or_default());
            while let Ok(Some(_)) = field.chunk().await {}
        }
    });
});
