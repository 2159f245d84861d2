use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// One read: a path from the version on, its query, and the headers that change what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub(super) path: String,
    pub(super) eventual: bool,
    pub(super) prefer: Option<&'static str>,
}

impl Read {
    /// Reads a path such as `/v1.0/users/{id}`, whose segments are already encoded ([`segment`]).
    #[must_use]
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), eventual: false, prefer: None }
    }

    /// Adds a query option, for example `$select`. The value is encoded here.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(name);
        self.path.push('=');
        self.path.extend(utf8_percent_encode(value, QUERY));
        self
    }

    /// Asks the search index of the directory, which `$search` and `$count` need and which lags a
    /// little (`ConsistencyLevel: eventual`).
    #[must_use]
    pub const fn eventual(mut self) -> Self {
        self.eventual = true;
        self
    }

    /// Adds a `Prefer` header.
    #[must_use]
    pub const fn prefer(mut self, preference: &'static str) -> Self {
        self.prefer = Some(preference);
        self
    }
}

/// One path segment: everything but the unreserved characters is percent-encoded, so that a
/// guest's `#EXT#` does not cut the path.
#[must_use]
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The path of a user by object id or UPN. A UPN that starts with `$` needs the key form (Graph
/// page "Get a user").
#[must_use]
pub fn user_path(key: &str) -> String {
    if key.starts_with('$') {
        format!("/v1.0/users({})", utf8_percent_encode(&literal(key), KEY))
    } else {
        format!("/v1.0/users/{}", segment(key))
    }
}

/// An OData string literal: quoted, with quotes inside doubled.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A `$search` phrase for one property, with quotes and backslashes inside escaped.
#[must_use]
pub fn search_phrase(property: &str, text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{property}:{text}\"")
}

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const KEY: &AsciiSet = &SEGMENT.remove(b'\'').remove(b'$').remove(b'@');
const QUERY: &AsciiSet =
    &SEGMENT.remove(b',').remove(b'(').remove(b')').remove(b'/').remove(b':').remove(b'$');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_upn_stays_in_its_segment() {
        assert_eq!(
            user_path("ann_fabrikam.com#EXT#@contoso.com"),
            "/v1.0/users/ann_fabrikam.com%23EXT%23%40contoso.com"
        );
        assert_eq!(segment("a/b?c"), "a%2Fb%3Fc");
    }

    #[test]
    fn a_upn_with_a_dollar_uses_the_key_form() {
        assert_eq!(user_path("$o'brien@contoso.com"), "/v1.0/users('$o''brien@contoso.com')");
    }

    #[test]
    fn quotes_are_doubled_in_literals_and_escaped_in_phrases() {
        let read = Read::at("/v1.0/users")
            .option("$filter", &format!("displayName eq {}", literal("Pat O'Neil & Co")))
            .option("$top", "5");
        assert_eq!(
            read.path,
            "/v1.0/users?$filter=displayName%20eq%20%27Pat%20O%27%27Neil%20%26%20Co%27&$top=5"
        );
        assert_eq!(search_phrase("displayName", r#"a"b\"#), r#""displayName:a\"b\\""#);
    }
}
