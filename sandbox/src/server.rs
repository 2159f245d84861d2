//! One listener for everything: TLS, HTTP CONNECT and plain HTTP on the same port.

mod capture;
mod front;
mod http;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::settings::Settings;
use crate::tenant::Tenant;
use crate::world::Sandbox;
use capture::Capture;
use front::Front;

/// A sandbox that answers. Dropping it stops it without waiting.
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
    cause: io::Error,
}

/// Starts a sandbox tenant.
///
/// # Errors
/// When the address is taken or a file cannot be written.
pub async fn start(mut settings: Settings) -> Result<Running, StartError> {
    let failed = |doing| move |cause| StartError { doing, cause };
    let listener = TcpListener::bind(settings.listen).await.map_err(failed("listen"))?;
    let address = listener.local_addr().map_err(failed("listen"))?;
    settings.listen = address;

    // A large company takes seconds.
    let (seed, users) = (settings.seed, settings.users);
    let tenant = tokio::task::spawn_blocking(move || Tenant::sample(seed, users)).await;
    let tenant = tenant.map_err(io::Error::other).map_err(failed("make its company"))?;
    let (sandbox, changes) = Sandbox::new(settings, tenant);
    // Needed by the first sign-in only, and slow: made while the rest starts.
    sandbox.tasks.spawn_blocking({
        let sandbox = Arc::clone(&sandbox);
        move || {
            sandbox.keys.signing();
        }
    });

    let now = sandbox.world().now();
    let tls = tls::make(now).map_err(failed("make its certificates"))?;
    if let Some(dir) = &sandbox.settings.ca_dir {
        write_whole(&dir.join("ca.pem"), &tls.ca_pem).await.map_err(failed("write `ca.pem`"))?;
    }
    let capture = match &sandbox.settings.capture {
        Some(path) => Some(
            Capture::start(&sandbox.tasks, path)
                .await
                .map_err(failed("open the file for captured exchanges"))?,
        ),
        None => None,
    };

    let notifier = crate::notify::run(Arc::clone(&sandbox), changes);
    let stop = sandbox.stop.clone();
    sandbox.tasks.spawn(async move {
        stop.run_until_cancelled(notifier).await;
    });
    let front = Front::new(Arc::clone(&sandbox), tls.acceptor, capture);
    sandbox.tasks.spawn(front::accept(front, listener));
    Ok(Running { address, ca_pem: tls.ca_pem, sandbox })
}

impl Running {
    /// Stops: no new connections, bounded wait for open ones, captured exchanges on disk.
    pub async fn stop(self) {
        self.sandbox.stop.cancel();
        self.sandbox.tasks.close();
        if tokio::time::timeout(STOP, self.sandbox.tasks.wait()).await.is_err() {
            tracing::warn!("the sandbox stopped with work still open");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.sandbox.stop.cancel();
        self.sandbox.tasks.close();
    }
}

/// Writes a file so that readers see all of it or the one before.
async fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        tokio::fs::create_dir_all(dir).await?;
    }
    let half = path.with_extension("pem.part");
    tokio::fs::write(&half, text).await?;
    tokio::fs::rename(&half, path).await
}

/// How long a stop waits at most.
const STOP: Duration = Duration::from_secs(4);
