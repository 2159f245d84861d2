//! `subtwin`: an AI helper with a real identity in a company's own directory.

use std::process::ExitCode;

use clap::Parser as _;
use subtwin::cli::{Arguments, Command};
use subtwin::{audit, bot, catalog, demo, keys, policy, run, sandbox, say, sign_in};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.command {
        Command::Demo(demo) => demo::command(&demo),
        Command::Sandbox(tenant) => sandbox::command(&tenant),
        Command::Keys(keys) => keys::command(&keys),
        Command::SignIn(sign_in) => sign_in::command(&sign_in),
        Command::Bot(bot) => bot::command(&bot),
        Command::Run(run) => run::command(&run),
        Command::Catalog(catalog) => catalog::command(&catalog),
        Command::Policy(policy) => policy::command(&policy),
        Command::Audit(audit) => audit::command(&audit),
    };
    say::ended(ended)
}
