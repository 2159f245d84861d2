//! How fast notifications become messages, against what the machine's RSA allows: each brings a
//! key that is encrypted to the twin's own.

mod service;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use async_trait::async_trait;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey,
};
use jiff::Timestamp;
use subtwin_hear::{Handler, Heard, Intake, Seen, SeenError};
use subtwin_kernel::{ChatId, KeyBytes, MessageId, Secret, SystemClock, SystemEntropy};
use subtwin_store::Store;
use subtwin_teams::{Ears, Memory, MemoryError, Ports, Settings, Voice};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Setup;
use crate::figures::{Aim, Figures};
use crate::stopwatch::{Stopwatch, rate};
use service::Service;

pub(crate) async fn measure(setup: &Setup) -> anyhow::Result<Figures> {
    let mut figures = Figures::of("intake");
    for per_post in [1, 50] {
        // Before and after: on a machine with other work, either alone may be off.
        let before = tokio::task::spawn_blocking(private_operations).await??;
        let taken = take_in(setup, per_post).await?;
        let after = tokio::task::spawn_blocking(private_operations).await??;
        let rsa = f64::midpoint(before, after);
        figures.add("RSA-2048 private operations, two threads", rsa, "/s");
        figures.add(format!("notifications taken in, {per_post} to a post"), taken, "/s");
        let share = taken * 100.0 / rsa;
        figures.judge("that is of the RSA limit", share, "%", Aim::AtLeast(80.0));
    }
    Ok(figures)
}

/// How often two threads together open an RSA-2048 OAEP key in a second.
fn private_operations() -> anyhow::Result<f64> {
    let private = PrivateDecryptingKey::generate(KeySize::Rsa2048)?;
    let public = OaepPublicEncryptingKey::new(private.public_key())?;
    let mut room = vec![0; public.ciphertext_size()];
    let wrapped = public.encrypt(&OAEP_SHA1_MGF1SHA1, &[7; 32], &mut room, None)?.to_vec();
    let private = OaepPrivateDecryptingKey::new(private)?;
    let begun = Stopwatch::start();
    let done: usize = thread::scope(|scope| {
        let hands: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut room = vec![0; private.min_output_size()];
                    let mut done = 0;
                    while begun.elapsed() < RSA_TIME {
                        private.decrypt(&OAEP_SHA1_MGF1SHA1, &wrapped, &mut room, None).ok()?;
                        done += 1;
                    }
                    Some(done)
                })
            })
            .collect();
        hands.into_iter().map(|hand| hand.join().ok().flatten()).sum::<Option<usize>>()
    })
    .context("RSA failed")?;
    Ok(rate(done, begun.elapsed()))
}

/// Notifications per second, from the socket to the handler, each noted in the store on the way.
/// Who posts them runs on the same cores.
async fn take_in(setup: &Setup, per_post: usize) -> anyhow::Result<f64> {
    let place = tempfile::Builder::new().prefix("subtwin-bench-").tempdir_in(&setup.dir)?;
    let entropy = Arc::new(SystemEntropy::default());
    let store = Store::open(
        &place.path().join("store"),
        &KeyBytes::random(&*entropy),
        Arc::clone(&entropy) as _,
    )?;
    let counter = Arc::new(Counter::default());
    let kept = Arc::new(Kept(store.clone()));
    let intake = Intake::new(
        subtwin_hear::Settings::default(),
        Arc::clone(&kept) as _,
        Arc::clone(&counter) as _,
    );
    let service = Service::new()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let here = format!("http://{address}/");
    let (tenant, twin, app) = service::ids();
    let mut settings = Settings::new(tenant, twin, app, &here.parse()?)?;
    // Looking through chats is not what is measured, and this service has none.
    settings.attention = Duration::ZERO;
    let voice = Voice::new(&settings, Arc::clone(&service) as _, Arc::new(SystemClock));
    let ports = Ports {
        graph: Arc::clone(&service) as _,
        memory: kept,
        keys: Arc::clone(&service) as _,
        clock: Arc::new(SystemClock),
        entropy,
    };
    let ears = Ears::open(settings, ports, Arc::new(voice), intake.clone()).await?;
    let mut status = ears.status();
    let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    tasks.spawn(ears.run(listener, stop.clone()));
    let ready = status.wait_for(|status| status.subscription.is_some());
    tokio::time::timeout(Duration::from_secs(30), ready).await??;

    let made = Arc::clone(&service);
    let posts = tokio::task::spawn_blocking(move || made.posts(NOTIFICATIONS, per_post)).await??;
    let begun = Stopwatch::start();
    post_all(address, posts).await?;
    counter.until(NOTIFICATIONS).await?;
    let taken = begun.rate(NOTIFICATIONS);
    let refused = status.borrow().refused;
    ensure!(refused == 0, "{refused} notifications were refused");
    stop.cancel();
    tasks.join_all().await;
    intake.shutdown(Duration::from_secs(5)).await;
    store.close().await;
    Ok(taken)
}

