use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Reads an answer's body, up to a bound.
pub(crate) async fn read_body(
    response: &mut reqwest::Response,
) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len().saturating_add(chunk.len()) > LARGEST_BODY {
            return Err(format!("the answer is larger than {LARGEST_BODY} bytes").into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `Retry-After` in seconds, which may be fractional. Dates and nonsense count as absent.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: f64 = text.trim().parse().ok()?;
    // Nobody is asked to wait for more than a day.
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// Graph's largest page of what we read is far below this.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        retry_after(&headers)
    }

    #[test]
    fn retry_after_may_be_whole_fractional_absent_or_nonsense() {
        assert_eq!(read("3"), Some(Duration::from_secs(3)));
        assert_eq!(read("2.128"), Some(Duration::from_millis(2128)));
        assert_eq!(retry_after(&HeaderMap::new()), None);
        for odd in ["", "soon", "-1", "NaN", "inf", "1e99", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
