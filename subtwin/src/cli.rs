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
    /// Make the key that seals a twin's state, or put another one in its place.
    Keys(Keys),
    /// Make a twin's account, apps, consent, roles and licence in a directory; or unmake them.
    Onboard(Onboard),
    /// Sign the twin in, once; its tokens are kept sealed.
    SignIn(SignIn),
    /// Have an account of its own made for a person's agent.
    Promote(Promote),
    /// Take a person's agent's account away again, and all that was made with it.
    Demote(Demote),
    /// Prepare a twin that people reach as a bot.
    Bot(Bot),
    /// Run a twin.
    Run(Run),
    /// Say what a twin lacks, for which tool, and what to do about it. Changes nothing.
    Doctor(Look),
    /// Say who a twin is to its directory, and what its tokens are good for.
    Whoami(Look),
    /// Say how a twin is: running, notified, what is open, what went wrong last.
    Status(Look),
    /// Have a twin do nothing from now on, at once, until it is told otherwise.
    Suspend(Suspend),
    /// Let a suspended twin act again.
    Resume(Resume),
    /// Take a twin out of service: sessions, roles, consent, licence, apps, account; with proof.
    Offboard(Offboard),
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
    /// Write what `subtwin onboard` needs to make another twin in this tenant.
    #[arg(long, value_name = "FILE", requires = "ca_dir")]
    pub write_onboarding: Option<PathBuf>,
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
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Keys {
    /// What to do with keys.
    #[command(subcommand)]
    pub command: Option<KeysCommand>,
    /// Short for `keys new FILE`.
    #[arg(value_name = "FILE", hide = true)]
    pub file: Option<PathBuf>,
}

/// What to do with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key.
    New(NewKey),
    /// Put a new certificate in the place of the one a person's agent proves itself with. The agent
    /// must not run.
    Rotate(Rotate),
    /// Seal a twin's state with another key. The twin must not run; the old key opens nothing
    /// afterwards. Interrupted, it can be run again.
    Rewrap(Rewrap),
}

/// Options of `subtwin keys new`: where the key goes.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct NewKey {
    /// Into this file, which must not exist.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Into the operating system's keyring, under this name, which must be free.
    #[arg(long, value_name = "NAME")]
    pub keyring: Option<String>,
    /// Onto standard output, as a shell line that sets this environment variable. Whoever sees the
    /// output has the key.
    #[arg(long, value_name = "VARIABLE")]
    pub env: Option<String>,
}

/// Options of `subtwin keys rotate`.
#[derive(Clone, Debug, Args)]
pub struct Rotate {
    /// The agent's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How whoever may change its blueprint signs in.
    #[command(flatten)]
    pub way: HowToSignIn,
}

/// Options of `subtwin keys rewrap`.
#[derive(Clone, Debug, Args)]
pub struct Rewrap {
    /// The twin's configuration, which names the key in force.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Where the other key is.
    #[command(flatten)]
    pub to: OtherKey,
}

/// Where the other key is, or goes.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct OtherKey {
    /// In this file; made if it is not there.
    #[arg(long, value_name = "FILE")]
    pub to_file: Option<PathBuf>,
    /// In the operating system's keyring, under this name; made if it is not there.
    #[arg(long, value_name = "NAME")]
    pub to_keyring: Option<String>,
    /// In this environment variable, which must be set: `subtwin keys new --env VARIABLE`.
    #[arg(long, value_name = "VARIABLE")]
    pub to_env: Option<String>,
}

/// Options of `subtwin onboard`.
#[derive(Debug, Args)]
pub struct Onboard {
    /// What to do.
    #[command(subcommand)]
    pub command: OnboardCommand,
}

/// What to do about a twin that is not there yet, or not to be there any more.
#[derive(Clone, Debug, Subcommand)]
pub enum OnboardCommand {
    /// Print exactly what would be made. Changes nothing.
    Plan {
        /// The onboarding's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Sign an administrator in, to look what is there already.
        #[arg(long)]
        sign_in: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Sign an administrator in and make it, step by step. Can be run again after any interruption.
    Apply {
        /// The onboarding's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Look and print the plan; change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Print what the account first signs in with on standard output instead of the terminal.
        #[arg(long)]
        print_secret: bool,
        /// Also give the account something new to sign in with, in place of what was shown before.
        #[arg(long, conflicts_with = "dry_run")]
        new_credential: bool,
    },
    /// Sign the twin in for both registrations and write its configuration and a summary.
    SignIn {
        /// The onboarding's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Where the twin's configuration goes. It must not exist.
        #[arg(long, value_name = "FILE", default_value = "twin.toml")]
        out: PathBuf,
        /// Where the summary goes. It must not exist.
        #[arg(long, value_name = "FILE", default_value = "onboarding.md")]
        summary: PathBuf,
    },
    /// Take away what `apply` made, and nothing else.
    Undo {
        /// The onboarding's configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// Options of `subtwin sign-in`.
#[derive(Clone, Debug, Args)]
pub struct SignIn {
    /// The twin's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How.
    #[command(flatten)]
    pub way: HowToSignIn,
    /// Have an administrator agree to what both registrations ask for, once for the tenant; signs
    /// nobody in.
    #[arg(long, conflicts_with = "device_code")]
    pub admin_consent: bool,
}

/// How somebody signs in.
#[derive(Clone, Debug, Args)]
pub struct HowToSignIn {
    /// Print the address instead of opening a browser; it must be opened on this machine.
    #[arg(long)]
    pub no_browser: bool,
    /// Sign in on another device, by a code typed there; without a screen this is the default.
    #[arg(long, conflicts_with = "no_browser")]
    pub device_code: bool,
}

/// Options of `subtwin promote`.
#[derive(Clone, Debug, Args)]
pub struct Promote {
    /// The agent's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Only say what would be made.
    #[arg(long)]
    pub dry_run: bool,
    /// How whoever may make agents signs in.
    #[command(flatten)]
    pub way: HowToSignIn,
}

/// Options of `subtwin demote`.
#[derive(Clone, Debug, Args)]
pub struct Demote {
    /// The agent's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Only say what would be deleted.
    #[arg(long)]
    pub dry_run: bool,
    /// How whoever may delete agents signs in.
    #[command(flatten)]
    pub way: HowToSignIn,
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

/// Options of the commands that look at a twin from outside.
#[derive(Clone, Debug, Args)]
pub struct Look {
    /// The twin's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `subtwin suspend`.
#[derive(Clone, Debug, Args)]
pub struct Suspend {
    /// The twin's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// What the people who write to it are told, as a sentence.
    #[arg(long, value_name = "WORDS", default_value = "my operator has suspended me.")]
    pub why: String,
}

/// Options of `subtwin resume`.
#[derive(Clone, Debug, Args)]
pub struct Resume {
    /// The twin's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Options of `subtwin offboard`.
#[derive(Clone, Debug, Args)]
pub struct Offboard {
    /// The onboarding's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Say what would be done; sign nobody in and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the proof as JSON.
    #[arg(long)]
    pub json: bool,
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
