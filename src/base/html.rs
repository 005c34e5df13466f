//! Pages for people: plain HTML without scripts.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:3rem auto;padding:0 1rem}label,input,button{display:block;font:inherit}input{width:100%;box-sizing:border-box;padding:.4rem;margin-bottom:1rem}button{padding:.4rem 1.2rem}[role=alert]{border-left:.3rem solid #b00020;padding-left:.7rem}";

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE.as_bytes())));

/// A page.
#[derive(Debug)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    pub html: String,
    /// `Content-Security-Policy`: no resources, no scripts, no frames around the page.
    pub policy: String,
}

impl Page {
    /// A page with a title and a body in HTML. `form_target` is the origin that its form redirects to.
    pub fn new(status: u16, title: &str, body: &str, form_target: Option<&str>) -> Self {
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
        );
        // Browsers apply form-action to the redirect that answers a form too.
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; form-action 'self'{}; base-uri 'none'; frame-ancestors 'none'",
            *STYLE_HASH,
            form_target.map(|origin| format!(" {origin}")).unwrap_or_default()
        );
        Self { status, html, policy }
    }
}

/// Text escaped for HTML content and attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
