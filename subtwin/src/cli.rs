//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use subtwin_kernel::Tool;

/// An AI helper with a real identity in a company's own directory: people DM it, it says exactly
/// what it is about to do, a human answers yes, and the company's audit log carries its name.
#[derive(Debug, Parser)]
#[command(name = "subtwin", version, about, propagate_version = true)]
#[command(after_help = "Start with `subtwin demo`: a whole tenant and a twin on this machine.")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try it: a sandbox tenant and a twin in it, and a page to talk to it.
    Demo(Demo),
    /// Run a sandbox tenant on its own, for any client.
    Sandbox(Sandbox),
    /// Make the key file that seals a twin's state.
    Keys(Keys),
    /// Sign the twin in, once; its tokens are kept sealed.
    SignIn(SignIn),
    /// Prepare a twin that people reach as a bot.
    Bot(Bot),
    /// Run a twin.
    Run(Run),
    /// Show what a twin can do at all: the fixed catalog.
    Catalog(Catalog),
    /// Check policies, and explain what they say.
    Policy(Policy),
    /// Read and verify the evidence, offline.
    Audit(Audit),
}

/// Options of `subtwin demo`.
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// Play a story without a browser and print the transcript.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "helpdesk")]
    pub script: Option<String>,
    /// One JSON object per event instead of text.
    #[arg(long, requires = "script")]
    pub json: bool,
    /// Port of the page; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Write every exchange to this file, one JSON line each, secrets masked.
    #[arg(long, value_name = "FILE")]
    pub capture: Option<PathBuf>,
    /// Keep the twin's state and evidence here instead of in a directory that goes away.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Options of `subtwin sandbox`.
#[derive(Clone, Debug, Args)]
pub struct Sandbox {
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The same seed gives the same company.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// People in the company.
    #[arg(long, default_value_t = 80)]
    pub users: usize,
    /// Seconds until an audit entry becomes visible.
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    pub audit_delay: f64,
    /// Write the CA certificate `ca.pem` into this directory.
    #[arg(long, value_name = "DIR")]
    pub ca_dir: Option<PathBuf>,
    /// Write a configuration for the sample twin in this tenant, for `subtwin run`.
    #[arg(long, value_name = "FILE", requires = "ca_dir")]
    pub write_config: Option<PathBuf>,
    /// Write every exchange to this file, one JSON line each, secrets masked.
    #[arg(long, value_name = "FILE")]
    pub capture: Option<PathBuf>,
    /// Turn a fault switch on: `dropNotifications=50` (per thousand), `slowMs=200`, …
    #[arg(long, value_name = "NAME=VALUE")]
    pub fault: Vec<String>,
    /// Print the start-up facts as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Options of `subtwin keys`.
#[derive(Clone, Debug, Args)]
pub struct Keys {
    /// The key file to make. It must not exist.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Options of `subtwin sign-in`.
#[derive(Clone, Debug, Args)]
pub struct SignIn {
    /// The twin's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Options of `subtwin bot`.
#[derive(Debug, Args)]
pub struct Bot {
    /// What to prepare.
    #[command(subcommand)]
    pub command: BotCommand,
}

/// What a bot needs.
#[derive(Clone, Debug, Subcommand)]
pub enum BotCommand {
    /// Make the certificate for the bot's app registration, or show the one there is.
    Certificate(BotCertificate),
}

/// Options of `subtwin bot certificate`.
#[derive(Clone, Debug, Args)]
pub struct BotCertificate {
    /// The twin's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Make a new one in place of the one there is.
    #[arg(long)]
    pub renew: bool,
}

/// Options of `subtwin run`.
#[derive(Clone, Debug, Args)]
pub struct Run {
    /// The twin's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Options of `subtwin catalog`.
#[derive(Clone, Debug, Args)]
pub struct Catalog {
    /// Only what the twin with this configuration offers.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the capability descriptors as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Options of `subtwin policy`.
#[derive(Debug, Args)]
pub struct Policy {
    /// What to do with the policies.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// What to do with the policies.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check policy files; without any, print the shipped ones. Needs no network.
    Check {
        /// Policy files, as they would be named in the configuration.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Say whether somebody may ask for something, and by which rule. Reads the directory as the
    /// twin; changes nothing.
    Explain(Explain),
}

/// Options of `subtwin policy explain`.
#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// The twin's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Who asks, by user principal name.
    #[arg(long = "as", value_name = "UPN")]
    pub asker: String,
    /// For which tool.
    #[arg(long, value_name = "TOOL")]
    pub tool: Tool,
    /// About whom, by user principal name.
    #[arg(long, value_name = "UPN")]
    pub target: String,
    /// Which group, by object id or exact name, for the group tools.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Which licence, by product or part number, for the licence tools.
    #[arg(long, value_name = "LICENCE")]
    pub licence: Option<String>,
    /// Which property, by its name in Graph, for `entra.user.update`.
    #[arg(long, value_name = "PROPERTY", default_value = "jobTitle")]
    pub property: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `subtwin audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// What to do with the evidence.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What to do with the evidence. None of these needs a network or a running twin.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// One line per action.
    List(AuditPlace),
    /// Everything on record about one request.
    Show {
        /// Where.
        #[command(flatten)]
        place: AuditPlace,
        /// A receipt (`R-…`) or a request id.
        #[arg(value_name = "RECEIPT")]
        what: String,
    },
    /// Check every record, the tree and the signature.
    Verify {
        /// Where.
        #[command(flatten)]
        place: AuditPlace,
        /// The key the log must be signed with; without it, the key stored beside the log.
        #[arg(long, value_name = "VKEY")]
        key: Option<String>,
        /// A checkpoint saved earlier: the log must have grown from it.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// The proof (C2SP tlog-proof) that a receipt's record is in the log, to be checked without it.
    Proof {
        /// Where.
        #[command(flatten)]
        place: AuditPlace,
        /// A receipt (`R-…`).
        #[arg(value_name = "RECEIPT")]
        receipt: String,
    },
    /// Every record as one JSON line, or as traces for another program.
    Export {
        /// The evidence directory, or a copy of it.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// For another program: `agentack` gives one trace for each run of the twin.
        #[arg(long = "as", value_name = "FORMAT", requires = "out")]
        format: Option<TraceFormat>,
        /// Where the traces go: a directory that does not exist yet.
        #[arg(long, value_name = "DIR", requires = "format")]
        out: Option<PathBuf>,
    },
}

/// A program that is not ours and reads approvals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// agentack, traces of schema version 2.
    Agentack,
}

/// Where the evidence is, and how to print it.
#[derive(Clone, Debug, Args)]
pub struct AuditPlace {
    /// The evidence directory, or a copy of it.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
