//! The origins of the web pages that may read responses of a tenant (CORS): those that its clients list.

use std::collections::{HashMap, HashSet};

use url::Url;

/// The origins that the clients of a tenant list, as browsers write them (RFC 6454, 6.2), and patterns with a
/// wildcard (<https://auth0.com/docs/get-started/applications/wildcards-for-subdomains>).
#[derive(Debug, Default)]
pub struct Origins {
    exact: HashSet<String>,
    /// By scheme and host without the first label: `https://.example.com` has the patterns of
    /// `https://*.example.com` and `https://app-*.example.com`.
    wildcards: HashMap<String, Vec<Label>>,
}

/// The text before and after the wildcard in the first label of a host.
#[derive(Debug)]
struct Label {
    start: String,
    end: String,
}

impl Label {
    /// A wildcard stands for at least one character, and for one label only.
    fn matches(&self, label: &str) -> bool {
        label.len() > self.start.len() + self.end.len()
            && label.starts_with(&self.start)
            && label.ends_with(&self.end)
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    }
}

impl Origins {
    /// The origins of stored texts: scheme and authority in lower case. A text that is no origin matches none.
    pub(super) fn new(texts: impl IntoIterator<Item = String>) -> Self {
        let mut origins = Self::default();
        for text in texts {
            if text.contains(['*', '{']) {
                origins.add_wildcard(&text);
            } else {
                origins.exact.extend(serialized(&text));
            }
        }
        origins
    }

    /// A pattern that breaks Auth0's rules for wildcards matches nothing.
    fn add_wildcard(&mut self, text: &str) -> Option<()> {
        let (start, end) = text.split_once('*').filter(|_| text.matches('*').count() == 1)?;
        let (scheme, start) =
            start.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme))?;
        let (end, parent) = end.split_once('.')?;
        // A whole domain such as `*.com` is not a subdomain.
        if start.contains('.') || !parent.split(':').next()?.contains('.') {
            return None;
        }
        let parent = serialized(&format!("{scheme}://{parent}"))?;
        let key = parent.replacen("://", "://.", 1);
        let label = Label { start: start.to_owned(), end: end.to_owned() };
        self.wildcards.entry(key).or_default().push(label);
        Some(())
    }

    /// Whether a client lists the origin of a request.
    pub fn contain(&self, origin: &str) -> bool {
        let matches_wildcard = || {
            let (scheme, host) = origin.split_once("://")?;
            let (label, parent) = host.split_once('.')?;
            let labels = self.wildcards.get(&format!("{scheme}://.{parent}"))?;
            Some(labels.iter().any(|pattern| pattern.matches(label)))
        };
        self.exact.contains(origin) || matches_wildcard().unwrap_or(false)
    }

    /// Their number, for the size of the cache.
    pub(super) fn len(&self) -> usize {
        self.exact.len() + self.wildcards.values().map(Vec::len).sum::<usize>()
    }
}

/// An origin in the form of browsers; `None` for a text with more than an origin. Apps in web views have schemes
/// of their own.
fn serialized(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| url.username().is_empty() && url.password().is_none())?;
    match url.scheme() {
        "http" | "https" => Some(url.origin().ascii_serialization()),
        _ => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(texts: &[&str]) -> Origins {
        Origins::new(texts.iter().map(|text| (*text).to_owned()))
    }

    #[test]
    fn exact_origins_have_the_form_of_browsers() {
        let listed = origins(&[
            "https://app.example.com",
            "https://default.example:443",
            "http://localhost:3000",
            "http://127.0.0.1:80",
            "https://münchen.example",
            "capacitor://localhost",
            "https://user@named.example",
            "nothing",
        ]);
        for origin in [
            "https://app.example.com",
            "https://default.example",
            "http://localhost:3000",
            "http://127.0.0.1",
            "https://xn--mnchen-3ya.example",
            "capacitor://localhost",
        ] {
            assert!(listed.contain(origin), "{origin}");
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://example.com",
            "https://x.app.example.com",
            "http://localhost",
            "https://named.example",
            "null",
            "",
            "nothing",
        ] {
            assert!(!listed.contain(origin), "{origin}");
        }
    }

    #[test]
    fn wildcard_is_one_label_in_front_of_a_domain() {
        let listed = origins(&[
            "https://*.example.com",
            "https://app-*-test.example.org:8443",
            "https://*.com",
            "https://sub.*.example.net",
            "https://*.*.example.net",
            "com.example.app://*.example.net",
            "https://{organization_name}.example.net",
            "https://*",
            "*",
            "https://user@*.example.net",
        ]);
        for origin in
            ["https://a.example.com", "https://a-1.example.com", "https://app-7-test.example.org:8443"]
        {
            assert!(listed.contain(origin), "{origin}");
        }
        for origin in [
            "https://example.com",
            "https://.example.com",
            "https://a.b.example.com",
            "http://a.example.com",
            "https://a.example.com:8443",
            "https://a.example.com.evil.example",
            "https://evil.example/.example.com",
            "https://a@b.example.com",
            "https://app--test.example.org:8443",
            "https://app-7-test.example.org",
            "https://x.com",
            "https://sub.a.example.net",
            "https://a.example.net",
            "https://a.a.example.net",
            "com.example.app://a.example.net",
        ] {
            assert!(!listed.contain(origin), "{origin}");
        }
    }
}