/// Posts everything as the service does: again after a while when it is turned away. Plain bytes on
/// kept connections, so that the cores are left to the one who is measured.
async fn post_all(address: SocketAddr, posts: Vec<String>) -> anyhow::Result<()> {
    let posts = Arc::new(posts);
    let (next, mut posting) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for _ in 0..CONNECTIONS {
        let (posts, next) = (Arc::clone(&posts), Arc::clone(&next));
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        posting.spawn(async move {
            while let Some(post) = posts.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request = format!(
                    "POST /notifications HTTP/1.1\r\nHost: {address}\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{post}",
                    post.len()
                );
                loop {
                    stream.write_all(request.as_bytes()).await?;
                    match status(&mut stream).await? {
                        202 => break,
                        503 => tokio::time::sleep(TURNED_AWAY).await,
                        status => bail!("a post was answered {status}"),
                    }
                }
            }
            Ok(())
        });
    }
    while let Some(ended) = posting.join_next().await {
        ended??;
    }
    Ok(())
}

/// Reads an answer without a body.
async fn status(stream: &mut TcpStream) -> anyhow::Result<u16> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        ensure!(stream.read_buf(&mut answer).await? > 0, "the twin closed a connection");
    }
    let status = answer.get(9..12).context("an answer begins with its status")?;
    Ok(std::str::from_utf8(status)?.parse()?)
}

/// Counts what is handed on.
#[derive(Debug)]
struct Counter(Semaphore);

impl Default for Counter {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Counter {
    async fn until(&self, count: usize) -> anyhow::Result<()> {
        let count = u32::try_from(count)?;
        let all = self.0.acquire_many(count);
        let all = tokio::time::timeout(Duration::from_secs(120), all).await;
        all.with_context(|| format!("only {} were heard", self.0.available_permits()))??.forget();
        Ok(())
    }
}

#[async_trait]
impl Handler for Counter {
    async fn handle(&self, _: Heard) {
        self.0.add_permits(1);
    }
}

/// The twin's own store, as the program wires it.
#[derive(Debug)]
struct Kept(Store);

#[async_trait]
impl Seen for Kept {
    async fn take(
        &self,
        chat: &ChatId,
        message: MessageId,
        at: Timestamp,
    ) -> Result<bool, SeenError> {
        self.0.take(chat, message, at).await.map_err(|cause| SeenError(cause.into()))
    }

    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), SeenError> {
        self.0.finish(chat, message).await.map_err(|cause| SeenError(cause.into()))
    }
}

#[async_trait]
impl Memory for Kept {
    async fn get(&self, name: &'static str) -> Result<Option<Secret>, MemoryError> {
        self.0.sealed(name).await.map_err(|cause| failed("read", cause))
    }

    async fn put(&self, name: &'static str, value: &Secret) -> Result<(), MemoryError> {
        self.0.put_sealed(name, value).await.map_err(|cause| failed("keep", cause))
    }

    async fn watermarks(&self) -> Result<Vec<(ChatId, Timestamp)>, MemoryError> {
        self.0.watermarks().await.map_err(|cause| failed("read", cause))
    }

    async fn set_watermark(&self, chat: &ChatId, at: Timestamp) -> Result<(), MemoryError> {
        self.0.set_watermark(chat, at).await.map_err(|cause| failed("keep", cause))
    }
}

fn failed(operation: &'static str, cause: subtwin_store::StoreError) -> MemoryError {
    MemoryError { operation, cause: Box::new(cause) }
}

const THREADS: usize = 2;
const RSA_TIME: Duration = Duration::from_secs(3);
const NOTIFICATIONS: usize = 10_000;
const CONNECTIONS: usize = 8;
const TURNED_AWAY: Duration = Duration::from_millis(20);
