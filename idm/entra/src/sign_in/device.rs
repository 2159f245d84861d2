use std::time::Duration;

use super::SignInError;
use crate::token::{DeviceCode, DevicePoll, Expected, Issued, TokenClient, TokenError};

/// Signs an account in on another device (RFC 8628): `show` tells the person where to type which
/// code, and why they should be wary of codes that others give them.
///
/// Prefer [`sign_in`](super::sign_in): a device code can be phished, because whoever began the
/// sign-in gets the tokens, wherever the code is typed.
///
/// # Errors
/// When the code ends before it is typed, the person declines, or somebody else signs in.
pub async fn sign_in_by_device_code(
    client: &TokenClient,
    scopes: &[String],
    expected: Expected,
    show: impl FnOnce(&DeviceCode),
) -> Result<Issued, SignInError> {
    let device = client.start_device_code(scopes).await.map_err(SignInError::Token)?;
    show(&device);
    wait_for_device(client, &device, scopes, expected).await
}

/// Asks the token service until a code that was shown is answered or ends.
///
/// # Errors
/// As for [`sign_in_by_device_code`].
pub async fn wait_for_device(
    client: &TokenClient,
    device: &DeviceCode,
    scopes: &[String],
    expected: Expected,
) -> Result<Issued, SignInError> {
    let began = client.clock.now();
    let mut interval = device.interval;
    loop {
        if client.clock.now() >= device.expires_at {
            let life = device.expires_at.duration_since(began);
            return Err(SignInError::TooLate(life.try_into().unwrap_or_default()));
        }
        tokio::time::sleep(interval).await;
        match client.poll_device_code(device, scopes, expected).await {
            Ok(DevicePoll::Issued(issued)) => return Ok(*issued),
            poll => interval = next_interval(interval, poll)?,
        }
    }
}

/// How long to wait before the next question; an error when there is none to ask.
fn next_interval(
    interval: Duration,
    poll: Result<DevicePoll, TokenError>,
) -> Result<Duration, SignInError> {
    match poll {
        Ok(DevicePoll::Pending | DevicePoll::Issued(_)) => Ok(interval),
        Ok(DevicePoll::SlowDown) => Ok((interval + SLOWER).min(SLOWEST)),
        // An answer that does not come is asked for again, less often (RFC 8628 section 3.5).
        Err(TokenError::Unavailable { after, cause }) => {
            tracing::warn!(cause = %cause, "the token service did not answer; asking again");
            Ok(after.unwrap_or_default().max(interval + SLOWER).min(SLOWEST))
        }
        Err(error) => Err(SignInError::Token(error)),
    }
}

/// RFC 8628 section 3.5.
const SLOWER: Duration = Duration::from_secs(5);
const SLOWEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_down_adds_five_seconds_each_time_and_silence_does_too() {
        let five = Duration::from_secs(5);
        assert_eq!(next_interval(five, Ok(DevicePoll::Pending)).unwrap(), five);
        let mut interval = five;
        for expected in [10, 15, 20] {
            interval = next_interval(interval, Ok(DevicePoll::SlowDown)).unwrap();
            assert_eq!(interval.as_secs(), expected);
        }
        let silent = |after: Option<u64>| TokenError::Unavailable {
            after: after.map(Duration::from_secs),
            cause: "no answer".into(),
        };
        assert_eq!(next_interval(five, Err(silent(None))).unwrap().as_secs(), 10);
        assert_eq!(next_interval(five, Err(silent(Some(30)))).unwrap().as_secs(), 30);
        assert_eq!(next_interval(five, Err(silent(Some(9000)))).unwrap(), SLOWEST);
        let odd = TokenError::Unreadable { what: "odd" };
        assert!(next_interval(five, Err(odd)).is_err());
    }
}
