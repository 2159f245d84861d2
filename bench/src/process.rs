use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::stopwatch::Stopwatch;

/// One of our own processes. It ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
    begun: Stopwatch,
}

impl Process {
    /// Starts the program; what it prints on either stream can be waited for.
    pub(crate) fn start(
        program: &Path,
        name: &'static str,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let begun = Stopwatch::start();
        let mut child = Command::new(program)
            .arg(name)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{} {name}`", program.display()))?;
        let (sender, lines) = sync_channel(LINES);
        let out: Box<dyn Read + Send> = Box::new(child.stdout.take().context("piped")?);
        let errors: Box<dyn Read + Send> = Box::new(child.stderr.take().context("piped")?);
        for stream in [out, errors] {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // Nobody reads a long log; the pipe must be emptied all the same.
                    let _ = sender.try_send(line);
                }
            });
        }
        Ok(Self { name, child, lines, begun })
    }

    /// Waits for a line that `wanted` takes something from.
    pub(crate) async fn line<T>(
        &mut self,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut last = String::new();
        loop {
            match self.lines.try_recv() {
                Ok(line) => match wanted(&line) {
                    Some(found) => return Ok(found),
                    None => last = line,
                },
                Err(_) if self.begun.elapsed() > PATIENCE => {
                    bail!("`{}` does not get ready; last it said: {last}", self.name)
                }
                Err(_) => {
                    if let Some(status) = self.child.try_wait()? {
                        let rest = self.rest();
                        bail!("`{}` ended with {status}: {last} {rest}", self.name);
                    }
                    tokio::time::sleep(Duration::from_micros(500)).await;
                }
            }
        }
    }

    fn rest(&self) -> String {
        let mut rest = String::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200)) {
            rest.push_str(&line);
            rest.push(' ');
        }
        rest
    }

    /// Lines that tell of something wrong, said since the last look.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::ZERO) {
                Ok(line) if line.contains("WARN") || line.contains("ERROR") => found.push(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return found,
            }
        }
    }

    /// Time since it was started.
    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let asked = Stopwatch::start();
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("cannot run `kill`")?;
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > PATIENCE {
                bail!("`{}` does not stop", self.name);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Waits until it ends by itself, well.
    pub(crate) async fn ended(mut self) -> anyhow::Result<()> {
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("`{}` ended with {status}: {}", self.name, self.rest()),
                None if self.begun.elapsed() > PATIENCE => bail!("`{}` does not end", self.name),
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Processor time used so far, all threads.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(&self.child.id().to_string())
    }

    /// Resident memory now, in megabytes of 10^6 bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        self.kilobytes("VmRSS:")
    }

    /// The most resident memory there ever was.
    pub(crate) fn peak(&self) -> anyhow::Result<f64> {
        self.kilobytes("VmHWM:")
    }

    fn kilobytes(&self, field: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kibibytes: f64 =
            line.and_then(|line| line.split_whitespace().next()).context("VmRSS")?.parse()?;
        Ok(kibibytes * 1024.0 / 1e6)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const LINES: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// Processor time this process has used so far, all threads.
pub(crate) fn own_cpu() -> anyhow::Result<Duration> {
    cpu_of("self")
}

/// In hundredths of a second, as Linux counts it for user space on every machine.
fn cpu_of(process: &str) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold spaces: count from its end (proc(5)).
    let fields = stat.rsplit_once(") ").context("the format of /proc/…/stat")?.1;
    let mut fields = fields.split(' ').skip(11);
    let mut ticks =
        || -> anyhow::Result<u64> { Ok(fields.next().context("utime, stime")?.parse()?) };
    Ok(Duration::from_millis((ticks()? + ticks()?) * 10))
}
