//! Accepts connections and finds out by the first byte what is spoken on them.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::capture::Capture;
use super::http;
use crate::world::Sandbox;

/// What every connection shares.
pub(super) struct Front {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) capture: Option<Capture>,
    tls: TlsAcceptor,
    slots: Arc<Semaphore>,
}

impl Front {
    pub(super) fn new(
        sandbox: Arc<Sandbox>,
        tls: TlsAcceptor,
        capture: Option<Capture>,
    ) -> Arc<Self> {
        Arc::new(Self { sandbox, capture, tls, slots: Arc::new(Semaphore::new(CONNECTIONS)) })
    }
}

/// Accepts until the sandbox stops.
pub(super) async fn accept(front: Arc<Front>, listener: TcpListener) {
    let stop = front.sandbox.stop.clone();
    while let Some(Ok(slot)) =
        stop.run_until_cancelled(Arc::clone(&front.slots).acquire_owned()).await
    {
        let stream = match stop.run_until_cancelled(listener.accept()).await {
            Some(Ok((stream, _))) => stream,
            Some(Err(error)) => {
                // Out of file handles, mostly: wait for connections to end.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            None => break,
        };
        let front = Arc::clone(&front);
        front.sandbox.tasks.clone().spawn(async move {
            if let Err(error) = connection(front, stream).await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
        });
    }
}

async fn connection(front: Arc<Front>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    let stop = front.sandbox.stop.clone();
    let Some(peeked) = stop.run_until_cancelled(timeout(HELLO, stream.peek(&mut first))).await
    else {
        return Ok(());
    };
    if peeked?? == 0 {
        return Ok(());
    }
    if first == [TLS_HANDSHAKE] {
        encrypted(front, stream).await
    } else {
        http::serve(front, stream, http::Over::Plain).await;
        Ok(())
    }
}

/// The inside of a `CONNECT`: TLS that ends here.
pub(super) fn tunnel(
    front: Arc<Front>,
    upgrade: OnUpgrade,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let Ok(Ok(upgraded)) = timeout(HELLO, upgrade).await else { return };
        if let Err(error) = encrypted(front, TokioIo::new(upgraded)).await {
            tracing::debug!(%error, "a tunnel ended early");
        }
    })
}

async fn encrypted<S>(front: Arc<Front>, stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stop = front.sandbox.stop.clone();
    let Some(accepted) = stop.run_until_cancelled(timeout(HELLO, front.tls.accept(stream))).await
    else {
        return Ok(());
    };
    http::serve(front, accepted??, http::Over::Tls).await;
    Ok(())
}

/// First byte of a TLS record that carries a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// How long a client may take to say hello.
const HELLO: Duration = Duration::from_secs(10);
/// Open connections; more wait in the listener's backlog.
const CONNECTIONS: usize = 512;
