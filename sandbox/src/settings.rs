use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How a sandbox tenant is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen. Loopback; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Everything in the tenant follows from it: the same seed gives the same company.
    pub seed: u64,
    /// People in the company, guests included.
    pub users: usize,
    /// How long an audit entry stays invisible after the event.
    pub audit_delay: Duration,
    /// Whether the directory log copies a call's `client-request-id` into `correlationId`. Nobody
    /// has shown that Graph does, so clients must do without.
    pub correlation_follows_client: bool,
    /// Whether the tenant has Entra ID P1, without which Graph does not show its logs.
    pub premium: bool,
    /// How long an access token lives.
    pub token_lifetime: Duration,
    /// Where the CA certificate is written (`ca.pem`), if anywhere.
    pub ca_dir: Option<PathBuf>,
    /// A file that gets every exchange as one JSON line.
    pub capture: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            users: 80,
            audit_delay: Duration::from_secs(3),
            correlation_follows_client: false,
            premium: true,
            token_lifetime: Duration::from_secs(3900),
            ca_dir: None,
            capture: None,
        }
    }
}
